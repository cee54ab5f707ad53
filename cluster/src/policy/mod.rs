//! How workers are chosen.
//!
//! A new policy is a file in this folder, and a line in the list `policies!` below. Everything else, from the command line to
//! the metrics, the tests and the simulations, goes by that list. This is all that a policy has to do:
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

mod contender;
mod least_loaded;
mod pool;
mod rule;
mod speed;
#[cfg(test)]
mod testing;
mod weighted_round_robin;

use clap::ValueEnum;

pub use contender::Contender;
pub use pool::{Members, Pool};
pub use rule::Policy;
pub(crate) use speed::{speeds, work_waiting};

/// Makes [`PolicyName`] of one line for each policy: its description for `--help`, its variant, its name, and how to make it.
macro_rules! policies {
    ($($(#[$attribute:meta])* $variant:ident = $name:literal, $policy:expr;)+) => {
        /// The policies there are.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
        pub enum PolicyName {
            $($(#[$attribute])* #[value(name = $name)] $variant,)+
        }

        impl PolicyName {
            /// The name on the command line.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(PolicyName::$variant => $name,)+
                }
            }

            /// A new policy of this kind, which knows no worker yet.
            pub fn policy(self) -> Box<dyn Policy> {
                match self {
                    $(PolicyName::$variant => Box::new($policy),)+
                }
            }
        }
    };
}

policies! {
    /// The worker with the least work waiting for its measured speed.
    #[default]
    LeastLoaded = "least-loaded", least_loaded::LeastLoaded;
    /// In turn, each as often as its weight says.
    WeightedRoundRobin = "weighted-round-robin", weighted_round_robin::WeightedRoundRobin::default();
}

#[cfg(test)]
mod tests {
    use super::contender::tests::{contender, contenders};
    use super::testing::choose;
    use super::*;
    use facefleet_proto::WorkerId;
    use fastrand::Rng;
    use std::cell::Cell;

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
