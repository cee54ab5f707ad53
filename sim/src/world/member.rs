//! Workers as members of the cluster: they join, beat, join again, and leave.

use std::time::Duration;

use facefleet_proto::{Heartbeat, Identity, Join, LegacyState, WorkerId};

use super::Experiment;
use super::bus::Bus;
use super::message::{Host, Reply, Request, Timer};
use crate::engine::At;

/// The interval of the real worker's heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// What a worker's process knows of its membership.
#[derive(Debug, Default)]
pub(super) struct Member {
    joined: Option<Joined>,
    /// When to beat or join next; None while a call is under way.
    next_beat: Option<At>,
    failed_calls: u32,
    /// Whether it was told to go.
    is_draining: bool,
    said_draining: bool,
    has_left: bool,
}

/// What a master said to a worker that joined.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joined {
    pub(super) id: WorkerId,
    /// The life of the master that gave the id.
    pub(super) epoch: u64,
}

/// What a worker tells its master.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    Heartbeat(Joined),
    Join,
}

/// What a worker is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Goes,
    Stays,
}

impl Member {
    pub(super) fn is_draining(&self) -> bool {
        self.is_draining
    }

    /// The worker is told to go, and tells its master at once.
    pub(super) fn drain(&mut self, slot: usize, bus: &mut Bus<impl Experiment>) {
        self.is_draining = true;
        if self.next_beat.is_some() {
            self.next_beat(slot, Duration::ZERO, bus);
        }
    }

    pub(super) fn has_left(&self) -> bool {
        self.has_left
    }

    pub(super) fn next_beat(&mut self, slot: usize, after: Duration, bus: &mut Bus<impl Experiment>) {
        self.next_beat = Some(bus.now() + after);
        bus.timer(after, Host::Worker(slot), Timer::Member);
    }

    /// What the worker is to tell its master now, if it is time for it.
    pub(super) fn due(&mut self, now: At) -> Option<Due> {
        if self.next_beat.is_none_or(|at| at > now) || self.has_left {
            return None;
        }
        let due = match self.joined {
            Some(joined) => {
                self.said_draining = self.is_draining;
                Due::Heartbeat(joined)
            }
            None if self.is_draining => return None,
            None => Due::Join,
        };
        self.next_beat = None;
        Some(due)
    }

    /// The master has answered this worker.
    pub(super) fn answered(&mut self, slot: usize, reply: &Reply, bus: &mut Bus<impl Experiment>) -> Verdict {
        let wait = match *reply {
            Reply::Joined { id, epoch, again: _ } => {
                self.joined = Some(Joined { id, epoch });
                Duration::ZERO
            }
            Reply::Beaten { unknown, epoch } => {
                self.failed_calls = 0;
                let is_known = !unknown && self.joined.is_some_and(|joined| joined.epoch == epoch);
                if !is_known {
                    self.joined = None;
                }
                if is_known && self.said_draining == self.is_draining { HEARTBEAT } else { Duration::ZERO }
            }
            Reply::Failed(_) if self.has_left => return Verdict::Goes,
            Reply::Failed(_) => {
                self.joined = None;
                self.failed_calls += 1;
                (Duration::from_millis(50) * 2_u32.pow(self.failed_calls.min(5))).min(HEARTBEAT)
            }
            Reply::Done => return Verdict::Goes,
            Reply::Route(_) => unreachable!("workers ask for no route"),
        };
        self.next_beat(slot, wait, bus);
        Verdict::Stays
    }

    /// The worker goes, and says so to the master that knows it.
    pub(super) fn leave(&mut self, slot: usize, generation: u64, bus: &mut Bus<impl Experiment>) -> Verdict {
        if std::mem::replace(&mut self.has_left, true) {
            return Verdict::Stays;
        }
        match self.joined {
            Some(Joined { id, epoch }) => {
                bus.call(Host::Worker(slot), Request::Leave { id, generation, epoch });
                Verdict::Stays
            }
            None => Verdict::Goes,
        }
    }
}

/// A worker joins as one of ours does.
pub(super) fn join(address: std::net::SocketAddr, identity: Identity, cores: u32, weight: u32) -> Join {
    Join {
        address,
        weight,
        identity,
        cores,
        heartbeat_interval: Some(HEARTBEAT),
        frames_per_s: None,
        version: String::new(),
        detectors: Vec::new(),
        http_port: None,
    }
}

/// The heartbeat of a worker that has this id.
pub(super) fn heartbeat(id: WorkerId, epoch: u64, generation: u64, load: facefleet_proto::Load) -> Heartbeat {
    Heartbeat { id, generation, epoch, load, legacy: LegacyState::default(), leases: Vec::new() }
}
