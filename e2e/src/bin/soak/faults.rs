//! Which fault comes next. Pure, but for chance, which a seed decides.

use std::time::Duration;

use serde::Serialize;

use crate::cast::Role;

/// Something that is done to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// A worker is killed, and started again after a while.
    KillWorker,
    /// A worker is stopped, and goes on after a while.
    PauseWorker,
    /// A worker is asked to leave, and started again.
    DrainWorker,
    /// The master is killed, and started again on its port.
    RestartMaster,
    /// A client is killed, and started again.
    KillClient,
    /// A client is interrupted as by Ctrl-C, and started again.
    InterruptClient,
}

impl Fault {
    pub(crate) const ALL: [Fault; 6] = [
        Fault::KillWorker,
        Fault::PauseWorker,
        Fault::DrainWorker,
        Fault::RestartMaster,
        Fault::KillClient,
        Fault::InterruptClient,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Fault::KillWorker => "worker killed",
            Fault::PauseWorker => "worker stopped, then continued",
            Fault::DrainWorker => "worker asked to leave",
            Fault::RestartMaster => "master killed",
            Fault::KillClient => "client killed",
            Fault::InterruptClient => "client interrupted",
        }
    }

    /// Whether it may be done to such a process. Some live through it all, so that there are long lives to look at.
    pub(crate) fn fits(self, role: &Role) -> bool {
        match self {
            Fault::PauseWorker => matches!(role, Role::Worker { .. }),
            Fault::KillWorker | Fault::DrainWorker => matches!(role, Role::Worker { steady: false }),
            Fault::RestartMaster => matches!(role, Role::Master),
            Fault::KillClient | Fault::InterruptClient => matches!(role, Role::Client { steady: false, .. }),
        }
    }
}

/// A fault that is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) fault: Fault,
    /// Since the fault before.
    pub(crate) after: Duration,
    /// Which of those that it fits, as a number to be divided by how many there are.
    pub(crate) target: usize,
    /// How long a process stays away, or stopped: less than a client waits before it gives a worker up, or more.
    pub(crate) absence: Duration,
}

/// Plans without end, the same ones for the same seed.
#[derive(Debug)]
pub(crate) struct Chance(fastrand::Rng);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(fastrand::Rng::with_seed(seed))
    }

    pub(crate) fn plan(&mut self) -> Plan {
        Plan {
            fault: Fault::ALL[self.0.usize(..Fault::ALL.len())],
            after: self.between(1_500, 5_500),
            target: self.0.usize(..),
            absence: self.between(300, 6_000),
        }
    }

    fn between(&mut self, least_ms: u64, most_ms: u64) -> Duration {
        Duration::from_millis(self.0.u64(least_ms..=most_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cast::Input;

    #[test]
    fn a_seed_brings_the_same_again_and_every_fault_comes() {
        let plans = |seed| {
            let mut chance = Chance::new(seed);
            (0..100).map(|_| chance.plan()).collect::<Vec<_>>()
        };
        assert_eq!(plans(7), plans(7));
        assert_ne!(plans(7), plans(8));
        assert!(Fault::ALL.iter().all(|fault| plans(7).iter().any(|plan| plan.fault == *fault)));
    }

    #[test]
    fn the_steady_ones_are_only_paused() {
        let fit = |role: &Role| Fault::ALL.into_iter().filter(|fault| fault.fits(role)).collect::<Vec<_>>();
        assert_eq!(fit(&Role::Worker { steady: true }), [Fault::PauseWorker]);
        assert_eq!(fit(&Role::Client { steady: true, input: Input::Clip, args: &[] }), []);
    }
}
