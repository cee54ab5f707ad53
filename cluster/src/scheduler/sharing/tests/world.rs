//! Three masters, five workers, and a registry of which each master hears in its own time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use facefleet_proto::test_clock;
use facefleet_proto::{Identity, Join, LegacyState, Load, Route, RouteQuery, WorkerId};

use super::super::*;
use crate::policy::PolicyName;

pub(super) const MASTERS: usize = 3;
pub(super) const WORKERS: usize = 5;

#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// A worker beats; if its master is gone or does not know it, it joins.
    Beat(usize),
    /// A worker joins the next master.
    Move(usize),
    /// A worker begins a new life.
    Restart(usize),
    Leave(usize),
    /// A worker falls silent without a event.
    Die(usize),
    /// A master hears so many events of the registry.
    Deliver(usize, usize),
    Publish(usize),
    /// A master writes and hears no answer, so it is cut off. Says whether the changes were written all the same.
    PublishInVain(usize, bool),
    CutOff(usize),
    /// A session begins, after the end of an earlier one.
    Connect(usize),
    /// A master is killed and started again. It does not connect by itself.
    Crash(usize),
    /// The leases of sessions that are over end.
    EndLeases,
    /// Somebody deletes the key of a worker.
    DeleteKey(usize),
    /// The registry loses all it knows, unless there is a master that has not come back since the last time: such a master cannot
    /// guess what others did in between.
    Wipe,
    /// So many milliseconds pass.
    Wait(u64),
}

#[derive(Clone)]
enum StoreEvent {
    Written(Registration),
    Gone(WorkerId, Gone),
}

/// The registry. As in etcd, all keys of a lease go with it.
#[derive(Default)]
struct Store {
    /// Goes up whenever it loses all it knows.
    life: u64,
    epoch: Option<u64>,
    next_id: Option<u32>,
    /// The registrations in the order in which they were written, each with the lease that it is under.
    held: Vec<(u64, Registration)>,
    /// All events so far.
    events: Vec<StoreEvent>,
}

impl Store {
    fn write(&mut self, lease: u64, keeper: u64, changes: &[Change]) {
        for change in changes {
            let was_held = self.held.extract_if(.., |(_, held)| held.id == change.id()).count() > 0;
            match change {
                Change::Keep(id, join) => {
                    let registration = Registration { id: *id, join: join.clone(), keeper };
                    self.held.push((lease, registration.clone()));
                    self.events.push(StoreEvent::Written(registration));
                }
                Change::Delete(id) if was_held => self.events.push(StoreEvent::Gone(*id, Gone::Deleted)),
                Change::Delete(_) => {}
            }
        }
    }
}

pub(super) struct Master {
    pub(super) scheduler: Scheduler,
    /// This life of the master.
    me: u64,
    /// The lease, and how many events the master has heard.
    session: Option<(u64, usize)>,
    /// In which life of the registry the master was last connected.
    store_life: u64,
    /// The workers that the master must not offer: it has learnt that they are gone, and nothing else since.
    gone: BTreeSet<WorkerId>,
}

struct Worker {
    join: Join,
    is_alive: bool,
    master: usize,
    joined: Option<(WorkerId, u64)>,
}

pub(super) struct World {
    store: Store,
    pub(super) masters: Vec<Master>,
    workers: Vec<Worker>,
    pub(super) now: Instant,
    /// Counts sessions, lives and clusters, so that each has a number of its own.
    count: u64,
    /// The worker that was given each id, by epoch and id.
    given: BTreeMap<(u64, WorkerId), Identity>,
}

impl World {
    pub(super) fn new() -> World {
        let now = test_clock::start();
        let masters = (0..MASTERS).map(|n| master(n as u64, now)).collect();
        let workers =
            (0..WORKERS).map(|n| Worker { join: join(n), is_alive: false, master: 0, joined: None }).collect();
        World { store: Store::default(), masters, workers, now, count: 100, given: BTreeMap::new() }
    }

    fn fresh(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub(super) fn play(&mut self, ops: impl IntoIterator<Item = Op>) {
        ops.into_iter().for_each(|op| self.act(op));
    }

    pub(super) fn act(&mut self, op: Op) {
        match op {
            Op::Beat(worker) => self.beat(worker),
            Op::Move(worker) => {
                self.workers[worker].master += 1;
                self.join(worker);
            }
            Op::Restart(worker) => {
                self.workers[worker].join.identity.generation = self.fresh();
                (self.workers[worker].is_alive, self.workers[worker].joined) = (true, None);
                self.join(worker);
            }
            Op::Leave(worker) => self.leave(worker),
            Op::Die(worker) => self.workers[worker].is_alive = false,
            Op::Deliver(master, events) => self.deliver(master, events),
            Op::Publish(master) => self.publish(master),
            Op::PublishInVain(master, is_written) => self.publish_in_vain(master, is_written),
            Op::CutOff(master) => {
                self.masters[master].session = None;
                self.masters[master].scheduler.cut_off(self.now);
            }
            Op::Connect(master) => self.connect(master),
            Op::Crash(n) => self.masters[n] = master(self.fresh(), self.now),
            Op::EndLeases => self.end_leases(),
            Op::DeleteKey(worker) => {
                if let Some((id, _)) = self.workers[worker].joined {
                    self.store.write(0, 0, &[Change::Delete(id)]);
                }
            }
            Op::Wipe => {
                let life = self.store.life;
                if self.masters.iter().any(|master| master.scheduler.epoch() != 0 && master.store_life != life) {
                    return;
                }
                self.store = Store { life: life + 1, ..Store::default() };
                (0..MASTERS).for_each(|master| self.act(Op::CutOff(master)));
            }
            Op::Wait(ms) => {
                self.now += Duration::from_millis(ms);
                for master in &mut self.masters {
                    master.scheduler.expire(self.now);
                }
            }
        }
    }

    /// A worker joins its master, or the next one that takes it.
    fn join(&mut self, worker: usize) {
        let Worker { join, is_alive, master, joined } = &mut self.workers[worker];
        *joined = None;
        for _ in 0..if *is_alive { MASTERS } else { 0 } {
            *master %= MASTERS;
            let Master { scheduler, gone, .. } = &mut self.masters[*master];
            let epoch = scheduler.epoch();
            if epoch != 0
                && let Ok(accepted) = scheduler.join(join.clone(), self.now)
            {
                let identity = self.given.entry((epoch, accepted.id)).or_insert_with(|| join.identity.clone());
                assert_eq!(*identity, join.identity, "{} was given twice", accepted.id);
                gone.remove(&accepted.id);
                gone.extend(accepted.replaced.iter().map(|worker| worker.id));
                *joined = Some((accepted.id, epoch));
                return;
            }
            *master += 1;
        }
    }

    /// What a worker that has joined says to its master.
    pub(super) fn heartbeat(&self, worker: usize) -> Heartbeat {
        let Worker { join, joined, .. } = &self.workers[worker];
        let ((id, epoch), generation) = (joined.unwrap(), join.identity.generation);
        Heartbeat { id, generation, epoch, load: Load::default(), legacy: LegacyState::default(), leases: Vec::new() }
    }

    fn beat(&mut self, worker: usize) {
        let Worker { is_alive: true, master, joined, .. } = &self.workers[worker] else { return };
        if joined.is_none() {
            return self.join(worker);
        }
        let beat = self.heartbeat(worker);
        if self.masters[*master].scheduler.heartbeat(&beat, self.now).is_err() {
            return self.join(worker);
        }
        for (_, other) in self.masters.iter_mut().enumerate().filter(|(n, _)| n != master) {
            other.scheduler.overheard(&beat, self.now);
        }
    }

    fn leave(&mut self, worker: usize) {
        let Worker { join, is_alive: true, master, joined } = &mut self.workers[worker] else { return };
        if let Some((id, epoch)) = joined.take() {
            let Master { scheduler, gone, .. } = &mut self.masters[*master];
            if scheduler.leave(id, join.identity.generation, epoch).is_ok() {
                gone.insert(id);
            }
        }
        self.workers[worker].is_alive = false;
    }

    fn connect(&mut self, master: usize) {
        let lease = self.fresh();
        let epoch_if_new = self.fresh();
        let Master { scheduler, me, session, store_life, gone } = &mut self.masters[master];
        *store_life = self.store.life;
        let known = scheduler.epoch();
        let epoch = *self.store.epoch.get_or_insert(if known == 0 { epoch_if_new } else { known });
        let ids = scheduler.next_ids(epoch, self.store.next_id);
        self.store.next_id = Some(ids.end);
        scheduler.connected(epoch, ids, self.now);
        let all: Vec<Registration> = self.store.held.iter().map(|(_, held)| held.clone()).collect();
        for registration in all.iter().filter(|registration| registration.keeper != *me) {
            gone.remove(&registration.id);
        }
        scheduler.learn_all(all, *me, self.now);
        *session = Some((lease, self.store.events.len()));
    }

    fn deliver(&mut self, master: usize, events: usize) {
        let Master { scheduler, me, session: Some((_, heard)), gone, .. } = &mut self.masters[master] else { return };
        for event in self.store.events.iter().skip(*heard).take(events) {
            *heard += 1;
            match event.clone() {
                StoreEvent::Written(registration) => {
                    if registration.keeper != *me {
                        gone.remove(&registration.id);
                    }
                    scheduler.learn(registration, *me, self.now);
                }
                StoreEvent::Gone(id, how) => {
                    let let_go = scheduler.learn_gone(id, how, self.now);
                    gone.extend(let_go.map(|worker| worker.id));
                }
            }
        }
        // A master learns in the same way which ids others have set aside.
        scheduler.set_aside(self.store.next_id.unwrap_or(0));
    }

    fn publish(&mut self, master: usize) {
        let Master { scheduler, me, session: Some((lease, _)), .. } = &mut self.masters[master] else { return };
        self.store.write(*lease, *me, &scheduler.to_publish(100));
    }

    fn publish_in_vain(&mut self, master: usize, is_written: bool) {
        let Master { scheduler, me, session: Some((lease, _)), .. } = &mut self.masters[master] else { return };
        let changes = scheduler.to_publish(2);
        if is_written {
            self.store.write(*lease, *me, &changes);
        }
        scheduler.not_published(&changes);
        self.act(Op::CutOff(master));
    }

    fn end_leases(&mut self) {
        let held = self.masters.iter().filter_map(|master| master.session).map(|(lease, _)| lease);
        let held: BTreeSet<u64> = held.collect();
        for (_, registration) in self.store.held.extract_if(.., |(lease, _)| !held.contains(lease)) {
            self.store.events.push(StoreEvent::Gone(registration.id, Gone::Unkept));
        }
    }

    /// Lets all masters learn and publish until none has anything to publish.
    pub(super) fn exchange(&mut self) {
        for _ in 0..20 {
            for master in 0..MASTERS {
                self.deliver(master, usize::MAX);
                self.publish(master);
            }
            let events = self.store.events.len();
            let is_quiet = |master: &Master| master.session.is_none_or(|(_, heard)| heard == events);
            if self.masters.iter().all(is_quiet) {
                return;
            }
        }
        panic!("they do not stop talking");
    }

    fn route(&mut self, master: usize) -> Route {
        let query = RouteQuery { wanted: usize::MAX, ..RouteQuery::default() };
        self.masters[master].scheduler.route(&query, self.now)
    }

    /// Which workers a master offers, by their number in this world.
    pub(super) fn routed(&mut self, master: usize) -> BTreeSet<usize> {
        let route = self.route(master);
        let gone = &self.masters[master].gone;
        let number = |name: &str| name[1..].parse().unwrap();
        for candidate in &route.candidates {
            assert!(!gone.contains(&candidate.id.unwrap()), "master {master} offers {candidate:?}, who is gone");
        }
        route.candidates.iter().map(|candidate| number(&candidate.name)).collect()
    }

    /// The number that a master gives to a stream that has chosen none.
    pub(super) fn stream_lease(&mut self, master: usize) -> u64 {
        self.route(master).lease.unwrap().id
    }

    /// How a worker is as a master knows it; None: it does not know it.
    pub(super) fn health(&self, master: usize, id: WorkerId) -> Option<Health> {
        Some(self.masters[master].scheduler.registry.get(id)?.health(self.now))
    }

    pub(super) fn id(&self, worker: usize) -> WorkerId {
        self.workers[worker].joined.unwrap().0
    }

    /// The workers that are registered, each with the master that keeps its registration.
    pub(super) fn held(&self) -> BTreeSet<(WorkerId, usize)> {
        let keeper = |keeper| self.masters.iter().position(|master| master.me == keeper);
        self.store.held.iter().filter_map(|(_, held)| Some((held.id, keeper(held.keeper)?))).collect()
    }

    /// Checks what holds at any time.
    pub(super) fn check(&mut self) {
        for master in 0..MASTERS {
            self.routed(master);
            let silent = |worker: &&crate::registry::Worker| worker.health(self.now) == Health::Lost;
            let lost: Vec<usize> = self.masters[master]
                .scheduler
                .registry
                .workers()
                .filter(silent)
                .map(|worker| worker.join.identity.name[1..].parse().unwrap())
                .collect();
            let routed = self.routed(master);
            assert!(lost.iter().all(|worker| !routed.contains(worker)), "master {master} offers the lost");
        }
    }

    /// Nothing happens any more but what keeps happening: then all masters know the same.
    pub(super) fn settle(&mut self) {
        for round in 0..15 {
            (0..MASTERS).filter(|_| round == 0).for_each(|master| self.act(Op::Connect(master)));
            self.exchange();
            (0..WORKERS).for_each(|worker| self.beat(worker));
            self.exchange();
            self.act(Op::EndLeases);
            self.act(Op::Wait(1000));
            self.check();
        }
        let alive: BTreeSet<usize> = (0..WORKERS).filter(|worker| self.workers[*worker].is_alive).collect();
        for master in 0..MASTERS {
            assert_eq!(self.routed(master), alive, "master {master}");
            for worker in &alive {
                let id = self.id(*worker);
                let known = self.masters[master].scheduler.registry.get(id).unwrap();
                assert_eq!(known.join, self.workers[*worker].join, "{id} at master {master}");
            }
        }
        for worker in alive {
            let kept = (self.id(worker), self.workers[worker].master);
            assert!(self.held().contains(&kept), "{kept:?} is not in {:?}", self.held());
        }
    }
}

fn master(me: u64, now: Instant) -> Master {
    let scheduler = Scheduler::new(PolicyName::default(), 0).sharing(now);
    Master { scheduler, me, session: None, store_life: 0, gone: BTreeSet::new() }
}

fn join(n: usize) -> Join {
    Join {
        address: SocketAddr::from(([10, 0, 0, 1], 1 + n as u16)),
        weight: 1,
        identity: Identity { name: format!("w{n}"), generation: 0 },
        cores: 1,
        heartbeat_interval: Some(Duration::from_secs(1)),
        frames_per_s: None,
        version: String::new(),
        detectors: Vec::new(),
        http_port: None,
    }
}
