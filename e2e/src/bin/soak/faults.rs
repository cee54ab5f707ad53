//! Decides which fault comes next. The module is pure, and a seed decides what is left to chance.

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
    /// A master is killed, and started again on its port.
    RestartMaster,
    /// A client is killed, and started again.
    KillClient,
    /// A client is interrupted as by Ctrl-C, and started again.
    InterruptClient,
    /// A master is stopped, and goes on after a while.
    PauseMaster,
    /// Etcd is killed, and started again with what it knew.
    KillEtcd,
    /// Etcd is stopped, and goes on after a while.
    PauseEtcd,
}

/// How many of [`Fault::ALL`], from the first on, a cluster with one master can have.
const WITH_ONE_MASTER: usize = 6;
/// How much longer masters and etcd stay away where there are several of them: until leases in etcd (6 s) end, or not.
const LONGER: u32 = 3;

impl Fault {
    pub(crate) const ALL: [Fault; 9] = [
        Fault::KillWorker,
        Fault::PauseWorker,
        Fault::DrainWorker,
        Fault::RestartMaster,
        Fault::KillClient,
        Fault::InterruptClient,
        Fault::PauseMaster,
        Fault::KillEtcd,
        Fault::PauseEtcd,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Fault::KillWorker => "worker killed",
            Fault::PauseWorker => "worker stopped, then continued",
            Fault::DrainWorker => "worker asked to leave",
            Fault::RestartMaster => "master killed",
            Fault::KillClient => "client killed",
            Fault::InterruptClient => "client interrupted",
            Fault::PauseMaster => "master stopped, then continued",
            Fault::KillEtcd => "etcd killed",
            Fault::PauseEtcd => "etcd stopped, then continued",
        }
    }

    /// Whether the fault may be done to such a process. Some live through it all, so that there are long lives to look at.
    pub(crate) fn fits(self, role: &Role) -> bool {
        match self {
            Fault::PauseWorker => matches!(role, Role::Worker { .. }),
            Fault::KillWorker | Fault::DrainWorker => matches!(role, Role::Worker { steady: false }),
            Fault::RestartMaster | Fault::PauseMaster => matches!(role, Role::Master { .. }),
            Fault::KillEtcd | Fault::PauseEtcd => matches!(role, Role::Etcd),
            Fault::KillClient | Fault::InterruptClient => matches!(role, Role::Client { steady: false, .. }),
        }
    }

    /// Whether the fault takes away one of those who know of the others.
    pub(crate) fn is_of_the_registry(self) -> bool {
        matches!(self, Fault::RestartMaster | Fault::PauseMaster | Fault::KillEtcd | Fault::PauseEtcd)
    }
}

/// A fault that is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) fault: Fault,
    /// The time since the fault before.
    pub(crate) after: Duration,
    /// Which of the processes that the fault fits: the remainder of this number by how many there are.
    pub(crate) target: usize,
    /// How long a process stays away, or stopped: less than a client waits before it gives a worker up, or more.
    pub(crate) absence: Duration,
}

/// Plans without end, the same ones for the same seed.
#[derive(Debug)]
pub(crate) struct Chance {
    rng: fastrand::Rng,
    masters: usize,
}

impl Chance {
    /// Plans for a cluster with so many masters.
    pub(crate) fn new(seed: u64, masters: usize) -> Chance {
        Chance { rng: fastrand::Rng::with_seed(seed), masters }
    }

    pub(crate) fn plan(&mut self) -> Plan {
        let faults = if self.masters > 1 { &Fault::ALL[..] } else { &Fault::ALL[..WITH_ONE_MASTER] };
        let fault = faults[self.rng.usize(..faults.len())];
        let longer = if self.masters > 1 && fault.is_of_the_registry() { LONGER } else { 1 };
        Plan {
            fault,
            after: self.between(1_500, 5_500),
            target: self.rng.usize(..),
            absence: self.between(300, 6_000) * longer,
        }
    }

    fn between(&mut self, least_ms: u64, most_ms: u64) -> Duration {
        Duration::from_millis(self.rng.u64(least_ms..=most_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cast::Input;

    #[test]
    fn a_seed_brings_the_same_again_and_every_fault_comes() {
        let plans = |seed, masters| {
            let mut chance = Chance::new(seed, masters);
            (0..200).map(|_| chance.plan()).collect::<Vec<_>>()
        };
        assert_eq!(plans(7, 1), plans(7, 1));
        assert_ne!(plans(7, 1), plans(8, 1));
        let comes = |fault: &Fault, masters| plans(7, masters).iter().any(|plan| plan.fault == *fault);
        assert!(Fault::ALL.iter().all(|fault| comes(fault, 3)));
        let (with_one, with_several) = Fault::ALL.split_at(WITH_ONE_MASTER);
        assert!(with_one.iter().all(|fault| comes(fault, 1)));
        assert!(!with_several.iter().any(|fault| comes(fault, 1)), "one master has no etcd");
    }

    #[test]
    fn the_steady_ones_are_only_paused() {
        let fit = |role: &Role| Fault::ALL.into_iter().filter(|fault| fault.fits(role)).collect::<Vec<_>>();
        assert_eq!(fit(&Role::Worker { steady: true }), [Fault::PauseWorker]);
        assert_eq!(fit(&Role::Client { steady: true, input: Input::Clip, args: &[] }), []);
    }
}
