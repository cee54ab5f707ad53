//! Searches the network for masters.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use mdns_sd::{Receiver, ResolvedService, ServiceEvent};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use super::cluster::{Cluster, FoundMaster, SeveralClusters, choose};
use super::daemon::Daemon;
use super::instance::{Ignored, Instance, shown};
use super::interface::leads_out;
use super::record::SERVICE;
use crate::clock;

/// The length of the shortest search, and how long a search goes on for other masters once it has found one. The query goes out
/// within 0.12 s and again 1 s later, and an answer takes up to 0.12 s more (RFC 6762, sections 5.2 and 6). The search must last
/// until the second query is answered, because the first gets no answer where the same one was given to somebody else less than a
/// second before.
pub const SHORTEST: Duration = Duration::from_millis(1500);
/// The length of the first search of a program that waits for a master. Each search after it is twice as long. Within a search,
/// the query is repeated less and less often.
const FIRST: Duration = Duration::from_secs(3);
/// The length of the longest search of a program that waits for a master.
const LONGEST: Duration = Duration::from_secs(24);
/// How long a master may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The most announcements that are followed in one search. More of them are somebody's mistake or malice.
const MAX_INSTANCES: usize = 64;

/// Searches for a cluster for `limit`, or until [`SHORTEST`] after the first master was found. None means that there is none. When
/// this machine cannot search, a line in the log says so.
///
/// # Errors
/// There are several clusters.
pub async fn look(limit: Duration) -> Result<Option<Cluster>, SeveralClusters> {
    choose(search(limit).await)
}

/// Searches until there is a cluster, and logs now and then that it still does.
///
/// # Errors
/// There are several clusters.
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

/// The masters that announce themselves and accept connections.
async fn search(limit: Duration) -> Vec<FoundMaster> {
    let latest = clock::now() + limit;
    let browse = match Browse::start() {
        Ok(browse) => browse,
        Err(error) => {
            tracing::warn!("cannot look for masters on this network: {error}");
            sleep_until(latest.into()).await;
            return Vec::new();
        }
    };
    let mut end = latest;
    let mut followed = 0;
    let mut connecting = JoinSet::new();
    let mut found = Vec::new();
    loop {
        tokio::select! {
            instance = browse.next(), if followed < MAX_INSTANCES => {
                followed += 1;
                connecting.spawn(connect(instance));
            }
            Some(connected) = connecting.join_next() => {
                if let Some(master) = connected.expect("connecting does not panic") {
                    end = end.min(clock::now() + SHORTEST);
                    master.add_to(&mut found);
                }
            }
            () = sleep_until(end.into()) => break,
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

/// A query for masters that is repeated until it is dropped.
struct Browse {
    events: Receiver<ServiceEvent>,
    _daemon: Daemon,
}

impl Browse {
    fn start() -> Result<Browse, mdns_sd::Error> {
        let daemon = Daemon::start(leads_out)?;
        Ok(Browse { events: daemon.ask().browse(SERVICE)?, _daemon: daemon })
    }

    /// Waits for the next announcement that counts.
    async fn next(&self) -> Instance {
        loop {
            match self.events.recv_async().await {
                Ok(ServiceEvent::ServiceResolved(service)) => match read(&service) {
                    Ok(instance) => return instance,
                    Err(why) => tracing::debug!("`{}` is passed over: {why}", shown(service.get_fullname())),
                },
                Ok(_) => {}
                // The channel closes when more came than could be read. What was read will have to do.
                Err(_) => std::future::pending().await,
            }
        }
    }
}

fn read(service: &ResolvedService) -> Result<Instance, Ignored> {
    let addresses = service.get_addresses().iter().map(mdns_sd::ScopedIp::to_ip_addr);
    let txt = |key: &str| service.get_property_val_str(key);
    Instance::read(service.get_fullname(), service.get_port(), addresses, txt)
}

/// Connects to the addresses of a master at once. The result has the best address that accepts connections; None when none does.
async fn connect(Instance { name, addresses, cluster }: Instance) -> Option<FoundMaster> {
    let tries: FuturesOrdered<_> = addresses.iter().map(|address| takes_connections(*address)).collect();
    let mut taken = tries.filter_map(std::future::ready);
    let Some(address) = taken.next().await else {
        tracing::debug!("`{name}` is passed over: nobody takes a connection at {addresses:?}");
        return None;
    };
    Some(FoundMaster { name, address: address.into(), cluster })
}

async fn takes_connections(address: SocketAddr) -> Option<SocketAddr> {
    let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
    matches!(connected, Ok(Ok(_))).then_some(address)
}
