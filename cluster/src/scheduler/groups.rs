//! The workers that routes are made of, grouped by the detectors that requests ask for.

use std::collections::HashMap;

use facefleet_proto::{Join, WorkerId};
use fastrand::Rng;

use crate::policy::{Contender, Members, Policy, PolicyName, Pool};
use crate::registry::Worker;

/// A group for each detector, and one of all workers for requests that ask for none. A worker enters when it joins or is heard
/// of again, and leaves when it is lost, drains or goes, so that a route does not walk over workers that are of no use.
pub(super) struct Groups {
    policy: PolicyName,
    rng: Rng,
    all: Group,
    by_detector: HashMap<String, Group>,
    /// The detectors of each worker that is in.
    detectors: HashMap<WorkerId, Vec<String>>,
}

/// Workers that a request may be answered with. Each group has a policy of its own, so that the turns of a detector that is asked
/// for often do not disturb those of the others.
struct Group {
    members: Members,
    policy: Box<dyn Policy>,
}

/// Workers for a stream, best first, and the part of the stream that each is to take.
#[derive(Default)]
pub(super) struct Chosen {
    pub(super) workers: Vec<Contender>,
    pub(super) shares: Vec<f64>,
}

impl Chosen {
    /// Appends a list. The shares of each of the two count in proportion to its number of workers.
    pub(super) fn and_then(mut self, mut then: Chosen) -> Chosen {
        let all = (self.workers.len() + then.workers.len()) as f64;
        for part in [&mut self, &mut then] {
            let part_of_all = part.workers.len() as f64 / all;
            part.shares.iter_mut().for_each(|share| *share *= part_of_all);
        }
        self.workers.append(&mut then.workers);
        self.shares.append(&mut then.shares);
        self
    }
}

impl Groups {
    /// Groups without workers. Equal seeds make equal choices.
    pub(super) fn new(policy: PolicyName, seed: u64) -> Groups {
        Groups {
            policy,
            rng: Rng::with_seed(seed),
            all: Group::new(policy),
            by_detector: HashMap::new(),
            detectors: HashMap::new(),
        }
    }

    /// Changes the policy. The new one knows nothing of the turns of the old one. `workers` are all that there are; those that
    /// are in the groups stay there.
    pub(super) fn set_policy<'a>(&mut self, policy: PolicyName, workers: impl Iterator<Item = &'a Worker>) {
        let are_in = std::mem::take(&mut self.detectors);
        *self = Groups { rng: self.rng.clone(), ..Groups::new(policy, 0) };
        let workers = workers.filter(|worker| are_in.contains_key(&worker.id));
        workers.for_each(|worker| self.enter(worker.id, &worker.join));
    }

    /// Takes a worker in, unless it is there already.
    pub(super) fn enter(&mut self, id: WorkerId, join: &Join) {
        if self.detectors.contains_key(&id) {
            return;
        }
        self.all.enter(id, join.weight);
        for detector in &join.detectors {
            let group = self.by_detector.entry(detector.clone()).or_insert_with(|| Group::new(self.policy));
            group.enter(id, join.weight);
        }
        self.detectors.insert(id, join.detectors.clone());
    }

    /// Lets a worker go, if it is there.
    pub(super) fn leave(&mut self, id: WorkerId) {
        let Some(detectors) = self.detectors.remove(&id) else { return };
        self.all.leave(id);
        for detector in detectors {
            if let Some(group) = self.by_detector.get_mut(&detector) {
                group.leave(id);
                if group.members.is_empty() {
                    self.by_detector.remove(&detector);
                }
            }
        }
    }

    /// Chooses the `wanted` best workers that offer this detector; None: any will do.
    pub(super) fn choose(
        &mut self,
        detector: Option<&str>,
        wanted: usize,
        look_up: &dyn Fn(WorkerId) -> Option<Contender>,
    ) -> Chosen {
        let group = match detector {
            None => &mut self.all,
            Some(detector) => match self.by_detector.get_mut(detector) {
                Some(group) => group,
                None => return Chosen::default(),
            },
        };
        let Group { members, policy } = group;
        let workers = policy.choose(&mut Pool::new(members, &mut self.rng, look_up), wanted);
        let mut shares = policy.capacities(&workers);
        let total: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= total);
        Chosen { workers, shares }
    }
}

impl Group {
    fn new(policy: PolicyName) -> Group {
        Group { members: Members::default(), policy: policy.policy() }
    }

    fn enter(&mut self, id: WorkerId, weight: u32) {
        if self.members.enter(id) {
            self.policy.enter(id, weight);
        }
    }

    fn leave(&mut self, id: WorkerId) {
        if self.members.leave(id) {
            self.policy.leave(id);
        }
    }
}
