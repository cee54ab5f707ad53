//! The workers of the cluster. What happens to them is returned for the caller to log.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use facefleet_proto::{Health, Heartbeat, Join, Load, WorkerId};

use crate::liveness::{Check, Liveness};
use crate::rate::Rate;
pub use ids::END_OF_IDS;
use ids::Ids;

mod ids;

/// Most workers that are registered at once, lost ones included.
pub const MAX_WORKERS: usize = 100_000;
/// A worker is slow when its frames take so many times what they took in its self-test. Other pictures and other detectors than
/// those of the self-test may well take twice as long.
const SLOW: f32 = 3.0;

/// Every worker, by id, by name and by address; each name and each address belongs to one worker at most.
#[derive(Debug, Default)]
pub struct Registry {
    workers: BTreeMap<WorkerId, Worker>,
    by_name: HashMap<String, WorkerId>,
    by_address: HashMap<SocketAddr, WorkerId>,
    ids: Ids,
    /// Names of workers that are out of service, registered or not.
    resting: BTreeSet<String>,
}

/// A registered worker.
#[derive(Clone, Debug)]
pub struct Worker {
    /// The worker's number.
    pub id: WorkerId,
    /// What the worker said of itself when it joined.
    pub join: Join,
    /// The last heartbeat; None before the first.
    pub load: Option<Load>,
    /// Milliseconds that the worker's frames took, by the results that clients submit at the end of their streams; None before
    /// the first result.
    pub submitted_ms: Option<f32>,
    /// Whether an administrator has sent it out of service.
    pub is_resting: bool,
    liveness: Liveness,
    /// Counts the frames that the worker has answered well.
    rate: Rate,
    /// Whether the shared registry holds the worker no more, so that it is forgotten when it falls silent.
    is_let_go: bool,
}

/// A worker has joined.
#[derive(Debug)]
pub struct Joined {
    /// The worker's number.
    pub id: WorkerId,
    /// Whether this life of the worker had joined before, as when the first reply was lost on the way.
    pub again: bool,
    /// The workers that had its name or its address until now, and are registered no more.
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
        /// The address of the later life.
        address: SocketAddr,
    },
    /// Another worker is alive at the address. If it gave way, it would join again a heartbeat later, and the two would throw
    /// each other out for ever.
    #[error(
        "{address} is the address of worker `{holder}`, which is alive: give this worker another port or address \
         (if `{holder}` has ended, its place is free when its heartbeats are missed, mostly within 3 s)"
    )]
    AddressTaken {
        /// The name of the worker that is there.
        holder: String,
        /// The address that both claim.
        address: SocketAddr,
    },
    /// [`MAX_WORKERS`] workers are registered.
    #[error("{MAX_WORKERS} workers are registered, which is the most that this master takes")]
    Full,
    /// Two thousand million workers have joined in this master's life, or the master shares a registry that it cannot reach.
    #[error(
        "this master has no id left to give: restart it, or, if it is cut off from a registry that it shares, join another"
    )]
    OutOfIds,
}

/// A heartbeat of a worker that is registered.
#[derive(Debug)]
pub struct Beat<'a> {
    /// The worker that sent it.
    pub worker: &'a Worker,
    /// For how long the worker had been silent, if it was lost; None: it was not.
    pub back_after: Option<Duration>,
}

/// No worker with this id and this generation is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

/// What [`Registry::expire`] finds about a silent worker.
#[derive(Debug)]
pub enum Expired {
    /// The worker missed its deadline. Routes leave it out until it beats again.
    Lost {
        /// The worker.
        worker: Worker,
        /// For how long the worker has been silent.
        silent: Duration,
    },
    /// The worker was silent for so long that it is registered no more.
    Forgotten(Worker),
}

impl Registry {
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
            None if self.workers.len() >= MAX_WORKERS && namesake.is_none() && neighbour.is_none() => {
                return Err(Refused::Full);
            }
            None => (self.ids.give().ok_or(Refused::OutOfIds)?, None, false),
        };

        let gone = [namesake, neighbour].into_iter().flatten();
        let mut replaced: Vec<Worker> = gone.filter_map(|id| self.remove(id)).collect();
        replaced.retain(|worker| worker.id != id);

        self.enter(Worker { load, ..Worker::new(id, join, now) });
        Ok(Joined { id, again, replaced })
    }

    /// Takes in a worker that has joined another master, which gave it this id. For a worker that is known here already this is
    /// no sign of life. Returns the workers that had its name, its address or its id until now, and are registered no more.
    pub fn adopt(&mut self, id: WorkerId, join: Join, now: Instant) -> Vec<Worker> {
        let namesake = self.by_name.get(&join.identity.name).copied();
        let neighbour = self.by_address.get(&join.address).copied();
        let gone = [namesake, neighbour, Some(id)].into_iter().flatten();
        let mut replaced: Vec<Worker> = gone.filter_map(|id| self.remove(id)).collect();
        let is_known = |worker: &Worker| worker.id == id && worker.join.identity == join.identity;
        match replaced.iter().position(is_known).map(|at| replaced.swap_remove(at)) {
            Some(known) => self.enter(Worker { join, is_let_go: false, ..known }),
            None => self.enter(Worker::new(id, join, now)),
        }
        replaced
    }

    /// Lets a worker go that the shared registry holds no more: when it falls silent, or at once if it is silent already.
    /// Returns the worker if it is gone.
    pub fn let_go(&mut self, id: WorkerId, now: Instant) -> Option<Worker> {
        let worker = self.workers.get_mut(&id)?;
        worker.is_let_go = true;
        if worker.liveness.is_alive(now) { None } else { self.remove(id) }
    }

    /// Takes a heartbeat.
    ///
    /// # Errors
    /// The sender is not registered, or not in this generation, and must join again.
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

    /// Takes the time of a frame that a client has seen at a worker. The newest measurement counts for half, so that no client
    /// alone decides what is believed of a worker.
    pub fn measured(&mut self, id: WorkerId, frame_time: Duration) {
        if let Some(worker) = self.workers.get_mut(&id) {
            let newest = frame_time.as_secs_f32() * 1000.0;
            worker.submitted_ms = Some(worker.submitted_ms.map_or(newest, |before| (before + newest) / 2.0));
        }
    }

    /// Lets a worker go.
    ///
    /// # Errors
    /// The worker is not registered, or not in this generation.
    pub fn leave(&mut self, id: WorkerId, generation: u64) -> Result<Worker, Unknown> {
        match self.workers.get(&id) {
            Some(worker) if worker.join.identity.generation == generation => self.remove(id).ok_or(Unknown),
            _ => Err(Unknown),
        }
    }

    /// Looks for workers that have been silent for too long. Each loss is reported once. A worker that has been silent for very
    /// long is forgotten if `may` allows it, and stays lost otherwise.
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

    /// Every worker, in the order of ids.
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

    /// Gives workers that join these ids from now on, and none of those that were left.
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

    /// Sends the workers with these names out of service, whenever they join, and all others back into service. Returns the
    /// registered workers for which that is a change.
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

    fn enter(&mut self, mut worker: Worker) {
        worker.is_resting = self.resting.contains(&worker.join.identity.name);
        self.by_name.insert(worker.join.identity.name.clone(), worker.id);
        self.by_address.insert(worker.join.address, worker.id);
        self.workers.insert(worker.id, worker);
    }

    /// Removes a worker.
    pub fn remove(&mut self, id: WorkerId) -> Option<Worker> {
        let worker = self.workers.remove(&id)?;
        self.by_name.remove(&worker.join.identity.name);
        self.by_address.remove(&worker.join.address);
        Some(worker)
    }
}

impl Worker {
    /// A worker that has joined just now.
    fn new(id: WorkerId, join: Join, now: Instant) -> Worker {
        let liveness = Liveness::new(join.heartbeat_interval, now);
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

    /// Whether the worker is lost, gets routes, or only finishes what it holds.
    pub fn health(&self, now: Instant) -> Health {
        if !self.liveness.is_alive(now) {
            Health::Lost
        } else if self.is_draining() {
            Health::Draining
        } else {
            Health::Healthy
        }
    }

    /// Whether the worker gets nothing new, because it leaves or is out of service. A worker of an old version does not know when
    /// it is out of service.
    pub fn is_draining(&self) -> bool {
        self.is_resting || self.load.as_ref().is_some_and(|load| load.draining)
    }

    /// For how long the worker has given no sign of life.
    pub fn silent(&self, now: Instant) -> Duration {
        self.liveness.silent(now)
    }

    /// Milliseconds that a frame took each of the worker's threads in its self-test; None: it has not measured itself.
    pub fn self_test_ms(&self) -> Option<f32> {
        let frames_per_s = self.load.as_ref().and_then(|load| load.frames_per_s).or(self.join.frames_per_s);
        frames_per_s.map(|frames_per_s| 1000.0 * self.join.cores as f32 / frames_per_s)
    }

    /// Whether the worker is much slower than in its self-test, or something slows its machine down.
    pub fn is_slow(&self) -> bool {
        let Some(load) = &self.load else { return false };
        let frame_ms = load.frame_ms_p50.or(load.frame_ms);
        let is_slower = self.self_test_ms().zip(frame_ms).is_some_and(|(alone, now)| now > SLOW * alone);
        load.throttling.is_on() || is_slower
    }

    /// Frames that the worker answered well a second, between its last two heartbeats; 0 before the second heartbeat.
    pub fn frames_per_s(&self) -> f32 {
        self.rate.per_s()
    }
}

impl fmt::Display for Worker {
    /// Names the worker in log lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} `{}` at {}", self.id, self.join.identity.name, self.join.address)
    }
}

#[cfg(test)]
mod tests;
