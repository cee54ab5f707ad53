//! Workers as members of the cluster: they join, beat, join again, and leave.

use std::time::Duration;

use facefleet_proto::{Heartbeat, Identity, Join, LegacyState};

use super::master::{Reply, Request};
use super::worker::Worker;
use super::world::{Host, Timer, World};

const HEARTBEAT: Duration = Duration::from_secs(1);

impl World {
    pub(super) fn next_beat(&mut self, slot: usize, after: Duration) {
        self.workers[slot].next_beat = Some(self.now + after);
        self.timer(after, Host::Worker(slot), Timer::Member);
    }

    pub(super) fn beat(&mut self, slot: usize) {
        let worker = &mut self.workers[slot];
        if worker.next_beat.is_none_or(|at| at > self.now) || worker.has_left {
            return;
        }
        let request = match worker.joined {
            Some((id, epoch)) => {
                worker.said_draining = worker.is_draining;
                let (generation, load) = (worker.generation, worker.load());
                Request::Beat(Heartbeat {
                    id,
                    generation,
                    epoch,
                    load,
                    legacy: LegacyState::default(),
                    leases: Vec::new(),
                })
            }
            None if worker.is_draining => return,
            None => Request::Join(
                worker.life,
                Join {
                    address: Worker::address(slot),
                    weight: 1,
                    identity: Identity { name: worker.name.clone(), generation: worker.generation },
                    cores: worker.threads,
                    heartbeat_interval: Some(HEARTBEAT),
                    frames_per_s: None,
                    version: String::new(),
                    detectors: Vec::new(),
                    http_port: None,
                },
            ),
        };
        worker.next_beat = None;
        let life = worker.life;
        self.call(Host::Worker(slot), life, request);
    }

    /// The master has answered this worker.
    pub(super) fn member_hears(&mut self, slot: usize, reply: &Reply) {
        let worker = &mut self.workers[slot];
        let wait = match *reply {
            Reply::Joined(id, epoch) => {
                worker.joined = Some((id, epoch));
                Duration::ZERO
            }
            Reply::Beaten { unknown, epoch } => {
                worker.failed_calls = 0;
                let is_known = !unknown && worker.joined.is_some_and(|(_, joined)| joined == epoch);
                if !is_known {
                    worker.joined = None;
                }
                if is_known && worker.said_draining == worker.is_draining { HEARTBEAT } else { Duration::ZERO }
            }
            Reply::Failed(_) if worker.has_left => return self.end_worker(slot, false),
            Reply::Failed(_) => {
                worker.joined = None;
                worker.failed_calls += 1;
                (Duration::from_millis(50) * 2_u32.pow(worker.failed_calls.min(5))).min(HEARTBEAT)
            }
            Reply::Done => return self.end_worker(slot, false),
            Reply::Route(_) => unreachable!("workers ask for no route"),
        };
        self.next_beat(slot, wait);
    }

    pub(super) fn leave_if_drained(&mut self, slot: usize) {
        if self.workers[slot].is_draining && self.workers[slot].streams().is_empty() {
            self.leave(slot);
        }
    }

    pub(super) fn leave(&mut self, slot: usize) {
        let worker = &mut self.workers[slot];
        if std::mem::replace(&mut worker.has_left, true) {
            return;
        }
        match worker.joined {
            Some((id, epoch)) => {
                let (life, generation) = (worker.life, worker.generation);
                self.call(Host::Worker(slot), life, Request::Leave(id, generation, epoch));
            }
            None => self.end_worker(slot, false),
        }
    }
}
