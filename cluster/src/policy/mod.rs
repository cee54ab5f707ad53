//! How workers are chosen.
//!
//! A new policy is a file in this folder and a line in [`PolicyName`]. This is all that one has to do:
//!
//! ```
//! use facefleet_cluster::policy::{Contender, Policy, Pool};
//!
//! /// The machine with the most threads, of three that are drawn at random for each that is wanted.
//! struct Largest;
//!
//! impl Policy for Largest {
//!     fn choose(&mut self, pool: &mut Pool<'_>, wanted: usize) -> Vec<Contender> {
//!         let mut drawn = pool.draw(wanted.saturating_mul(3));
//!         drawn.sort_by_key(|contender| std::cmp::Reverse((contender.cores, contender.id)));
//!         drawn.truncate(wanted);
//!         drawn
//!     }
//! }
//! ```

mod least_loaded;
mod pool;
mod speed;
mod weighted_round_robin;

use clap::ValueEnum;
use facefleet_proto::WorkerId;

pub use least_loaded::LeastLoaded;
pub(crate) use least_loaded::work_waiting;
pub use pool::{Members, Pool};
pub use speed::speeds;
pub use weighted_round_robin::WeightedRoundRobin;

/// Chooses the workers that a stream may use.
pub trait Policy: Send {
    /// The `wanted` best workers of the pool, best first, each at most once; all that the request may have, if there are
    /// fewer. `wanted` is at least 1. A policy that looks at a number of workers that does not grow with the pool keeps
    /// the master quick, however large the cluster.
    fn choose(&mut self, pool: &mut Pool<'_>, wanted: usize) -> Vec<Contender>;

    /// What the part of each of `chosen` in the stream is in proportion to, above 0: its speed, unless the policy says
    /// otherwise.
    fn capacities(&self, chosen: &[Contender]) -> Vec<f64> {
        speeds(chosen)
    }

    /// A worker is in the pool from now on.
    fn enter(&mut self, _id: WorkerId, _weight: u32) {}

    /// A worker is in the pool no more: it has left, is lost or finishes what it holds. It may enter again.
    fn leave(&mut self, _id: WorkerId) {}
}

/// What a policy knows of one worker that may be chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Contender {
    /// Its number.
    pub id: WorkerId,
    /// What it claimed when it joined, at least 1.
    pub weight: u32,
    /// Detector threads, at least 1.
    pub cores: u32,
    /// Milliseconds that one detector thread spends on a frame, a moving average; None when it has not measured it. What holds
    /// its machine back is in it.
    pub frame_ms: Option<f32>,
    /// How much less than its weight earns it a worker gets that is held back (by heat, by its power supply): 1, or more
    /// while it is. Less to do is what lets it recover.
    pub slowdown: f32,
    /// Frames that it holds by its last heartbeat, and those that were promised to it since.
    pub backlog: u64,
    /// How busy its machine is. The processor is busy with other programs too, and looks idle between two frames:
    /// this breaks ties and no more.
    pub cpu_percent: f32,
}

/// The policies there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PolicyName {
    /// The worker with the least work waiting for its measured speed.
    #[default]
    LeastLoaded,
    /// In turn, each as often as its weight says.
    WeightedRoundRobin,
}

impl PolicyName {
    /// As people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            PolicyName::LeastLoaded => "least-loaded",
            PolicyName::WeightedRoundRobin => "weighted-round-robin",
        }
    }

    /// The policy of this name.
    pub fn policy(self) -> Box<dyn Policy> {
        match self {
            PolicyName::LeastLoaded => Box::new(LeastLoaded),
            PolicyName::WeightedRoundRobin => Box::new(WeightedRoundRobin::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;
    use std::cell::Cell;

    /// A contender that is idle and as fast as its weight says.
    pub(super) fn contender(id: u32, weight: u32) -> Contender {
        Contender {
            id: WorkerId(id),
            weight,
            cores: 1,
            frame_ms: Some(1.0 / weight as f32),
            slowdown: 1.0,
            backlog: 0,
            cpu_percent: 0.0,
        }
    }

    /// Contenders with these weights, by id.
    pub(super) fn contenders(weights: &[u32]) -> Vec<Contender> {
        weights.iter().zip(0..).map(|(weight, id)| contender(id, *weight)).collect()
    }

    /// Whom the policy chooses of these.
    pub(super) fn choose(policy: &mut dyn Policy, contenders: &[Contender], wanted: usize) -> Vec<u32> {
        let mut members = Members::default();
        contenders.iter().for_each(|contender| assert!(members.enter(contender.id)));
        let look_up = |id| contenders.iter().find(|contender| contender.id == id).cloned();
        let mut rng = Rng::with_seed(1);
        policy.choose(&mut Pool::new(&members, &mut rng, &look_up), wanted).iter().map(|c| c.id.0).collect()
    }

    #[test]
    fn the_command_line_knows_a_policy_by_the_name_that_is_shown() {
        for name in PolicyName::value_variants() {
            let value = name.to_possible_value().unwrap();
            assert_eq!(value.get_name(), name.as_str());
        }
    }

    #[test]
    fn every_policy_chooses_each_worker_once_and_no_more_than_are_wanted() {
        let contenders = contenders(&[[3, 1, 1, 7].as_slice(), &[2; 46]].concat());
        for name in PolicyName::value_variants() {
            let mut policy = name.policy();
            contenders.iter().for_each(|contender| policy.enter(contender.id, contender.weight));
            for wanted in [1, 2, 4, 49, 50, 51, usize::MAX] {
                let mut chosen = choose(&mut *policy, &contenders, wanted);
                assert_eq!(chosen.len(), wanted.min(50), "{name:?}");
                chosen.sort_unstable();
                chosen.dedup();
                assert_eq!(chosen.len(), wanted.min(50), "{name:?}");
            }
            assert!(choose(&mut *policy, &[], 1).is_empty(), "nobody may be had");
        }
    }

    #[test]
    fn no_policy_looks_at_more_workers_in_a_larger_cluster() {
        for name in PolicyName::value_variants() {
            let looked_at = |size: u32| {
                let (mut policy, mut members) = (name.policy(), Members::default());
                for id in (0..size).map(WorkerId) {
                    members.enter(id);
                    policy.enter(id, 1);
                }
                let looked_at = Cell::new(0);
                let look_up = |id: WorkerId| {
                    looked_at.set(looked_at.get() + 1);
                    Some(contender(id.0, 1))
                };
                policy.choose(&mut Pool::new(&members, &mut Rng::with_seed(1), &look_up), 6);
                looked_at.get()
            };
            assert_eq!(looked_at(100), looked_at(10_000), "{name:?}");
        }
    }
}
