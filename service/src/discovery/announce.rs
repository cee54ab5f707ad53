//! Announces a master on the network.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use mdns_sd::{DaemonEvent, Receiver, ServiceInfo};
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

use super::daemon::Daemon;
use super::instance::{host_name, instance_name, shown};
use super::interface::{hears, leads_out};
use super::record::{CLUSTER, PROTOCOL_VERSION, SERVICE, TXT_VERSION};
use crate::address;

/// How often the announcer looks up which cluster the master belongs to. The cluster changes when a shared registry comes back
/// empty.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the first announcement may take before there is a warning. It normally takes 0.75 s to see that the name is free.
const PATIENCE: Duration = Duration::from_secs(10);

/// Announces a master that listens on `bound` until `stop`, and then announces that it is gone. `cluster` gives the epoch of the
/// master's cluster, or 0 while that is not known. Nothing is announced until it is.
///
/// A master that nobody else can reach is not announced. On a machine that cannot announce at all, a line in the log says so.
pub async fn announce(bound: SocketAddr, cluster: impl Fn() -> u64 + Send, stop: CancellationToken) {
    if bound.ip().is_loopback() {
        return tracing::debug!("not announced: only this machine reaches {bound}");
    }
    let announcer = match Announcer::start(bound) {
        Ok(announcer) => announcer,
        Err(error) => return tracing::warn!("cannot announce this master on the network: {error}"),
    };
    let None = stop.run_until_cancelled(announcer.keep_announced(cluster)).await;
    announcer.daemon.end().await;
}

struct Announcer {
    daemon: Daemon,
    events: Receiver<DaemonEvent>,
    instance: String,
    host: String,
    port: u16,
}

impl Announcer {
    fn start(bound: SocketAddr) -> Result<Announcer, mdns_sd::Error> {
        let daemon = Daemon::start(move |name, ip| leads_out(name, ip) && hears(bound.ip(), ip))?;
        let events = daemon.ask().monitor()?;
        let host = address::host_name().unwrap_or_else(|| "master".to_owned());
        let port = bound.port();
        Ok(Announcer { daemon, events, instance: instance_name(&host, port), host: host_name(&host, port), port })
    }

    async fn keep_announced(&self, cluster: impl Fn() -> u64) -> Infallible {
        let mut looks = interval(LOOK_EVERY);
        let mut announced = 0;
        let mut is_announced = false;
        let too_long = sleep(PATIENCE);
        tokio::pin!(too_long);
        let mut is_late = false;
        loop {
            tokio::select! {
                _ = looks.tick() => {
                    let now = cluster();
                    if now != announced {
                        announced = now;
                        self.register(now);
                    }
                }
                Ok(event) = self.events.recv_async() => is_announced |= self.handle(&event, is_announced),
                () = &mut too_long, if !is_announced && !is_late && announced != 0 => {
                    is_late = true;
                    tracing::warn!(
                        "this master is not announced, as no network here takes it: workers and clients need --master"
                    );
                }
            }
        }
    }

    /// Announces the master, or a change of its cluster.
    fn register(&self, cluster: u64) {
        let Announcer { daemon, instance, host, port, .. } = self;
        let cluster = format!("{cluster:x}");
        let txt = [TXT_VERSION, PROTOCOL_VERSION, (CLUSTER, cluster.as_str())];
        // The daemon fills in the addresses of the interfaces that count, also when they change.
        let service = ServiceInfo::new(SERVICE, instance, host, (), *port, &txt[..]).map(ServiceInfo::enable_addr_auto);
        if let Err(error) = service.and_then(|service| daemon.ask().register(service)) {
            tracing::warn!("cannot announce this master on the network: {error}");
        }
    }

    /// Logs an event, and returns whether it says that the master is announced now. `before` says whether it was already.
    fn handle(&self, event: &DaemonEvent, before: bool) -> bool {
        match event {
            DaemonEvent::Announce(instance, _) if !before => {
                tracing::info!("announced on this network as `{}`", shown(instance));
                true
            }
            DaemonEvent::NameChange(change) => {
                tracing::info!("the name `{}` is taken on this network", shown(&change.original));
                false
            }
            DaemonEvent::Error(error) => {
                tracing::warn!("announcing this master: {error}");
                false
            }
            event => {
                tracing::debug!("announcing this master: {event:?}");
                false
            }
        }
    }
}
