//! What the other masters hear of their workers, this one hears from them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::{Heartbeat, wire};
use facefleet_service::backoff::Backoff;
use facefleet_service::log_limit::LogLimit;
use facefleet_service::{clock, grpc};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tonic::Status;
use tonic::transport::Channel;

use crate::forwarding::Line;
use crate::shared::Shared;
use facefleet_cluster::sharing::masters::{Registered, Tried};

/// How often it is worth a line that a registered master is not heard.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// Listens to other masters until it is dropped.
pub(super) struct Peers {
    shared: Arc<Shared>,
    /// Wakes those that wait to try again: a master is registered, maybe theirs.
    registered: Arc<Notify>,
    listening: JoinSet<()>,
}

impl Peers {
    pub(super) fn new(shared: Arc<Shared>) -> Peers {
        Peers { shared, registered: Arc::default(), listening: JoinSet::new() }
    }

    /// A session has begun: these are registered, and no others.
    pub(super) fn begin(&mut self, since: i64, masters: Vec<Registered>) {
        self.shared.masters.send_modify(|masters| masters.begin(since));
        masters.into_iter().for_each(|master| self.add(master));
    }

    /// Another master is registered.
    pub(super) fn add(&mut self, master: Registered) {
        while self.listening.try_join_next().is_some() {}
        let mut is_new = false;
        self.shared.masters.send_modify(|masters| is_new = masters.add(master, || Line::to(master.address)));
        self.registered.notify_waiters();
        if is_new {
            self.listening.spawn(listen(self.shared.clone(), self.registered.clone(), master.address));
        }
    }
}

async fn listen(shared: Arc<Shared>, registered: Arc<Notify>, address: SocketAddr) {
    let (mut waits, mut log_limit) = (Backoff::default(), LogLimit::new(SAID_EVERY));
    loop {
        let Some(line) = shared.masters.borrow().line(address) else { return };
        let lost = hear(&shared, address, line.short, &mut waits).await;
        let why = lost.as_ref().map_or_else(|status| grpc::explain(status), |()| "it stops".to_owned());
        let (mut tried, now) = (Tried::Enough, clock::now());
        shared.masters.send_modify(|masters| tried = masters.not_heard(address, now));
        match tried {
            Tried::Enough => return tracing::info!("the master at {address} is gone: {why}"),
            Tried::Registered if log_limit.allow(now).is_some() => tracing::warn!(
                "the master that is registered at {address} is not heard, and so its workers are not: {why}; if it runs, see \
                 whether that is its address (--advertise says it) and whether a firewall is between"
            ),
            Tried::Registered | Tried::Unregistered => tracing::debug!("the master at {address} is not heard: {why}"),
        }
        tokio::select! {
            () = sleep(waits.next_wait()) => {}
            () = registered.notified() => {}
        }
    }
}

/// Hears one master until that is over.
async fn hear(
    shared: &Shared,
    address: SocketAddr,
    mut line: MasterClient<Channel>,
    waits: &mut Backoff,
) -> Result<(), Status> {
    let mut records = line.get_q(wire::QueueRequest { last: 0 }).await?.into_inner();
    shared.masters.send_modify(|masters| masters.heard(address));
    tracing::info!("hearing the workers of the master at {address}");
    *waits = Backoff::default();
    while let Some(record) = records.message().await? {
        // What means nothing to this version is that master's business.
        if let Some(Ok(heartbeat)) = record.state.map(Heartbeat::try_from) {
            shared.overheard(&heartbeat);
        }
    }
    Ok(())
}
