//! The master's whole state: who is there, who is promised what, and who comes next. Pure: time is an argument.

use std::collections::HashSet;
use std::time::Instant;

use facefleet_proto::{Candidate, Health, Heartbeat, Join, Nodes, Route, RouteQuery, WorkerId};

use crate::lease::Leases;
use crate::policy::{Contender, PolicyName};
use crate::registry::{Beat, Expired, Joined, Refused, Registry, Unknown, Worker};
use groups::Groups;

mod groups;

/// Registry, leases and policy in one.
pub struct Scheduler {
    registry: Registry,
    leases: Leases,
    /// Those of the registry that routes are made of.
    groups: Groups,
    policy: PolicyName,
    epoch: u64,
}

impl Scheduler {
    /// A scheduler that knows nobody yet. `epoch` differs between two lives of a master and is not 0; what is left to
    /// chance follows from it.
    pub fn new(policy: PolicyName, epoch: u64) -> Scheduler {
        let (registry, leases) = Default::default();
        Scheduler { registry, leases, groups: Groups::new(policy, epoch), policy, epoch }
    }

    /// Which life of the master this is.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// See [`Registry::join`].
    ///
    /// # Errors
    /// As there.
    pub fn join(&mut self, join: Join, now: Instant) -> Result<Joined, Refused> {
        let joined = self.registry.join(join, now)?;
        joined.replaced.iter().for_each(|worker| self.groups.leave(worker.id));
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
        let worker = self.sort(heartbeat.id).ok_or(Unknown)?;
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
        self.groups.leave(id);
        Ok(worker)
    }

    /// See [`Registry::expire`]. To be called a few times a second; routes leave a lost worker out even before.
    pub fn expire(&mut self, now: Instant) -> Vec<Expired> {
        let expired = self.registry.expire(now);
        for event in &expired {
            let (Expired::Lost { worker, .. } | Expired::Forgotten(worker)) = event;
            self.groups.leave(worker.id);
        }
        expired
    }

    /// Takes a worker that has just been heard of into the groups, or out of them if it drains.
    fn sort(&mut self, id: WorkerId) -> Option<&Worker> {
        let worker = self.registry.get(id)?;
        match &worker.load {
            Some(load) if load.draining => self.groups.leave(id),
            _ => self.groups.enter(id, &worker.join),
        }
        Some(worker)
    }

    /// Ends a lease early, unless another life of the master gave it.
    pub fn end_lease(&mut self, id: u64, epoch: u64) {
        if self.is_ours(epoch) {
            self.leases.end(id);
        }
    }

    /// Whether numbers that come with `epoch` were given in this life: 0 is an old program, which does not tell.
    fn is_ours(&self, epoch: u64) -> bool {
        epoch == 0 || epoch == self.epoch
    }

    /// Every worker, by id.
    pub fn nodes(&self, now: Instant) -> Nodes {
        let nodes = self.registry.workers().map(|worker| worker.node(now)).collect();
        Nodes { nodes, epoch: self.epoch, policy: self.policy.as_str().to_owned() }
    }

    /// Chooses workers, best first, and holds a place on each. Lost and draining workers are never among them.
    pub fn route(&mut self, query: &RouteQuery, now: Instant) -> Route {
        let RouteQuery { wanted, exclude, epoch, detector, .. } = query;
        self.leases.expire(now);
        let exclude = exclude.iter().filter(|_| self.is_ours(*epoch));
        let excluded: HashSet<WorkerId> = exclude.copied().collect();
        let (registry, leases) = (&self.registry, &self.leases);
        // Whoever has become silent since the last look at all of them is in a group still.
        let is_eligible = |worker: &&Worker| worker.health(now) == Health::Healthy && !excluded.contains(&worker.id);
        let look_up = |id| registry.get(id).filter(is_eligible).map(|worker| contender(worker, leases));
        let chosen = self.groups.choose(detector.as_deref(), *wanted, &look_up);

        let places: Vec<WorkerId> = chosen.iter().map(|(id, _)| *id).collect();
        let of = |(id, share)| Some(candidate(self.registry.get(id)?, share));
        let candidates: Vec<Candidate> = chosen.into_iter().filter_map(of).collect();
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
        backlog: u64::from(in_flight) + u64::from(leases.promised(worker.id)),
        cpu_percent: worker.load.as_ref().map_or(0.0, |load| load.cpu_percent),
    }
}

/// What its frames take now; before the first one, what it measured of itself when it started.
fn frame_ms(worker: &Worker) -> Option<f32> {
    let busy = worker.load.as_ref().and_then(|load| load.frame_ms);
    let idle = worker.join.frames_per_s.map(|fps| 1000.0 * worker.join.cores as f32 / fps);
    // A worker may claim next to no frames at all, and the time of one is then past all numbers.
    busy.or(idle.filter(|ms| ms.is_normal()))
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
