//! Looking for masters.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use mdns_sd::{Receiver, ResolvedService, ServiceEvent};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::SERVICE;
use super::answer::{Answer, shown};
use super::cluster::{Cluster, Master, SeveralClusters, choose};
use super::daemon::Daemon;
use super::interface::leads_out;

/// The shortest search, and how long others are waited for once a master was found. The question goes out within 0.12 s
/// and again 1 s later, and an answer takes up to 0.12 s more (RFC 6762, sections 5.2 and 6). The second question has to be
/// answered too: the first is in vain where the same was answered to somebody else less than a second before.
pub const SHORTEST: Duration = Duration::from_millis(1500);
/// First and longest search of whoever waits for a master. Within each, the question is repeated less and less often.
const FIRST: Duration = Duration::from_secs(3);
const LONGEST: Duration = Duration::from_secs(24);
/// How long a master may take to take a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Answers that are followed in one search. A flood of them is somebody's mistake, or somebody's malice.
const MOST_ANSWERS: usize = 64;

/// Looks for a cluster for `limit`, or until [`SHORTEST`] after a master of one was found. None: there is none. That this
/// machine cannot look is a line in the log.
///
/// # Errors
/// There are several.
pub async fn look(limit: Duration) -> Result<Option<Cluster>, SeveralClusters> {
    choose(search(limit).await)
}

/// Looks until there is a cluster, and says now and then that it does.
///
/// # Errors
/// There are several.
pub async fn wait() -> Result<Cluster, SeveralClusters> {
    tracing::info!("looking for a master on this network; --master HOST:PORT names one");
    let mut limit = FIRST;
    loop {
        if let Some(cluster) = look(limit).await? {
            return Ok(cluster);
        }
        tracing::warn!(
            "no master announces itself on this network; still looking, unless --master HOST:PORT names one"
        );
        limit = (limit * 2).min(LONGEST);
    }
}

/// The masters that take connections.
async fn search(limit: Duration) -> Vec<Master> {
    let latest = Instant::now() + limit;
    let browse = match Browse::start() {
        Ok(browse) => browse,
        Err(error) => {
            tracing::warn!("cannot look for masters on this network: {error}");
            sleep_until(latest).await;
            return Vec::new();
        }
    };
    let mut end = latest;
    let mut followed = 0;
    let mut connecting = JoinSet::new();
    let mut found = Vec::new();
    loop {
        tokio::select! {
            answer = browse.next(), if followed < MOST_ANSWERS => {
                followed += 1;
                connecting.spawn(connect(answer));
            }
            Some(connected) = connecting.join_next() => {
                if let Some(master) = connected.expect("connecting does not panic") {
                    end = end.min(Instant::now() + SHORTEST);
                    master.add_to(&mut found);
                }
            }
            () = sleep_until(end) => break,
        }
    }
    drop(browse);
    while let Some(connected) = connecting.join_next().await {
        if let Some(master) = connected.expect("connecting does not panic") {
            master.add_to(&mut found);
        }
    }
    found
}

/// A question that is asked again and again.
struct Browse {
    events: Receiver<ServiceEvent>,
    _daemon: Daemon,
}

impl Browse {
    fn start() -> Result<Browse, mdns_sd::Error> {
        let daemon = Daemon::start(leads_out)?;
        Ok(Browse { events: daemon.ask().browse(SERVICE)?, _daemon: daemon })
    }

    /// The next answer that counts.
    async fn next(&self) -> Answer {
        loop {
            match self.events.recv_async().await {
                Ok(ServiceEvent::ServiceResolved(service)) => match read(&service) {
                    Ok(answer) => return answer,
                    Err(why) => tracing::debug!("`{}` is passed over: {why}", shown(service.get_fullname())),
                },
                Ok(_) => {}
                // More came than could be read. What was read will have to do.
                Err(_) => std::future::pending().await,
            }
        }
    }
}

fn read(service: &ResolvedService) -> Result<Answer, super::answer::PassedOver> {
    let addresses = service.get_addresses().iter().map(mdns_sd::ScopedIp::to_ip_addr);
    let txt = |key: &str| service.get_property_val_str(key);
    Answer::read(service.get_fullname(), service.get_port(), addresses, txt)
}

/// The best address at which somebody takes connections.
async fn connect(Answer { name, addresses, cluster }: Answer) -> Option<Master> {
    let tries: FuturesOrdered<_> = addresses.iter().map(|address| takes_connections(*address)).collect();
    let mut taken = tries.filter_map(std::future::ready);
    let Some(address) = taken.next().await else {
        tracing::debug!("`{name}` is passed over: nobody takes a connection at {addresses:?}");
        return None;
    };
    Some(Master { name, address: address.into(), cluster })
}

async fn takes_connections(address: SocketAddr) -> Option<SocketAddr> {
    let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
    matches!(connected, Ok(Ok(_))).then_some(address)
}
