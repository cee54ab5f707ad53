//! The scheduler as many calls at once use it: behind a lock, with the clock read, and with what happens logged.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use facefleet_proto::{Health, Heartbeat, Join, Lease, Nodes, Route, RouteQuery, TaskResult, WorkerId};
use facefleet_service::clock;
use facefleet_service::http::token::{Gate, Token};
use facefleet_service::log_limit::LogLimit;
use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

use crate::TICK;
use crate::forwarding::Line;
use crate::metrics::Events;
use crate::queue::{KEPT, Queue};
use crate::record::Record;
use crate::waiting::{NoPlace, Waiting};
use crate::watch::Watching;
use facefleet_cluster::admission::AdmissionName;
use facefleet_cluster::join_limit::{JoinLimit, PER_S};
use facefleet_cluster::liveness::Loss;
use facefleet_cluster::outage::Turn;
use facefleet_cluster::policy::PolicyName;
use facefleet_cluster::registry::{Beat, Expired, Refused, Unknown};
use facefleet_cluster::scheduler::Scheduler;
use facefleet_cluster::settings::Settings;
use facefleet_cluster::sharing::masters::Masters;
use facefleet_cluster::sharing::settings::Agreed;

/// How often a thing is worth a line that may happen all the time, such as heartbeats of unknown workers: an old worker
/// sends one a second and for ever.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// Lost workers that are named when many are lost at once.
const TOLD_AT_ONCE: usize = 10;

/// What every call of the master works on. The lock is held for pure computation only.
pub(crate) struct Shared {
    scheduler: Mutex<Scheduler>,
    unknown: Mutex<LogLimit>,
    /// Apart from the scheduler, so that who is turned away holds nobody up.
    joins: Mutex<(JoinLimit, LogLimit)>,
    /// Written by every heartbeat, read by the journal and by `GetQ`.
    pub(crate) queue: Queue,
    /// Wakes whoever writes what a shared registry has to be told.
    pub(crate) news: Notify,
    /// Wakes calls that wait until a shared registry has what they set, or is known to be away.
    pub(crate) told: watch::Sender<()>,
    /// The calls that wait for a slot.
    pub(crate) waiting: Waiting,
    /// The others that share it.
    pub(crate) masters: watch::Sender<Masters<Line>>,
    /// Opens for who may administer.
    pub(crate) admin: Gate,
    /// What people look at.
    pub(crate) watching: Watching,
    /// Whether everybody is let in. Written under the scheduler's lock.
    is_open: AtomicBool,
    /// What has happened so far, for Prometheus.
    pub(crate) events: Events,
}

/// What a worker is told when it sends a heartbeat.
pub(crate) struct Pulse {
    /// It has to join again.
    pub(crate) unknown: bool,
    /// Which life of the master, or of the masters that share a registry, this is.
    pub(crate) epoch: u64,
    /// Another master would be better: this one is cut off from the registry that it shares.
    pub(crate) stale: bool,
    /// It is out of service.
    pub(crate) rest: bool,
}

impl Shared {
    /// `max_wait` is how long a stream waits for a slot, whenever not everybody is let in.
    pub(crate) fn new(policy: PolicyName, loss: Loss, max_wait: Duration) -> Shared {
        // 0 would be an old master, which does not tell; a clock that has not been set yet says 0.
        let epoch = clock::unix_us().max(1);
        Shared {
            scheduler: Mutex::new(Scheduler::new(policy, epoch).detecting(loss)),
            unknown: Mutex::new(LogLimit::new(SAID_EVERY)),
            joins: Mutex::new((JoinLimit::default(), LogLimit::new(SAID_EVERY))),
            queue: Queue::new(KEPT),
            news: Notify::new(),
            told: watch::Sender::default(),
            waiting: Waiting::new(max_wait),
            masters: watch::Sender::default(),
            admin: Gate::new(None),
            watching: Watching::new(clock::now()),
            is_open: AtomicBool::new(true),
            events: Events::default(),
        }
    }

    /// The same, with another rule of who is let in.
    pub(crate) fn admitting(self, admission: AdmissionName) -> Shared {
        let (mut scheduler, now) = self.locked();
        let settings = Settings { admission, ..scheduler.settings() };
        if let Some(agreed) = scheduler.agreed() {
            *agreed = Agreed::new(settings.clone());
        }
        self.set(scheduler, settings, now);
        self
    }

    /// The same, and who shows this token may administer; None: nobody.
    pub(crate) fn guarded(self, token: Option<Token>) -> Shared {
        Shared { admin: Gate::new(token), ..self }
    }

    /// What an administrator can change is so from now on. Calls that need not wait any more are told.
    pub(crate) fn set(&self, mut scheduler: MutexGuard<'_, Scheduler>, settings: Settings, now: Instant) {
        self.is_open.store(settings.admission == AdmissionName::Open, Ordering::Relaxed);
        let called = scheduler.set(settings, self.waiting.max_wait, now);
        self.waiting.wake(&called);
        self.admit(scheduler, now);
    }

    /// Takes in what masters that share a registry have agreed on, and does as they do.
    #[cfg(feature = "etcd")]
    pub(crate) fn agree(&self, take_in: impl FnOnce(&mut Agreed)) {
        let (scheduler, now) = self.locked();
        self.agree_under(scheduler, now, take_in);
    }

    /// The same, for who has the lock already.
    #[cfg(feature = "etcd")]
    pub(crate) fn agree_under(
        &self,
        mut scheduler: MutexGuard<'_, Scheduler>,
        now: Instant,
        take_in: impl FnOnce(&mut Agreed),
    ) {
        let before = scheduler.settings();
        let Some(agreed) = scheduler.agreed() else { return };
        take_in(agreed);
        let settings = agreed.settings();
        if settings != before {
            let (policy, admission) = (settings.policy.as_str(), settings.admission.as_str());
            info!(policy, admission, resting = settings.resting.len(), "other settings, by the shared registry's word");
            self.set(scheduler, settings, now);
        }
    }

    /// Whether everybody is let in.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    /// Whether one more worker may join from this address now.
    pub(crate) fn may_join(&self, from: IpAddr) -> bool {
        let now = clock::now();
        let mut joins = self.joins.lock().unwrap_or_else(PoisonError::into_inner);
        let (limit, log_limit) = &mut *joins;
        let may = limit.take(from, now);
        if !may && let Some(kept_back) = log_limit.allow(now) {
            warn!(kept_back, "too many workers join from {from}: {PER_S} a second are taken, the others come again");
        }
        may
    }

    /// The same for a master that shares its registry with others.
    #[cfg(feature = "etcd")]
    pub(crate) fn sharing(policy: PolicyName, loss: Loss, max_wait: Duration) -> Shared {
        let scheduler = Scheduler::new(policy, 0).detecting(loss).sharing(clock::now());
        Shared { scheduler: Mutex::new(scheduler), ..Shared::new(policy, loss, max_wait) }
    }

    /// Whether the cluster is known: a master that shares a registry has to have reached it once.
    pub(crate) fn is_ready(&self) -> bool {
        self.epoch() != 0
    }

    /// Which life of the master, or of the masters that share a registry, this is. 0: not known yet.
    pub(crate) fn epoch(&self) -> u64 {
        self.locked().0.epoch()
    }

    /// Takes a worker in, and says in which life of the master its number means something.
    pub(crate) fn join(&self, join: Join) -> Result<(WorkerId, u64), Refused> {
        let (name, address) = (join.identity.name.clone(), join.address);
        let (cores, version) = (join.cores, join.version.clone());
        let (mut scheduler, now) = self.locked();
        let joined = scheduler.join(join, now);
        let epoch = scheduler.epoch();
        drop(scheduler);
        self.news.notify_one();
        match joined {
            Ok(joined) => {
                self.events.joins.inc();
                let id = joined.id;
                for old in joined.replaced {
                    info!("{old} is replaced by worker {id}");
                }
                info!(cores, version, again = joined.again, "worker {id} `{name}` at {address} joined");
                Ok((id, epoch))
            }
            Err(refused) => {
                self.events.refused_joins.inc();
                warn!("worker `{name}` at {address} is refused: {refused}");
                Err(refused)
            }
        }
    }

    pub(crate) fn heartbeat(&self, heartbeat: Heartbeat) -> Pulse {
        let received_us = clock::unix_us();
        let (mut scheduler, now) = self.locked();
        let beat = scheduler.heartbeat(&heartbeat, now).map(|Beat { worker, back_after }| {
            (worker.is_resting, worker.join.identity.name.clone(), worker.join.address, back_after)
        });
        let pulse = Pulse {
            unknown: beat.is_err(),
            epoch: scheduler.epoch(),
            stale: scheduler.cut_off_since().is_some(),
            rest: beat.as_ref().is_ok_and(|(is_resting, ..)| *is_resting),
        };
        self.admit(scheduler, now);
        let Ok((_, name, address, back_after)) = beat else {
            self.events.unknown_heartbeats.inc();
            self.warn_of_unknown(&heartbeat, now);
            return pulse;
        };
        self.events.heartbeats.inc();
        if let Some(silent) = back_after {
            info!(?silent, "worker {} `{name}` at {address} is back", heartbeat.id);
        }
        self.queue.push(Record { received_us, name, address, heartbeat });
        pulse
    }

    /// Another master has heard a worker.
    #[cfg(feature = "etcd")]
    pub(crate) fn overheard(&self, heartbeat: &Heartbeat) {
        let (mut scheduler, now) = self.locked();
        scheduler.overheard(heartbeat, now);
        self.admit(scheduler, now);
    }

    pub(crate) fn leave(&self, id: WorkerId, generation: u64, epoch: u64) -> Result<(), Unknown> {
        let left = self.locked().0.leave(id, generation, epoch);
        self.news.notify_one();
        match &left {
            Ok(worker) => {
                self.events.leaves.inc();
                info!("{worker} left");
            }
            Err(Unknown) => warn!(%id, generation, "a worker that is not registered wanted to leave"),
        }
        left.map(drop)
    }

    /// Waits until the stream may be let in, and says where to.
    pub(crate) async fn route(&self, query: &RouteQuery) -> Result<Route, NoPlace> {
        let place = if self.is_open() { None } else { self.place(query).await? };
        let route = self.offer(query);
        let lease = place.map(|place| Lease { id: place.lease, ttl: place.ttl }).or(route.lease);
        Ok(Route { lease, ..route })
    }

    fn offer(&self, query: &RouteQuery) -> Route {
        let begun = clock::now();
        let (mut scheduler, now) = self.locked();
        let route = scheduler.route(query, now);
        let has_looked = scheduler.looked().is_some_and(|looked| now.saturating_duration_since(looked) <= TICK);
        if has_looked || !route.candidates.is_empty() {
            self.note(query, &route, begun, scheduler);
            return route;
        }
        drop(scheduler);
        // It may be that all have fallen silent since the last look, as after this process was stopped for a while. A look
        // walks over all workers, so it is not for everybody who finds nobody: a client that has them all asks each second.
        self.expire();
        let (mut scheduler, now) = self.locked();
        let route = scheduler.route(query, now);
        self.note(query, &route, begun, scheduler);
        route
    }

    /// Counts a route that was looked for since `begun`, and tells those who look why it is what it is.
    fn note(&self, query: &RouteQuery, route: &Route, begun: Instant, scheduler: MutexGuard<'_, Scheduler>) {
        let (reason, policy) = (scheduler.reason(), scheduler.policy());
        drop(scheduler);
        self.events.routed(policy, route.candidates.len(), clock::now().saturating_duration_since(begun));
        if let Some(reason) = reason {
            self.watching.decided(query, policy, reason);
        }
    }

    pub(crate) fn submit(&self, result: &TaskResult) {
        let (mut scheduler, now) = self.locked();
        scheduler.submit(result, now);
        self.admit(scheduler, now);
    }

    /// What is known of the cluster, with or without its workers.
    pub(crate) fn nodes(&self, without_nodes: bool) -> Nodes {
        let (scheduler, now) = self.locked();
        if without_nodes { scheduler.summary(now) } else { scheduler.nodes(now) }
    }

    /// Where the worker with this name shows what it sees; None: there is no such worker, it is lost, or it does not.
    pub(crate) fn live_address(&self, worker: &str) -> Option<SocketAddr> {
        let (scheduler, now) = self.locked();
        let worker = scheduler.registry().named(worker)?;
        let port = worker.join.http_port.filter(|_| worker.health(now) != Health::Lost)?;
        Some(SocketAddr::new(worker.join.address.ip(), port.get()))
    }

    /// Looks for workers that have gone silent.
    pub(crate) fn expire(&self) {
        let (mut scheduler, now) = self.locked();
        let expired = scheduler.expire(now);
        let turn = scheduler.doubt(now);
        self.admit(scheduler, now);
        self.joins.lock().unwrap_or_else(PoisonError::into_inner).0.tidy(now);
        let lost = expired.iter().filter(|event| matches!(event, Expired::Lost { .. })).count();
        self.events.losses.inc_by(lost as u64);
        let untold = expired.len().saturating_sub(TOLD_AT_ONCE);
        for event in expired.into_iter().take(TOLD_AT_ONCE) {
            match event {
                Expired::Lost { worker, silent } => {
                    warn!(?silent, "{worker} is lost: it gets no routes until it is heard of again");
                }
                Expired::Forgotten(worker) => info!("{worker} is forgotten: it has not come back"),
            }
        }
        if untold > 0 {
            warn!("{untold} more workers are lost or forgotten");
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

    /// Lets in whoever is next, after something that may have freed a slot, and tells those calls once the lock is gone.
    pub(crate) fn admit(&self, mut scheduler: MutexGuard<'_, Scheduler>, now: Instant) {
        let called = scheduler.admit(now);
        drop(scheduler);
        self.waiting.wake(&called);
    }

    /// The scheduler and the time. The time is read under the lock, so that it never goes back from one call to the
    /// next. A panic in another call is a bug, and no reason to stop serving: the next call goes on.
    pub(crate) fn locked(&self) -> (MutexGuard<'_, Scheduler>, Instant) {
        let scheduler = self.scheduler.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::now();
        (scheduler, now)
    }

    fn warn_of_unknown(&self, heartbeat: &Heartbeat, now: Instant) {
        let ask = self.unknown.lock().unwrap_or_else(PoisonError::into_inner).allow(now);
        let Some(kept_back) = ask else { return };
        let what_to_do = match heartbeat.generation {
            0 => "it is an old worker, which cannot join again by itself: restart it",
            _ => "it is told to join again, and will",
        };
        warn!(id = %heartbeat.id, kept_back, "heartbeat of a worker that is not registered; {what_to_do}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_that_finds_nobody_looks_at_all_workers_only_if_nobody_has_of_late() {
        let shared = Shared::new(PolicyName::default(), Loss::default(), Duration::ZERO);
        let looked = || shared.locked().0.looked();
        shared.offer(&RouteQuery::default());
        assert!(looked().is_some_and(|looked| looked <= clock::now()));
        // No moment is late after a look that is still to come.
        let to_come = clock::now() + Duration::from_secs(3600);
        shared.locked().0.expire(to_come);
        shared.offer(&RouteQuery::default());
        assert_eq!(looked(), Some(to_come));
    }
}
