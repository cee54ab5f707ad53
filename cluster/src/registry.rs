//! Who is in the cluster. Pure: time is an argument, and what happened is returned for the caller to log.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use facefleet_proto::{Health, Heartbeat, Join, Load, Node, WorkerId};

use crate::liveness::{Check, Liveness, Loss};
use crate::rate::Rate;
pub use ids::END_OF_IDS;
use ids::Ids;

mod ids;

/// Most workers that are registered at once, lost ones included.
pub const MAX_WORKERS: usize = 100_000;

/// Every worker, by id, by name and by address; each name and each address belongs to one worker at most.
#[derive(Debug, Default)]
pub struct Registry {
    workers: BTreeMap<WorkerId, Worker>,
    by_name: HashMap<String, WorkerId>,
    by_address: HashMap<SocketAddr, WorkerId>,
    ids: Ids,
    loss: Loss,
    /// Names of workers that are out of service, registered or not.
    resting: BTreeSet<String>,
}

/// A registered worker.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Its number.
    pub id: WorkerId,
    /// What it said of itself.
    pub join: Join,
    /// Its last heartbeat; None before the first.
    pub load: Option<Load>,
    /// Milliseconds that its frames have taken, as clients said when they had ended; None before the first.
    pub submitted_ms: Option<f32>,
    /// Whether an administrator has sent it out of service.
    pub is_resting: bool,
    liveness: Liveness,
    /// Of frames that it has answered well.
    rate: Rate,
    /// Whether the registry that this one shares holds it no more, so that it is forgotten when it falls silent.
    is_let_go: bool,
}

/// A worker has joined.
#[derive(Debug)]
pub struct Joined {
    /// Its number.
    pub id: WorkerId,
    /// The same life of the same worker had joined before, as when the first reply was lost on the way.
    pub again: bool,
    /// Who had its name or its address until now, and is registered no more.
    pub replaced: Vec<Worker>,
}

/// Why a worker cannot join.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A later life of the worker is alive.
    #[error(
        "a worker named `{name}` that started later is registered, at {address}: \
         if this is another machine, give it a name of its own"
    )]
    Superseded {
        /// The name that both have.
        name: String,
        /// Where the later one is reached.
        address: SocketAddr,
    },
    /// Another worker is alive at the address. Were it to give way, it would join again a heartbeat later and the two
    /// would throw each other out for ever.
    #[error(
        "{address} is the address of worker `{holder}`, which is alive: give this worker another port or address \
         (if `{holder}` has ended, its place is free when its heartbeats are missed, mostly within 3 s)"
    )]
    AddressTaken {
        /// The name of who is there.
        holder: String,
        /// The address that both claim.
        address: SocketAddr,
    },
    /// There are [`MAX_WORKERS`].
    #[error("{MAX_WORKERS} workers are registered, which is the most that this master takes")]
    Full,
    /// Two thousand million workers have joined in this master's life, or it shares a registry that it cannot reach.
    #[error(
        "this master has no id left to give: restart it, or, if it is cut off from a registry that it shares, join another"
    )]
    OutOfIds,
}

/// A heartbeat of a worker that is registered.
#[derive(Debug)]
pub struct Beat<'a> {
    /// Who sent it.
    pub worker: &'a Worker,
    /// How long it had been silent, if it was lost.
    pub back_after: Option<Duration>,
}

/// No worker with this id and this generation is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

/// What silence has done, as [`Registry::expire`] finds it.
#[derive(Debug)]
pub enum Expired {
    /// It missed its deadline; routes leave it out until it beats again.
    Lost {
        /// The worker.
        worker: Worker,
        /// For how long it has said nothing.
        silent: Duration,
    },
    /// It was silent for so long that it is registered no more.
    Forgotten(Worker),
}

impl Registry {
    /// A registry that knows nobody yet, and detects losses so.
    pub fn new(loss: Loss) -> Registry {
        Registry { loss, ..Registry::default() }
    }

    /// Takes a worker in.
    ///
    /// A worker's identity is its name and its generation. The same identity keeps its id; a later generation takes
    /// the place of the earlier one under a new id; generation 0 says nothing about a life, and is always a new one.
    /// A lost worker of another name that had the address is gone, because two processes cannot listen there at once.
    ///
    /// # Errors
    /// A later generation is alive (a lost one is not in the way: a Pi without a clock of its own may well restart
    /// at an earlier time), or another worker is alive at the address, or there is no room.
    pub fn join(&mut self, join: Join, now: Instant) -> Result<Joined, Refused> {
        let namesake = self.by_name.get(&join.identity.name).copied();
        let neighbour = self.by_address.get(&join.address).copied();
        let earlier = namesake.and_then(|id| self.workers.get(&id));
        if let Some(earlier) = earlier
            && earlier.join.identity.generation > join.identity.generation
            && earlier.liveness.is_alive(now)
        {
            let name = join.identity.name;
            return Err(Refused::Superseded { name, address: earlier.join.address });
        }
        if let Some(holder) = neighbour.filter(|id| namesake != Some(*id)).and_then(|id| self.workers.get(&id))
            && holder.liveness.is_alive(now)
        {
            let holder = holder.join.identity.name.clone();
            return Err(Refused::AddressTaken { holder, address: join.address });
        }
        let earlier = earlier.filter(|e| join.identity.generation != 0 && e.join.identity == join.identity);
        let (id, load, again) = match earlier {
            Some(earlier) => (earlier.id, earlier.load.clone(), true),
            None => (self.new_id(namesake.is_some() || neighbour.is_some())?, None, false),
        };

        let gone = [namesake, neighbour].into_iter().flatten();
        let mut replaced: Vec<Worker> = gone.filter_map(|id| self.remove(id)).collect();
        replaced.retain(|worker| worker.id != id);

        self.enter(Worker { load, ..Worker::new(id, join, self.loss, now) });
        Ok(Joined { id, again, replaced })
    }

    /// Takes in a worker that has joined another master, which gave it this id. That is no sign of life of one that is known
    /// here already. Returns who had its name, its address or its id until now, and is registered no more.
    pub fn adopt(&mut self, id: WorkerId, join: Join, now: Instant) -> Vec<Worker> {
        let namesake = self.by_name.get(&join.identity.name).copied();
        let neighbour = self.by_address.get(&join.address).copied();
        let gone = [namesake, neighbour, Some(id)].into_iter().flatten();
        let mut replaced: Vec<Worker> = gone.filter_map(|id| self.remove(id)).collect();
        let is_known = |worker: &Worker| worker.id == id && worker.join.identity == join.identity;
        match replaced.iter().position(is_known).map(|at| replaced.swap_remove(at)) {
            Some(known) => self.enter(Worker { join, is_let_go: false, ..known }),
            None => self.enter(Worker::new(id, join, self.loss, now)),
        }
        replaced
    }

    /// The registry that this one shares holds this worker no more: it goes when it falls silent, at once if it is silent
    /// already. Returns it if it is gone.
    pub fn let_go(&mut self, id: WorkerId, now: Instant) -> Option<Worker> {
        let worker = self.workers.get_mut(&id)?;
        worker.is_let_go = true;
        if worker.liveness.is_alive(now) { None } else { self.remove(id) }
    }

    /// Takes a heartbeat.
    ///
    /// # Errors
    /// The sender is not registered, or not in this generation; it must join again.
    pub fn heartbeat(&mut self, heartbeat: &Heartbeat, now: Instant) -> Result<Beat<'_>, Unknown> {
        let worker = self.workers.get_mut(&heartbeat.id).ok_or(Unknown)?;
        if worker.join.identity.generation != heartbeat.generation {
            return Err(Unknown);
        }
        let back_after = worker.liveness.beat(now);
        worker.rate.count(heartbeat.load.frames_ok, now);
        worker.load = Some(heartbeat.load.clone());
        worker.is_let_go = false;
        Ok(Beat { worker, back_after })
    }

    /// A client has seen what frames take at a worker: half of what is known, so that none of them alone has the say.
    pub fn measured(&mut self, id: WorkerId, frame_time: Duration) {
        if let Some(worker) = self.workers.get_mut(&id) {
            let newest = frame_time.as_secs_f32() * 1000.0;
            worker.submitted_ms = Some(worker.submitted_ms.map_or(newest, |before| (before + newest) / 2.0));
        }
    }

    /// Lets a worker go.
    ///
    /// # Errors
    /// It is not registered, or not in this generation.
    pub fn leave(&mut self, id: WorkerId, generation: u64) -> Result<Worker, Unknown> {
        match self.workers.get(&id) {
            Some(worker) if worker.join.identity.generation == generation => self.remove(id).ok_or(Unknown),
            _ => Err(Unknown),
        }
    }

    /// Looks for workers that have been silent for too long. Each loss is reported once. Those that have been silent for very
    /// long are forgotten if they `may` be, and stay lost otherwise.
    pub fn expire(&mut self, now: Instant, may: impl Fn(WorkerId) -> bool) -> Vec<Expired> {
        let mut expired = Vec::new();
        let mut forgotten = Vec::new();
        for worker in self.workers.values_mut() {
            match worker.liveness.check(now) {
                Check::Same => {}
                Check::Lost if worker.is_let_go => forgotten.push(worker.id),
                Check::Lost => {
                    let silent = worker.liveness.silent(now);
                    expired.push(Expired::Lost { worker: worker.clone(), silent });
                }
                Check::Forgotten if may(worker.id) => forgotten.push(worker.id),
                Check::Forgotten => {}
            }
        }
        expired.extend(forgotten.into_iter().filter_map(|id| self.remove(id)).map(Expired::Forgotten));
        expired
    }

    /// Every worker, by id.
    pub fn workers(&self) -> impl Iterator<Item = &Worker> {
        self.workers.values()
    }

    /// The worker with this name.
    pub fn named(&self, name: &str) -> Option<&Worker> {
        self.workers.get(self.by_name.get(name)?)
    }

    /// The worker with this id.
    pub fn get(&self, id: WorkerId) -> Option<&Worker> {
        self.workers.get(&id)
    }

    /// The next id, if there is room for one more worker or it `replaces` one.
    fn new_id(&mut self, replaces: bool) -> Result<WorkerId, Refused> {
        if self.workers.len() >= MAX_WORKERS && !replaces {
            return Err(Refused::Full);
        }
        self.ids.give().ok_or(Refused::OutOfIds)
    }

    /// Gives these ids from now on, and those that are left no more.
    pub fn take_ids(&mut self, ids: Range<u32>) {
        self.ids = Ids::new(ids);
    }

    /// How many ids are left to give.
    pub fn ids_left(&self) -> usize {
        self.ids.left()
    }

    /// Names of the workers that are out of service, registered or not.
    pub fn resting(&self) -> &BTreeSet<String> {
        &self.resting
    }

    /// The workers with these names are out of service from now on, whenever they join, and no others. Returns the registered
    /// ones for which that is a change.
    pub fn set_resting(&mut self, names: BTreeSet<String>) -> Vec<WorkerId> {
        let changed = names.symmetric_difference(&self.resting).filter_map(|name| self.by_name.get(name)).copied();
        let changed: Vec<WorkerId> = changed.collect();
        for id in &changed {
            let worker = self.workers.get_mut(id).expect("who has a name is registered");
            worker.is_resting = names.contains(&worker.join.identity.name);
        }
        self.resting = names;
        changed
    }

    /// How losses are detected.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    fn enter(&mut self, mut worker: Worker) {
        worker.is_resting = self.resting.contains(&worker.join.identity.name);
        self.by_name.insert(worker.join.identity.name.clone(), worker.id);
        self.by_address.insert(worker.join.address, worker.id);
        self.workers.insert(worker.id, worker);
    }

    /// Lets a worker go that another master says is gone.
    pub fn remove(&mut self, id: WorkerId) -> Option<Worker> {
        let worker = self.workers.remove(&id)?;
        self.by_name.remove(&worker.join.identity.name);
        self.by_address.remove(&worker.join.address);
        Some(worker)
    }
}

impl Worker {
    /// One that has joined just now.
    fn new(id: WorkerId, join: Join, loss: Loss, now: Instant) -> Worker {
        let liveness = Liveness::new(join.heartbeat_interval, loss, now);
        Worker {
            id,
            join,
            load: None,
            submitted_ms: None,
            is_resting: false,
            liveness,
            rate: Rate::default(),
            is_let_go: false,
        }
    }

    /// Whether it is within its deadline, gets routes, or only finishes what it holds.
    pub fn health(&self, now: Instant) -> Health {
        if !self.liveness.is_alive(now) {
            Health::Lost
        } else if self.is_draining() {
            Health::Draining
        } else {
            Health::Healthy
        }
    }

    /// Whether it is to get nothing new: it leaves, or is out of service. One of an old version does not know that it is.
    pub fn is_draining(&self) -> bool {
        self.is_resting || self.load.as_ref().is_some_and(|load| load.draining)
    }

    /// Frames that it answered well a second, between its last two heartbeats; 0 before the second.
    pub fn frames_per_s(&self) -> f32 {
        self.rate.per_s()
    }

    /// What people are shown of it.
    pub fn node(&self, now: Instant) -> Node {
        let Join { address, weight, identity, cores, version, detectors, .. } = self.join.clone();
        Node {
            id: self.id,
            identity,
            address,
            weight,
            cores,
            version,
            detectors,
            health: self.health(now),
            silent: self.liveness.silent(now),
            load: self.load.clone().map(|load| Load { resting: self.is_resting || load.resting, ..load }),
            slots: 0,
            slots_taken: 0,
        }
    }
}

impl fmt::Display for Worker {
    /// As log lines name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} `{}` at {}", self.id, self.join.identity.name, self.join.address)
    }
}

#[cfg(test)]
mod tests;
