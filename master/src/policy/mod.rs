//! How workers are chosen.
//!
//! A new policy is a file in this folder and a line in [`PolicyName`]. This is all that one has to do:
//!
//! ```
//! use facefleet_master::policy::{Contender, Policy};
//!
//! /// The fastest machines first, however busy they are.
//! struct FastestFirst;
//!
//! impl Policy for FastestFirst {
//!     fn order(&mut self, contenders: &[Contender], wanted: usize) -> Vec<usize> {
//!         let mut order: Vec<usize> = (0..contenders.len()).collect();
//!         order.sort_by(|a, b| contenders[*b].speed.total_cmp(&contenders[*a].speed));
//!         order.truncate(wanted);
//!         order
//!     }
//! }
//! ```

mod least_loaded;
mod speed;
mod weighted_round_robin;

use clap::ValueEnum;
use facefleet_proto::WorkerId;

pub use least_loaded::LeastLoaded;
pub use speed::{Pace, speeds};
pub use weighted_round_robin::WeightedRoundRobin;

/// Puts the workers that a stream may use in order.
pub trait Policy: Send {
    /// Indices of the `wanted` best of `contenders`, best first, each at most once; of all of them, if there are
    /// fewer. The contenders come by id, and `wanted` is at least 1.
    fn order(&mut self, contenders: &[Contender], wanted: usize) -> Vec<usize>;

    /// What a worker's part of a stream is in proportion to: its measured speed, unless the policy says otherwise.
    fn capacity(&self, contender: &Contender) -> f64 {
        contender.speed
    }

    /// A worker is gone for good, and its id with it.
    fn forget(&mut self, _id: WorkerId) {}
}

/// What a policy knows of one worker that may be chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Contender {
    /// Its number.
    pub id: WorkerId,
    /// What it claimed when it joined.
    pub weight: u32,
    /// How fast it is, relative to the other contenders: above 0 and finite. See [`speeds`].
    pub speed: f64,
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

/// The part that each of `chosen` takes of a stream, in proportion to the capacity that `policy` gives it. The parts
/// add up to 1.
pub fn shares(policy: &(impl Policy + ?Sized), contenders: &[Contender], chosen: &[usize]) -> Vec<f64> {
    let capacities: Vec<f64> = chosen.iter().map(|i| policy.capacity(&contenders[*i])).collect();
    let total: f64 = capacities.iter().sum();
    capacities.into_iter().map(|capacity| capacity / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A contender that is idle and as fast as its weight says.
    pub(super) fn contender(id: u32, weight: u32) -> Contender {
        Contender { id: WorkerId(id), weight, speed: weight.into(), backlog: 0, cpu_percent: 0.0 }
    }

    #[test]
    fn the_command_line_knows_a_policy_by_the_name_that_is_shown() {
        for name in PolicyName::value_variants() {
            let value = name.to_possible_value().unwrap();
            assert_eq!(value.get_name(), name.as_str());
        }
    }

    #[test]
    fn every_policy_orders_each_contender_once_and_no_more_than_are_wanted() {
        let contenders: Vec<Contender> = [3, 1, 1, 7].iter().zip(0..).map(|(w, id)| contender(id, *w)).collect();
        for name in PolicyName::value_variants() {
            let mut policy = name.policy();
            for wanted in [1, 2, 4, 5, usize::MAX] {
                let mut order = policy.order(&contenders, wanted);
                assert_eq!(order.len(), wanted.min(4), "{name:?}");
                order.sort_unstable();
                order.dedup();
                assert_eq!(order.len(), wanted.min(4), "{name:?}");
            }
            assert!(policy.order(&[], 1).is_empty());
        }
    }
}
