//! The master: a real scheduler that lives and dies.

use std::fmt;
use std::time::Duration;

use facefleet_cluster::policy::PolicyName;
use facefleet_cluster::scheduler::Scheduler;

use super::Experiment;
use super::bus::Bus;
use super::message::{Ends, Host, Reply, Request, Timer};
use super::worker::Worker;

/// How often the real master looks for lost workers.
const EXPIRE_EVERY: Duration = Duration::from_millis(500);

/// The process of the master, while it is up and while it is not.
pub struct Master {
    is_up: bool,
    /// The machine is off: nothing comes back, not even that nobody is there.
    is_dark: bool,
    /// The epoch of its next life.
    epoch: u64,
    scheduler: Scheduler,
    policy: PolicyName,
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the master of epoch {}, {}", self.epoch, self.policy.as_str())
    }
}

impl Master {
    /// A master that is not up, and will choose workers in this way. What it leaves to chance follows from `epoch`.
    pub fn new(policy: PolicyName, epoch: u64) -> Master {
        let scheduler = Scheduler::new(policy, epoch);
        Master { is_up: false, is_dark: false, epoch, scheduler, policy }
    }

    /// Whether its process runs.
    pub fn is_up(&self) -> bool {
        self.is_up
    }

    /// Starts a new life, unless it is up: nothing is known, and ids count from 0 again.
    pub fn start(&mut self, bus: &mut Bus<impl Experiment>) {
        if std::mem::replace(&mut self.is_up, true) {
            return;
        }
        self.scheduler = Scheduler::new(self.policy, self.epoch);
        self.epoch += 1;
        bus.timer(EXPIRE_EVERY, Host::Master, Timer::Expire);
    }

    /// The process ends, alone or with its machine.
    pub fn end(&mut self, ends: Ends, bus: &mut Bus<impl Experiment>) {
        self.is_up = false;
        self.is_dark = ends == Ends::Machine;
        bus.end_life(Host::Master);
    }

    pub(super) fn timer(&mut self, timer: &Timer, bus: &mut Bus<impl Experiment>) {
        match timer {
            Timer::Expire => {
                self.scheduler.expire(bus.instant());
                bus.timer(EXPIRE_EVERY, Host::Master, Timer::Expire);
            }
            other => unreachable!("the master does not wait for {other:?}"),
        }
    }

    pub(super) fn called<X: Experiment>(&mut self, from: Host, call: u64, request: &Request, bus: &mut Bus<X>) {
        if !self.is_up {
            if !self.is_dark {
                bus.reply(from, call, Reply::Failed("connection refused".to_owned()));
            }
            return;
        }
        let (now, epoch) = (bus.instant(), self.scheduler.epoch());
        let reply = match request {
            Request::Join(join) => match self.scheduler.join(join.clone(), now) {
                Ok(joined) => Reply::Joined { id: joined.id, epoch, again: joined.again },
                Err(refused) => Reply::Failed(refused.to_string()),
            },
            Request::Beat(beat) => Reply::Beaten { unknown: self.scheduler.heartbeat(beat, now).is_err(), epoch },
            Request::Leave { id, generation, epoch } => {
                // Err: it was not in, and need not leave.
                if let Ok(left) = self.scheduler.leave(*id, *generation, *epoch) {
                    let slot = Worker::slot_of(left.join.address);
                    assert_eq!(Host::Worker(slot), from, "somebody else has left");
                }
                Reply::Done
            }
            Request::Route(query) => Reply::Route(self.scheduler.route(query, now)),
            Request::End(results) => {
                results.iter().for_each(|result| self.scheduler.submit(result, now));
                Reply::Done
            }
        };
        X::called(bus, from, request, &reply, &self.scheduler);
        bus.reply(from, call, reply);
    }
}
