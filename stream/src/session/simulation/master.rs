//! The master: a real scheduler that lives and dies, and the calls to it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use facefleet_cluster::policy::PolicyName;
use facefleet_cluster::scheduler::Scheduler;
use facefleet_proto::{Health, Heartbeat, Join, Route, RouteQuery, WorkerId};

use super::network::Body;
use super::worker::Worker;
use super::world::{At, Host, Timer, World};

/// As in `facefleet_service::grpc`.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);
/// How often the real master looks for lost workers.
const EXPIRE_EVERY: Duration = Duration::from_millis(500);
/// Within this time a worker that joins gets its first frame of a stream that could use it, and the network's part of it.
const USED_WITHIN: Duration = Duration::from_millis(2250);
/// Three missed heartbeats.
const LOST_AFTER: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(super) enum Request {
    /// With the life of the process that sends it.
    Join(u32, Join),
    Beat(Heartbeat),
    Leave(WorkerId, u64, u64),
    /// With the workers that the client uses, or has just lost.
    Route(RouteQuery, BTreeSet<SocketAddr>),
}

#[derive(Debug)]
pub(super) enum Reply {
    Joined(WorkerId, u64),
    Beaten {
        unknown: bool,
        epoch: u64,
    },
    Route(Route),
    Done,
    /// There was no answer, or a refusal.
    Failed(String),
}

/// Calls that are not answered, and who waits for them: in which life.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: BTreeMap<u64, (Host, u32)>,
    made: u64,
}

pub(super) struct Master {
    pub(super) life: u32,
    is_up: bool,
    is_dark: bool,
    scheduler: Scheduler,
    policy: PolicyName,
    /// When this life last heard of each worker, and of which life of it.
    seen: BTreeMap<SocketAddr, (u64, At)>,
}

impl std::fmt::Debug for Master {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "life {} of the master", self.life)
    }
}

impl Master {
    pub(super) fn new(rng: &mut fastrand::Rng) -> Master {
        let policy = if rng.bool() { PolicyName::LeastLoaded } else { PolicyName::WeightedRoundRobin };
        Master {
            life: 0,
            is_up: false,
            is_dark: false,
            scheduler: Scheduler::new(policy, 1),
            policy,
            seen: BTreeMap::new(),
        }
    }
}

impl World {
    /// A new life: nothing is known, and ids count from 0 again.
    pub(super) fn start_master(&mut self) {
        let Master { life, is_up, is_dark: _, scheduler, policy, seen } = &mut self.master;
        if std::mem::replace(is_up, true) {
            return;
        }
        *life += 1;
        *scheduler = Scheduler::new(*policy, u64::from(*life));
        seen.clear();
        self.timer(EXPIRE_EVERY, Host::Master, Timer::Expire);
    }

    pub(super) fn end_master(&mut self, dark: bool) {
        self.master.is_up = false;
        self.master.is_dark = dark;
        self.forget_pause(Host::Master);
    }

    pub(super) fn call(&mut self, from: Host, life: u32, request: Request) -> u64 {
        let call = self.calls.made;
        self.calls.made += 1;
        self.calls.open.insert(call, (from, life));
        self.send(from, Host::Master, Body::Call(call, request));
        self.timer(CALL_TIMEOUT, from, Timer::CallOver(call));
        call
    }

    /// An answer has come; or the time for it is over.
    pub(super) fn replied(&mut self, call: u64, reply: Reply) {
        match self.calls.open.remove(&call) {
            Some((Host::Worker(slot), life)) if life == self.workers[slot].life => self.member_hears(slot, &reply),
            Some((Host::Client(number), _)) => self.client_routed(number, reply),
            Some(_) | None => {}
        }
    }

    pub(super) fn master_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Expire => {
                let now = self.instant();
                self.master.scheduler.expire(now);
                self.timer(EXPIRE_EVERY, Host::Master, Timer::Expire);
            }
            Timer::IsUsed { slot, life, since } => self.check_that_it_is_used(slot, life, since),
            other => unreachable!("the master does not wait for {other:?}"),
        }
    }

    pub(super) fn master_called(&mut self, from: Host, call: u64, request: Request) {
        if !self.master.is_up {
            if !self.master.is_dark {
                let refused = Reply::Failed("connection refused".to_owned());
                self.send(Host::Master, from, Body::Reply(call, refused));
            }
            return;
        }
        let (now, epoch) = (self.instant(), self.master.scheduler.epoch());
        let reply = match request {
            Request::Join(life, join) => self.join(from, life, join, now),
            Request::Beat(beat) => {
                let unknown = match self.master.scheduler.heartbeat(&beat, now) {
                    Ok(beat) => {
                        let join = &beat.worker.join;
                        self.master.seen.insert(join.address, (join.identity.generation, self.now));
                        assert_eq!(Host::Worker(Worker::slot_of(join.address)), from, "a heartbeat of somebody else");
                        false
                    }
                    Err(_) => true,
                };
                Reply::Beaten { unknown, epoch }
            }
            Request::Leave(id, generation, epoch) => {
                if let Ok(left) = self.master.scheduler.leave(id, generation, epoch) {
                    let slot = Worker::slot_of(left.join.address);
                    assert_eq!(Host::Worker(slot), from, "somebody else has left");
                }
                Reply::Done
            }
            Request::Route(query, excusable) => Reply::Route(self.route(&query, &excusable, now)),
        };
        self.send(Host::Master, from, Body::Reply(call, reply));
    }

    fn join(&mut self, from: Host, life: u32, join: Join, now: Instant) -> Reply {
        let (address, generation) = (join.address, join.identity.generation);
        let Host::Worker(slot) = from else { unreachable!("only workers join") };
        match self.master.scheduler.join(join, now) {
            Ok(joined) => {
                self.master.seen.insert(address, (generation, self.now));
                if !joined.again {
                    let since = self.now;
                    self.timer(USED_WITHIN, Host::Master, Timer::IsUsed { slot, life, since });
                }
                self.log(|| format!("w{slot} joins as {}", joined.id));
                Reply::Joined(joined.id, self.master.scheduler.epoch())
            }
            Err(refused) => Reply::Failed(refused.to_string()),
        }
    }

    fn route(&mut self, query: &RouteQuery, excusable: &BTreeSet<SocketAddr>, now: Instant) -> Route {
        let workers = self.master.scheduler.registry().workers();
        let healthy = workers.filter(|worker| worker.health(now) == Health::Healthy);
        let healthy: BTreeSet<SocketAddr> = healthy.map(|worker| worker.join.address).collect();
        let route = self.master.scheduler.route(query, now);
        let offered: BTreeSet<SocketAddr> = route.candidates.iter().map(|candidate| candidate.address).collect();
        assert_eq!(offered.len(), route.candidates.len(), "nobody is offered twice");
        assert!(offered.len() <= query.wanted);
        for candidate in &route.candidates {
            let (generation, seen) = self.master.seen[&candidate.address];
            assert_eq!(generation, candidate.generation, "the master offers another life than it heard of");
            let silent = self.now - seen;
            assert!(silent <= LOST_AFTER, "{:?}: {candidate:?} is offered after {silent:?} of silence", self.now);
        }
        if offered.len() < query.wanted {
            let left_out: Vec<_> =
                healthy.difference(&offered).filter(|address| !excusable.contains(address)).collect();
            assert!(
                left_out.is_empty(),
                "{:?}: {query:?} leaves out {left_out:?}, which its client neither uses nor has lost",
                self.now
            );
        }
        route
    }
}
