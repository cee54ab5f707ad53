//! The workers of the cluster as they join, send heartbeats, leave and fall silent, with what happens logged and counted.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use facefleet_cluster::join_limit::{JoinLimit, PER_S};
use facefleet_cluster::outage::Turn;
use facefleet_cluster::registry::{Beat, Expired, Refused, Unknown};
use facefleet_proto::{Health, Heartbeat, Join, WorkerId};
use facefleet_service::clock;
use facefleet_service::log_limit::LogLimit;
use tracing::{error, info, warn};

use crate::metrics::Events;
use crate::publication::Publication;
use crate::queue::Queue;
use crate::record::Record;
use crate::shared_scheduler::SharedScheduler;

/// How often [`Members::look`] is called.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How often a line is logged about what may happen all the time, such as heartbeats of unknown workers: an old worker sends
/// one a second, for ever.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Lost workers that are named in the log when many are lost at once.
const NAMED_AT_ONCE: usize = 10;

/// Takes in what workers say.
pub(crate) struct Members {
    scheduler: SharedScheduler,
    queue: Arc<Queue>,
    publication: Arc<Publication>,
    events: Arc<Events>,
    /// Limits the log lines about heartbeats of unknown workers.
    unknown: Mutex<LogLimit>,
    /// Apart from the scheduler, so that workers that are turned away hold nobody up.
    joins: Mutex<Joins>,
}

struct Joins {
    limit: JoinLimit,
    log_limit: LogLimit,
}

/// A worker that has joined.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) id: WorkerId,
    /// The life of the master in which the id means something.
    pub(crate) epoch: u64,
}

/// What a worker is told when it sends a heartbeat.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeartbeatReply {
    /// The worker must join again.
    pub(crate) unknown: bool,
    /// Which life of the master, or of the masters that share a registry, this is.
    pub(crate) epoch: u64,
    /// Another master would be better, because this one is cut off from the registry that it shares.
    pub(crate) stale: bool,
    /// The worker is out of service.
    pub(crate) rest: bool,
}

/// The sender of a heartbeat.
struct Sender {
    name: String,
    address: SocketAddr,
    is_resting: bool,
    back_after: Option<Duration>,
}

impl Members {
    pub(crate) fn new(
        scheduler: SharedScheduler,
        queue: Arc<Queue>,
        publication: Arc<Publication>,
        events: Arc<Events>,
    ) -> Members {
        let joins = Joins { limit: JoinLimit::default(), log_limit: LogLimit::new(LOG_EVERY) };
        let unknown = Mutex::new(LogLimit::new(LOG_EVERY));
        Members { scheduler, queue, publication, events, unknown, joins: Mutex::new(joins) }
    }

    /// Whether one more worker may join from this address now.
    pub(crate) fn may_join(&self, from: IpAddr) -> bool {
        let now = clock::now();
        let mut joins = self.joins.lock().unwrap_or_else(PoisonError::into_inner);
        let Joins { limit, log_limit } = &mut *joins;
        let may = limit.take(from, now);
        if !may && let Some(kept_back) = log_limit.allow(now) {
            warn!(kept_back, "too many workers join from {from}: {PER_S} a second are taken, the others come again");
        }
        may
    }

    /// Takes a worker in.
    pub(crate) fn join(&self, join: Join) -> Result<Member, Refused> {
        let (name, address) = (join.identity.name.clone(), join.address);
        let (cores, version) = (join.cores, join.version.clone());
        let mut scheduler = self.scheduler.lock();
        let now = scheduler.now();
        let joined = scheduler.join(join, now);
        let epoch = scheduler.epoch();
        drop(scheduler);
        self.publication.request();
        match joined {
            Ok(joined) => {
                self.events.joins.inc();
                let id = joined.id;
                for old in joined.replaced {
                    info!("{old} is replaced by worker {id}");
                }
                info!(cores, version, again = joined.again, "worker {id} `{name}` at {address} joined");
                Ok(Member { id, epoch })
            }
            Err(refused) => {
                self.events.refused_joins.inc();
                warn!("worker `{name}` at {address} is refused: {refused}");
                Err(refused)
            }
        }
    }

    /// Takes a heartbeat, and passes it on to the queue.
    pub(crate) fn heartbeat(&self, heartbeat: Heartbeat) -> HeartbeatReply {
        let received_us = clock::unix_us();
        let mut scheduler = self.scheduler.lock();
        let now = scheduler.now();
        let beat = scheduler.heartbeat(&heartbeat, now);
        let sender = beat.ok().map(|Beat { worker, back_after }| Sender {
            name: worker.join.identity.name.clone(),
            address: worker.join.address,
            is_resting: worker.is_resting,
            back_after,
        });
        let reply = HeartbeatReply {
            unknown: sender.is_none(),
            epoch: scheduler.epoch(),
            stale: scheduler.cut_off_since().is_some(),
            rest: sender.as_ref().is_some_and(|sender| sender.is_resting),
        };
        drop(scheduler);
        let Some(Sender { name, address, back_after, .. }) = sender else {
            self.events.unknown_heartbeats.inc();
            self.warn_of_unknown(&heartbeat, now);
            return reply;
        };
        self.events.heartbeats.inc();
        if let Some(silent) = back_after {
            info!(?silent, "worker {} `{name}` at {address} is back", heartbeat.id);
        }
        self.queue.push(Record { received_us, name, address, heartbeat });
        reply
    }

    /// Lets a worker go.
    pub(crate) fn leave(&self, id: WorkerId, generation: u64, epoch: u64) -> Result<(), Unknown> {
        let left = self.scheduler.lock().leave(id, generation, epoch);
        self.publication.request();
        match &left {
            Ok(worker) => {
                self.events.leaves.inc();
                info!("{worker} left");
            }
            Err(Unknown) => warn!(%id, generation, "a worker that is not registered wanted to leave"),
        }
        left.map(drop)
    }

    /// Where the worker with this name shows what it sees; None: there is no such worker, or it is lost, or shows nothing.
    pub(crate) fn live_address(&self, worker: &str) -> Option<SocketAddr> {
        let scheduler = self.scheduler.lock();
        let worker = scheduler.registry().named(worker)?;
        let is_lost = worker.health(scheduler.now()) == Health::Lost;
        let port = worker.join.http_port.filter(|_| !is_lost)?;
        Some(SocketAddr::new(worker.join.address.ip(), port.get()))
    }

    /// Looks for workers that have fallen silent.
    pub(crate) fn look(&self) {
        let mut scheduler = self.scheduler.lock();
        let now = scheduler.now();
        let expired = scheduler.expire(now);
        let turn = scheduler.doubt(now);
        drop(scheduler);
        self.joins.lock().unwrap_or_else(PoisonError::into_inner).limit.tidy(now);
        let lost = expired.iter().filter(|event| matches!(event, Expired::Lost { .. })).count();
        self.events.losses.inc_by(lost as u64);
        let unnamed = expired.len().saturating_sub(NAMED_AT_ONCE);
        for event in expired.into_iter().take(NAMED_AT_ONCE) {
            match event {
                Expired::Lost { worker, silent } => {
                    warn!(?silent, "{worker} is lost: it gets no routes until it is heard of again");
                }
                Expired::Forgotten(worker) => info!("{worker} is forgotten: it has not come back"),
            }
        }
        if unnamed > 0 {
            warn!("{unnamed} more workers are lost or forgotten");
        }
        match turn {
            Some(Turn::Begun { vanished, heard }) => error!(
                "{vanished} workers fell silent at once and {heard} are heard of: this master takes its own network or \
                 machine for the cause and goes on offering them to clients; see whether it is cut off or overloaded"
            ),
            Some(Turn::Over { lost }) => warn!("most workers are heard of again; {lost} stay lost and get no routes"),
            None => {}
        }
    }

    fn warn_of_unknown(&self, heartbeat: &Heartbeat, now: Instant) {
        let allowed = self.unknown.lock().unwrap_or_else(PoisonError::into_inner).allow(now);
        let Some(kept_back) = allowed else { return };
        let what_to_do = match heartbeat.generation {
            0 => "it is an old worker, which cannot join again by itself: restart it",
            _ => "it is told to join again, and will",
        };
        warn!(id = %heartbeat.id, kept_back, "heartbeat of a worker that is not registered; {what_to_do}");
    }
}
