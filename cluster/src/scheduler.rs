//! The master's whole state: which workers there are, which streams are let in, and which workers a stream gets.
//!
//! [`Scheduler`] joins parts that know nothing of each other: the [registry](crate::registry), the
//! [promises](crate::promise) of routes, [admission](crate::admission), and the [book](crate::sharing::book) of a master that
//! shares its registry.

use std::cell::RefCell;
use std::collections::HashSet;
use std::time::{Duration, Instant};

use facefleet_proto::{Candidate, Health, Heartbeat, Join, Route, RouteQuery, StreamLease, TaskResult, WorkerId};

use crate::admission::{AdmissionName, Place, SlotAnswer, SlotCount, SlotRequest, Ticket};
use crate::outage::{MasterOutage, Turn};
use crate::policy::PolicyName;
use crate::promise::{self, Promises};
use crate::registry::{Beat, Expired, Joined, Refused, Registry, Unknown, Worker};
use crate::sharing::book::Book;
use crate::stream_lease::StreamLeases;
use admitting::Admitting;
use groups::{Chosen, Groups};
use offer::{candidate, contender};
use reason::LastRoute;
pub use reason::{Candidacy, Reason};

mod admitting;
mod groups;
mod offer;
mod reason;
pub mod settings;
pub mod sharing;

/// Registry, admission, promises and policy in one.
pub struct Scheduler {
    registry: Registry,
    promises: Promises,
    /// Numbers for streams whose clients choose none.
    leases: StreamLeases,
    /// The workers that routes are made of.
    groups: Groups,
    outage: MasterOutage,
    /// The workers that the outage hides. Routes are made of them when there is nobody better.
    hidden: Groups,
    /// When [`Scheduler::expire`] was last called.
    looked: Option<Instant>,
    policy: PolicyName,
    epoch: u64,
    admitting: Admitting,
    /// How long a stream waits to be let in, at most.
    max_wait: Duration,
    /// What to write into the shared registry; None: the registry is this master's alone.
    book: Option<Book>,
    last_route: LastRoute,
}

/// The cluster as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Which life of the master, or of the masters that share a registry, this is.
    pub epoch: u64,
    /// How workers are chosen.
    pub policy: PolicyName,
    /// How many workers fell silent at once, for which the master takes its own network for the cause. 0: there is no such
    /// outage.
    pub vanished: usize,
    /// Which streams are let in.
    pub admission: AdmissionName,
    /// How many streams wait for a slot.
    pub waiting: usize,
    /// For how long the shared registry has not answered; None: it does, or there is none.
    pub stale: Option<Duration>,
}

impl Scheduler {
    /// A scheduler that knows nobody yet, and lets every stream in. `epoch` is not 0 and differs between two lives of a
    /// master; it seeds whatever is left to chance.
    pub fn new(policy: PolicyName, epoch: u64) -> Scheduler {
        Scheduler {
            registry: Registry::default(),
            promises: Promises::default(),
            leases: StreamLeases::new(epoch),
            groups: Groups::new(policy, epoch),
            outage: MasterOutage::default(),
            hidden: Groups::new(policy, epoch),
            looked: None,
            policy,
            epoch,
            admitting: Admitting::open(epoch),
            max_wait: Duration::ZERO,
            book: None,
            last_route: LastRoute::default(),
        }
    }

    /// Lets streams wait for this long, whenever not every stream is let in.
    pub fn waiting_at_most(self, max_wait: Duration) -> Scheduler {
        Scheduler { max_wait, ..self }
    }

    /// Which life of the master this is.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How workers are chosen.
    pub fn policy(&self) -> PolicyName {
        self.policy
    }

    /// The workers of the cluster.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The cluster as a whole.
    pub fn summary(&self, now: Instant) -> Summary {
        Summary {
            epoch: self.epoch,
            policy: self.policy,
            vanished: self.outage.count(),
            admission: self.admitting.name(),
            waiting: self.admitting.waiting(),
            stale: self.cut_off_since().map(|since| now.saturating_duration_since(since)),
        }
    }

    /// Why the last route begins with the worker that it begins with; None: it has no worker.
    pub fn reason(&self) -> Option<Reason> {
        self.last_route.reason()
    }

    /// Since when the shared registry has not answered; None: it does, or there is none.
    pub fn cut_off_since(&self) -> Option<Instant> {
        self.book.as_ref().and_then(|book| book.cut_off)
    }

    /// Takes a worker in; see [`Registry::join`].
    ///
    /// # Errors
    /// The registry refuses the worker.
    pub fn join(&mut self, join: Join, now: Instant) -> Result<Joined, Refused> {
        let joined = self.registry.join(join, now)?;
        for worker in &joined.replaced {
            self.forget(worker.id);
            self.record(|book| book.gone(worker.id));
        }
        self.record(|book| book.joined(joined.id));
        // A worker that was in may offer something else now.
        self.groups.leave(joined.id);
        self.sort(joined.id);
        Ok(joined)
    }

    /// Takes a heartbeat; see [`Registry::heartbeat`]. An id that another life of the master gave is unknown here.
    ///
    /// # Errors
    /// The sender is not registered, and must join again.
    pub fn heartbeat(&mut self, heartbeat: &Heartbeat, now: Instant) -> Result<Beat<'_>, Unknown> {
        if !self.is_of_this_life(heartbeat.epoch) {
            return Err(Unknown);
        }
        let back_after = self.registry.heartbeat(heartbeat, now)?.back_after;
        self.record(|book| book.heard(heartbeat.id));
        self.take_in(heartbeat, now);
        let worker = self.registry.get(heartbeat.id).ok_or(Unknown)?;
        Ok(Beat { worker, back_after })
    }

    /// Takes in what a heartbeat that the registry has accepted says of routes and slots.
    fn take_in(&mut self, heartbeat: &Heartbeat, now: Instant) {
        self.sort(heartbeat.id);
        if let Some(worker) = self.registry.get(heartbeat.id) {
            self.admitting.name_streams(worker, heartbeat, now);
        }
    }

    /// Lets a worker go; see [`Registry::leave`]. An id that another life of the master gave is unknown here.
    ///
    /// # Errors
    /// The worker is not registered.
    pub fn leave(&mut self, id: WorkerId, generation: u64, epoch: u64) -> Result<Worker, Unknown> {
        if !self.is_of_this_life(epoch) {
            return Err(Unknown);
        }
        let worker = self.registry.leave(id, generation)?;
        self.forget(id);
        self.record(|book| book.gone(id));
        Ok(worker)
    }

    /// Looks for workers that have been silent for too long; see [`Registry::expire`]. To be called a few times a second;
    /// routes leave a lost worker out even before.
    ///
    /// In an outage of the master's own nobody is forgotten, however long it lasts. Nor is a worker that another master keeps:
    /// that master would not announce the worker again, so it stays until that master says that it is gone, or is gone itself.
    pub fn expire(&mut self, now: Instant) -> Vec<Expired> {
        self.looked = Some(now);
        let (is_outage, book) = (self.outage.is_on(), self.book.as_ref());
        let may_forget = |id| !is_outage && book.is_none_or(|book| book.is_ours(id));
        let expired = self.registry.expire(now, may_forget);
        for event in &expired {
            match event {
                Expired::Lost { worker, .. } => {
                    self.groups.leave(worker.id);
                    self.admitting.withdraw(worker.id);
                    // A worker that this master has never heard cannot be lost by a fault of the master's.
                    if worker.load.is_some() {
                        self.outage.lose(worker.id, now);
                    }
                }
                Expired::Forgotten(worker) => {
                    self.forget(worker.id);
                    if self.is_kept_here(worker.id) {
                        self.record(|book| book.gone(worker.id));
                    }
                }
            }
        }
        self.admitting.expire(now);
        expired
    }

    /// When [`Scheduler::expire`] was last called.
    pub fn looked(&self) -> Option<Instant> {
        self.looked
    }

    /// Looks whether so many workers were lost at once that the cause is the master's own network. To be called after
    /// [`Scheduler::expire`]; without this call lost workers get no routes, however many they are.
    pub fn doubt(&mut self, now: Instant) -> Option<Turn> {
        let heard = self.registry.workers().filter(|worker| worker.health(now) != Health::Lost).count();
        let vanished: Vec<WorkerId> = self.outage.vanished().collect();
        let turn = self.outage.look(heard, now);
        if matches!(turn, Some(Turn::Over { .. })) {
            self.hidden = Groups::new(self.policy, self.epoch);
            vanished.into_iter().for_each(|id| self.admitting.withdraw(id));
        }
        for worker in self.outage.vanished().filter_map(|id| self.registry.get(id)) {
            // Streams run on unheard: nobody's slot becomes free, and nobody is let in past those that wait.
            self.admitting.offer(worker);
            if !worker.is_draining() {
                self.hidden.enter(worker.id, &worker.join);
            }
        }
        if self.outage.is_on() {
            self.admitting.hold(now);
        }
        turn
    }

    /// Lets go of a worker that is gone for good.
    fn forget(&mut self, id: WorkerId) {
        self.groups.leave(id);
        self.hidden.leave(id);
        self.outage.strike_off(id);
        self.admitting.withdraw(id);
    }

    /// Takes in a worker that has just been heard of.
    fn sort(&mut self, id: WorkerId) {
        self.hidden.leave(id);
        self.outage.strike_off(id);
        self.group(id);
    }

    /// Takes a worker that is not lost into the groups, or out of them if it drains.
    fn group(&mut self, id: WorkerId) {
        let Some(worker) = self.registry.get(id) else { return self.groups.leave(id) };
        self.admitting.offer(worker);
        if worker.is_draining() {
            self.groups.leave(id);
        } else {
            self.groups.enter(id, &worker.join);
        }
    }

    /// Asks for a slot for a stream, or, if it has one, for more workers. None: every stream is let in. A stream whose client
    /// has chosen no number gets one, which its place names.
    pub fn ask(&mut self, query: &RouteQuery, now: Instant) -> Option<SlotAnswer> {
        let RouteQuery { task_sz, priority, detector, lease, waited, .. } = query;
        if self.admitting.is_open() {
            return None;
        }
        let stream = lease.unwrap_or_else(|| self.leases.draw());
        let (detector, waited) = (detector.clone(), *waited);
        let request = SlotRequest { stream, detector, priority: *priority, size: *task_sz, waited };
        self.admitting.ask(request, now)
    }

    /// Gives free slots to the streams that are next. Returns the calls that must be woken: each is to
    /// [collect](Scheduler::collect) its slot, or to ask again where it [is not waiting](Scheduler::is_waiting) any more. To be
    /// called after whatever may have freed a slot.
    pub fn admit(&mut self, now: Instant) -> Vec<Ticket> {
        self.admitting.admit(now)
    }

    /// The slot that a call has waited for; None: it has none, because the slot was lost again with its worker.
    pub fn collect(&mut self, ticket: Ticket, now: Instant) -> Option<Place> {
        self.admitting.collect(ticket, now)
    }

    /// Whether a call that was woken, and has no slot, is still in the queue. If not, every stream has been let in for a while
    /// and it must ask again.
    pub fn is_waiting(&self, ticket: Ticket) -> bool {
        self.admitting.is_waiting(ticket)
    }

    /// Ends a call that waits: its client is gone, or has waited long enough.
    pub fn cancel(&mut self, ticket: Ticket) {
        self.admitting.cancel(ticket);
    }

    /// Whether every stream is let in.
    pub fn is_open(&self) -> bool {
        self.admitting.is_open()
    }

    /// The slots of one worker.
    pub fn slots(&self, worker: WorkerId) -> SlotCount {
        self.admitting.slots(worker)
    }

    /// The slots of all workers.
    pub fn all_slots(&self) -> SlotCount {
        self.registry.workers().map(|worker| self.slots(worker.id)).sum()
    }

    /// Chooses workers for a stream, best first, and promises each of them a frame.
    ///
    /// Draining workers are never among them. Lost ones are among them only in an outage of the master's own, after all others.
    pub fn route(&mut self, query: &RouteQuery, now: Instant) -> Route {
        let RouteQuery { wanted, exclude, epoch, detector, lease, .. } = query;
        self.promises.expire(now);
        let exclude = exclude.iter().filter(|_| self.is_of_this_life(*epoch));
        let excluded: HashSet<WorkerId> = exclude.copied().collect();
        let (registry, promises) = (&self.registry, &self.promises);
        // A worker that has fallen silent since the last look at all of them is still in a group.
        let is_eligible = |worker: &&Worker| worker.health(now) == Health::Healthy && !excluded.contains(&worker.id);
        let looked_at = RefCell::new(self.last_route.begin());
        let look_up = |id| {
            let found = registry.get(id).filter(is_eligible).map(|worker| contender(worker, promises));
            found.inspect(|contender| {
                if *wanted == 1 {
                    looked_at.borrow_mut().push(contender.clone());
                }
            })
        };
        let mut chosen = self.groups.choose(detector.as_deref(), *wanted, &look_up);
        if chosen.workers.len() < *wanted && self.outage.count() > 0 {
            let look_up = |id| registry.get(id).filter(|_| !excluded.contains(&id)).map(|w| contender(w, promises));
            let hidden = self.hidden.choose(detector.as_deref(), *wanted - chosen.workers.len(), &look_up);
            chosen = chosen.and_then(hidden);
        }

        let Chosen { workers, shares } = chosen;
        self.last_route.record(&workers, looked_at.into_inner());
        let ids: Vec<WorkerId> = workers.iter().map(|worker| worker.id).collect();
        let offered = |(id, share): (&WorkerId, f64)| Some(candidate(self.registry.get(*id)?, share));
        let candidates: Vec<Candidate> = ids.iter().zip(shares).filter_map(offered).collect();
        if ids.is_empty() {
            return Route { candidates, lease: None, epoch: self.epoch };
        }
        let stream = lease.unwrap_or_else(|| self.leases.draw());
        self.promises.make(stream, ids, now);
        Route { candidates, lease: Some(StreamLease { id: stream, ttl: promise::TTL }), epoch: self.epoch }
    }

    /// Takes the result of a stream that has ended: its slot is free, what was promised for it ends, and what a worker took
    /// for its frames is worth knowing.
    ///
    /// Numbers that another life of the master gave mean nothing, nor does what an old client says of a worker.
    pub fn submit(&mut self, result: &TaskResult, now: Instant) {
        let TaskResult { worker, frame_time, frames, lease, epoch } = *result;
        if let (Some(worker), Some(time)) = (worker, frame_time)
            && epoch == self.epoch
            && frames > 0
        {
            self.registry.measured(worker, time);
        }
        let Some(stream) = lease else { return };
        self.admitting.end(stream, now);
        if self.is_of_this_life(epoch) {
            self.promises.end(stream);
        }
    }

    /// Whether numbers that come with `epoch` were given in this life. An old program sends no epoch, which reads as 0.
    fn is_of_this_life(&self, epoch: u64) -> bool {
        epoch == 0 || epoch == self.epoch
    }

    /// Records something in the book, if there is one.
    fn record(&mut self, record: impl FnOnce(&mut Book)) {
        if let Some(book) = &mut self.book {
            record(book);
        }
    }

    /// Whether this master keeps the registration of a worker in the shared registry.
    fn is_kept_here(&self, id: WorkerId) -> bool {
        self.book.as_ref().is_some_and(|book| book.is_ours(id))
    }
}

#[cfg(test)]
mod tests;
