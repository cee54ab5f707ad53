//! The master's whole state: who is there, who is promised what, and who comes next. Pure: time is an argument.

use std::cell::RefCell;
use std::collections::HashSet;
use std::time::Instant;

use facefleet_proto::{Candidate, Health, Heartbeat, Join, Node, Nodes, Route, RouteQuery, TaskResult, WorkerId};

use crate::admission::Admission;
use crate::lease::Leases;
use crate::liveness::Loss;
use crate::outage::{Outage, Turn};
use crate::policy::{Contender, PolicyName};
use crate::registry::{Beat, Expired, Joined, Refused, Registry, Unknown, Worker};
use crate::sharing::book::Book;
use groups::{Chosen, Groups};
use reason::Reason;

mod admitting;
mod groups;
mod reason;
pub mod settings;
pub mod sharing;

/// Registry, leases and policy in one.
pub struct Scheduler {
    registry: Registry,
    leases: Leases,
    /// Those of the registry that routes are made of.
    groups: Groups,
    outage: Outage,
    /// Those that it hides, and that routes are made of when there is nobody better.
    hidden: Groups,
    /// When [`Scheduler::expire`] was last called.
    looked: Option<Instant>,
    policy: PolicyName,
    epoch: u64,
    /// None: everybody is let in.
    admission: Option<Admission>,
    /// The first of the next admission, so that what an earlier one gave means nothing to it.
    next_number: u64,
    /// None: the registry is this master's alone.
    book: Option<Book>,
    /// Why the last route is what it is.
    reason: Reason,
}

impl Scheduler {
    /// A scheduler that knows nobody yet. `epoch` differs between two lives of a master and is not 0; what is left to
    /// chance follows from it.
    pub fn new(policy: PolicyName, epoch: u64) -> Scheduler {
        let (registry, leases, outage) = Default::default();
        let [groups, hidden] = [(); 2].map(|()| Groups::new(policy, epoch));
        Scheduler {
            registry,
            leases,
            groups,
            outage,
            hidden,
            looked: None,
            policy,
            epoch,
            admission: None,
            next_number: epoch,
            book: None,
            reason: Reason::default(),
        }
    }

    /// The same, with another way to detect losses.
    pub fn detecting(self, loss: Loss) -> Scheduler {
        Scheduler { registry: Registry::new(loss), ..self }
    }

    /// Which life of the master this is.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How workers are chosen.
    pub fn policy(&self) -> PolicyName {
        self.policy
    }

    /// Who is in the cluster.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// See [`Registry::join`].
    ///
    /// # Errors
    /// As there.
    pub fn join(&mut self, join: Join, now: Instant) -> Result<Joined, Refused> {
        let joined = self.registry.join(join, now)?;
        for worker in &joined.replaced {
            self.forget(worker.id);
            self.note(|book| book.gone(worker.id));
        }
        self.note(|book| book.joined(joined.id));
        // What it offers may have changed, if it was in.
        self.groups.leave(joined.id);
        self.sort(joined.id);
        Ok(joined)
    }

    /// See [`Registry::heartbeat`]. An id that another life of the master gave is unknown here.
    ///
    /// # Errors
    /// As there.
    pub fn heartbeat(&mut self, heartbeat: &Heartbeat, now: Instant) -> Result<Beat<'_>, Unknown> {
        if !self.is_ours(heartbeat.epoch) {
            return Err(Unknown);
        }
        let back_after = self.registry.heartbeat(heartbeat, now)?.back_after;
        self.note(|book| book.heard(heartbeat.id));
        self.sort(heartbeat.id);
        self.name_leases(heartbeat, now);
        let worker = self.registry.get(heartbeat.id).ok_or(Unknown)?;
        Ok(Beat { worker, back_after })
    }

    /// See [`Registry::leave`]. An id that another life of the master gave is unknown here.
    ///
    /// # Errors
    /// As there.
    pub fn leave(&mut self, id: WorkerId, generation: u64, epoch: u64) -> Result<Worker, Unknown> {
        if !self.is_ours(epoch) {
            return Err(Unknown);
        }
        let worker = self.registry.leave(id, generation)?;
        self.forget(id);
        self.note(|book| book.gone(id));
        Ok(worker)
    }

    /// See [`Registry::expire`]. To be called a few times a second; routes leave a lost worker out even before. In an outage
    /// of the master's own nobody is forgotten, however long it lasts. Nor is a worker that another master keeps, which would
    /// not tell of it again: it goes when that master says so, or is gone itself.
    pub fn expire(&mut self, now: Instant) -> Vec<Expired> {
        self.looked = Some(now);
        let (is_outage, book) = (self.outage.is_on(), self.book.as_ref());
        let may_forget = |id| !is_outage && book.is_none_or(|book| book.is_ours(id));
        let expired = self.registry.expire(now, may_forget);
        for event in &expired {
            match event {
                Expired::Lost { worker, .. } => {
                    self.groups.leave(worker.id);
                    self.withdraw_slots(worker.id);
                    // Whom this master has not heard once it cannot have lost by a fault of its own.
                    if worker.load.is_some() {
                        self.outage.lose(worker.id, now);
                    }
                }
                Expired::Forgotten(worker) => {
                    self.forget(worker.id);
                    if self.is_ours_to_keep(worker.id) {
                        self.note(|book| book.gone(worker.id));
                    }
                }
            }
        }
        self.admission.iter_mut().for_each(|admission| admission.expire(now));
        expired
    }

    /// When [`Scheduler::expire`] was last called.
    pub fn looked(&self) -> Option<Instant> {
        self.looked
    }

    /// Looks whether so many were lost at once that it is the master's own network. To be called after
    /// [`Scheduler::expire`]; without it, who is lost gets no routes, however many they are.
    pub fn doubt(&mut self, now: Instant) -> Option<Turn> {
        let heard = self.registry.workers().filter(|worker| worker.health(now) != Health::Lost).count();
        let vanished: Vec<WorkerId> = self.outage.vanished().collect();
        let turn = self.outage.look(heard, now);
        if matches!(turn, Some(Turn::Over { .. })) {
            self.hidden = Groups::new(self.policy, self.epoch);
            vanished.into_iter().for_each(|id| self.withdraw_slots(id));
        }
        if self.outage.is_on() {
            self.hold_slots(now);
        }
        for worker in self.outage.vanished().filter_map(|id| self.registry.get(id)) {
            if !worker.is_draining() {
                self.hidden.enter(worker.id, &worker.join);
            }
        }
        turn
    }

    /// Lets go of a worker that is gone for good.
    fn forget(&mut self, id: WorkerId) {
        self.groups.leave(id);
        self.hidden.leave(id);
        self.outage.strike_off(id);
        self.withdraw_slots(id);
    }

    /// Takes in a worker that has just been heard of.
    fn sort(&mut self, id: WorkerId) {
        self.hidden.leave(id);
        self.outage.strike_off(id);
        self.group(id);
    }

    /// Takes a worker that is not lost into the groups, or out of them if it drains.
    fn group(&mut self, id: WorkerId) {
        self.offer_slots(id);
        match self.registry.get(id) {
            Some(worker) if !worker.is_draining() => self.groups.enter(id, &worker.join),
            _ => self.groups.leave(id),
        }
    }

    /// A stream has ended: its place is free, and what a worker took for its frames is worth knowing. Numbers that another
    /// life of the master gave mean nothing, nor does what an old client says of a worker.
    pub fn submit(&mut self, result: &TaskResult, now: Instant) {
        let TaskResult { worker, frame_time, frames, lease, epoch } = *result;
        if let (Some(worker), Some(time)) = (worker, frame_time)
            && epoch == self.epoch
            && frames > 0
        {
            self.registry.measured(worker, time);
        }
        let Some(lease) = lease else { return };
        self.admission.iter_mut().for_each(|admission| admission.end(lease, now));
        if self.is_ours(epoch) {
            self.leases.end(lease);
        }
    }

    /// Whether numbers that come with `epoch` were given in this life: 0 is an old program, which does not tell.
    fn is_ours(&self, epoch: u64) -> bool {
        epoch == 0 || epoch == self.epoch
    }

    /// Every worker, by id.
    pub fn nodes(&self, now: Instant) -> Nodes {
        let node = |worker: &Worker| {
            let (slots, slots_taken) = self.slots(worker.id);
            Node { slots, slots_taken, ..worker.node(now) }
        };
        Nodes { nodes: self.registry.workers().map(node).collect(), ..self.summary(now) }
    }

    /// The same without the workers.
    pub fn summary(&self, now: Instant) -> Nodes {
        let vanished = u32::try_from(self.outage.count()).unwrap_or(u32::MAX);
        let stale = self.cut_off_since().map(|since| now.saturating_duration_since(since));
        let (admission, waiting) = self.admission_and_waiting();
        Nodes {
            nodes: Vec::new(),
            epoch: self.epoch,
            policy: self.policy.as_str().to_owned(),
            vanished,
            admission: admission.as_str().to_owned(),
            waiting,
            stale,
        }
    }

    /// Chooses workers, best first, and holds a place on each. Draining workers are never among them, and lost ones only in
    /// an outage of the master's own, after all others.
    pub fn route(&mut self, query: &RouteQuery, now: Instant) -> Route {
        let RouteQuery { wanted, exclude, epoch, detector, .. } = query;
        self.leases.expire(now);
        let exclude = exclude.iter().filter(|_| self.is_ours(*epoch));
        let excluded: HashSet<WorkerId> = exclude.copied().collect();
        let (registry, leases) = (&self.registry, &self.leases);
        // Whoever has become silent since the last look at all of them is in a group still.
        let is_eligible = |worker: &&Worker| worker.health(now) == Health::Healthy && !excluded.contains(&worker.id);
        let looked_at = RefCell::new(self.reason.begin());
        let look_up = |id| {
            let found = registry.get(id).filter(is_eligible).map(|worker| contender(worker, leases));
            found.inspect(|contender| {
                if *wanted == 1 {
                    looked_at.borrow_mut().push(contender.clone());
                }
            })
        };
        let mut chosen = self.groups.choose(detector.as_deref(), *wanted, &look_up);
        if chosen.workers.len() < *wanted && self.outage.count() > 0 {
            let look_up = |id| registry.get(id).filter(|_| !excluded.contains(&id)).map(|w| contender(w, leases));
            let hidden = self.hidden.choose(detector.as_deref(), *wanted - chosen.workers.len(), &look_up);
            chosen = chosen.and_then(hidden);
        }

        let Chosen { workers, shares } = chosen;
        self.reason.note(&workers, looked_at.into_inner());
        let places: Vec<WorkerId> = workers.iter().map(|worker| worker.id).collect();
        let of = |(id, share): (&WorkerId, f64)| Some(candidate(self.registry.get(*id)?, share));
        let candidates: Vec<Candidate> = places.iter().zip(shares).filter_map(of).collect();
        let lease = (!places.is_empty()).then(|| self.leases.grant(places, now));
        Route { candidates, lease, epoch: self.epoch }
    }
}

fn contender(worker: &Worker, leases: &Leases) -> Contender {
    let in_flight = worker.load.as_ref().map_or(0, |load| load.in_flight);
    Contender {
        id: worker.id,
        weight: worker.join.weight,
        cores: worker.join.cores,
        frame_ms: frame_ms(worker),
        slowdown: slowdown(worker),
        backlog: u64::from(in_flight) + u64::from(leases.promised(worker.id)),
        cpu_percent: worker.load.as_ref().map_or(0.0, |load| load.cpu_percent),
    }
}

/// What its frames take now, as it says, or else as clients have said, for an old worker says nothing; before the first
/// one, what it measured of itself when it started, and longer while it is held back, which frames tell by themselves.
fn frame_ms(worker: &Worker) -> Option<f32> {
    let load = worker.load.as_ref();
    let busy = load.and_then(|load| load.frame_ms);
    let measured = load.and_then(|load| load.frames_per_s).or(worker.join.frames_per_s);
    let idle = measured.map(|fps| 1000.0 * worker.join.cores as f32 / fps * slowdown(worker));
    // A worker may claim next to no frames at all, and the time of one is then past all numbers.
    busy.or(worker.submitted_ms).or(idle.filter(|ms| ms.is_normal()))
}

fn slowdown(worker: &Worker) -> f32 {
    worker.load.as_ref().map_or(1.0, |load| load.throttling.slowdown())
}

fn candidate(worker: &Worker, share: f64) -> Candidate {
    Candidate {
        id: Some(worker.id),
        generation: worker.join.identity.generation,
        name: worker.join.identity.name.clone(),
        address: worker.join.address,
        cores: worker.join.cores,
        share: share as f32,
        frame_ms: frame_ms(worker),
    }
}

#[cfg(test)]
mod tests;
