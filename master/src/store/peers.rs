//! Listens to other masters, which pass on the heartbeats of their workers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use facefleet_cluster::sharing::masters::{Registered, Tried};
use facefleet_proto::backoff::Backoff;
use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::{Heartbeat, wire};
use facefleet_service::log_limit::LogLimit;
use facefleet_service::{clock, grpc};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tonic::Status;
use tonic::transport::Channel;

use crate::masters::{KnownMasters, MasterChannels};
use crate::shared_scheduler::SharedScheduler;

/// How often it is logged that a registered master is not heard.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Listens to other masters until it is dropped.
pub(crate) struct Peers {
    listener: Listener,
    tasks: JoinSet<()>,
}

/// What listening to one master needs.
#[derive(Clone)]
struct Listener {
    scheduler: SharedScheduler,
    masters: Arc<KnownMasters>,
    /// Wakes tasks that wait to try again: a master is registered, maybe theirs.
    registered: Arc<Notify>,
}

impl Peers {
    pub(crate) fn new(scheduler: SharedScheduler, masters: Arc<KnownMasters>) -> Peers {
        Peers { listener: Listener { scheduler, masters, registered: Arc::default() }, tasks: JoinSet::new() }
    }

    /// A session has begun, in which these masters are registered, and no others. This one is registered since the revision
    /// `since`.
    pub(super) fn begin(&mut self, since: i64, masters: Vec<Registered>) {
        self.listener.masters.send_modify(|masters| masters.begin(since));
        masters.into_iter().for_each(|master| self.add(master));
    }

    /// Another master is registered.
    pub(super) fn add(&mut self, master: Registered) {
        while self.tasks.try_join_next().is_some() {}
        let mut is_new = false;
        let channels = || MasterChannels::to(master.address);
        self.listener.masters.send_modify(|masters| is_new = masters.add(master, channels));
        self.listener.registered.notify_waiters();
        if is_new {
            self.tasks.spawn(listen(self.listener.clone(), master.address));
        }
    }

    /// A life of another master is registered no more.
    pub(super) fn remove(&self, keeper: u64) {
        self.listener.masters.send_modify(|masters| masters.remove(keeper));
    }
}

/// Listens to the master at this address until it is gone.
async fn listen(listener: Listener, address: SocketAddr) {
    let Listener { masters, registered, .. } = &listener;
    let (mut waits, mut log_limit) = (Backoff::default(), LogLimit::new(LOG_EVERY));
    loop {
        let Some(channels) = masters.borrow().connection(address) else { return };
        let lost = hear(&listener, address, channels.short, &mut waits).await;
        let why = lost.as_ref().map_or_else(|status| grpc::explain(status), |()| "it stops".to_owned());
        let (mut tried, now) = (Tried::Enough, clock::now());
        masters.send_modify(|masters| tried = masters.not_heard(address, now));
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

/// Takes in the heartbeats of one master until its stream of them ends.
async fn hear(
    listener: &Listener,
    address: SocketAddr,
    mut master: MasterClient<Channel>,
    waits: &mut Backoff,
) -> Result<(), Status> {
    let mut records = master.get_q(wire::QueueRequest { last: 0 }).await?.into_inner();
    listener.masters.send_modify(|masters| masters.heard(address));
    tracing::info!("hearing the workers of the master at {address}");
    *waits = Backoff::default();
    while let Some(record) = records.message().await? {
        // A heartbeat that means nothing to this version is that master's business.
        if let Some(Ok(heartbeat)) = record.state.map(Heartbeat::try_from) {
            let mut scheduler = listener.scheduler.lock();
            let now = scheduler.now();
            scheduler.overheard(&heartbeat, now);
        }
    }
    Ok(())
}
