//! What the master's policies do: cameras on a quiet network, each a real stream, with the real scheduler.
//!
//! A camera sends one stream after the other, and drops nothing: a frame waits in the client until a worker has room for it, so that
//! a cluster that cannot keep up shows it in the times.

mod cluster;
mod measured;

use std::fmt;
use std::time::Duration;

use facefleet_cluster::policy::PolicyName;
use facefleet_stream::frame::End;
use facefleet_stream::session::{LinkEvent, MOST_LINKS, WORKERS_AT_FIRST};
use fastrand::Rng;

use crate::engine::At;
use crate::world::client::{Client, Plan};
use crate::world::master::Master;
use crate::world::message::Ends;
use crate::world::network::Network;
use crate::world::worker::{Habit, Worker};
use crate::world::{Experiment, Log, World};
pub use cluster::{Board, CAMERA_FPS, CLUSTERS, Cluster, mixed};
use measured::WARM_UP;
pub use measured::{Figures, Measured};

/// The shortest time from host to host.
const NETWORK: Duration = Duration::from_micros(200);
/// How often frames in flight are counted.
const COUNT_EVERY: Duration = Duration::from_millis(100);
/// All cameras have begun between these moments.
const BEGUN: std::ops::Range<u64> = 1_000_000..11_000_000;
/// Frames of a stream.
const STREAM: std::ops::Range<u64> = 50..350;
const EVERY: Duration = Duration::from_millis(1000 / CAMERA_FPS as u64);

/// How a client uses the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One worker at a time, as the old programs have it. It is the real session, which bounds what that worker holds and finds another
    /// when it is lost.
    OneRoute,
    /// As many workers at first as the real client has, and more while they cannot do its frames.
    AsNeeded,
    /// So many workers from the first frame on.
    Many(usize),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::OneRoute => f.write_str("one route"),
            Kind::AsNeeded => f.write_str("as needed"),
            Kind::Many(wanted) => write!(f, "{wanted} workers"),
        }
    }
}

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// How its master chooses workers.
    pub policy: PolicyName,
    /// How its clients use them.
    pub kind: Kind,
}

/// Lets the cluster of this seed work for its time, and adds what was seen to `measured`.
pub fn run(trial: Trial<'_>, seed: u64, measured: Measured) -> Measured {
    let mut world = world(trial, seed, measured);
    let span = trial.cluster.span;
    while world.pass(span) {}
    let Cameras { streams, mut measured, .. } = world.bus.experiment;
    // What has no answer yet counts, too: with the time that it has waited.
    for stream in streams.iter().filter(|stream| !stream.is_done) {
        let taken = stream.answered.iter().enumerate().map(|(frame, answered)| (stream.due(frame), *answered));
        taken.filter(|(due, answered)| !answered && *due < span).for_each(|(due, _)| measured.unanswered(due, span));
        measured.stream(stream.count(), stream.began, span);
    }
    measured.span += span - WARM_UP;
    measured
}

/// The experiment: cameras, and boards that slow down, vanish and join.
#[derive(Debug)]
struct Cameras {
    cluster: Cluster,
    kind: Kind,
    /// What each camera does follows from its own numbers, so that it is the same whatever the policy.
    rngs: Vec<Rng>,
    churn: Rng,
    /// By client.
    streams: Vec<Stream>,
    measured: Measured,
}

/// A stream of a camera.
#[derive(Debug)]
struct Stream {
    camera: usize,
    began: At,
    /// By frame.
    answered: Vec<bool>,
    is_done: bool,
}

impl Stream {
    /// When the picture of a frame is taken.
    fn due(&self, frame: usize) -> At {
        self.began + EVERY * u32::try_from(frame).expect("a stream has few frames")
    }

    fn count(&self) -> usize {
        self.answered.iter().filter(|answered| **answered).count()
    }
}

#[derive(Debug)]
enum Happening {
    /// A camera begins a stream.
    Begin(usize),
    /// Board 0 becomes slow.
    SlowDown,
    /// A board vanishes, and another one joins.
    Replace,
    /// Frames in flight are counted.
    Count,
}

fn world(trial: Trial<'_>, seed: u64, measured: Measured) -> World<Cameras> {
    let Trial { cluster, policy, kind } = trial;
    let mut rng = Rng::with_seed(seed);
    let boards = cluster.boards(&mut rng);
    let rngs: Vec<Rng> = (0..cluster.cameras(&boards)).map(|_| rng.fork()).collect();
    let cameras = rngs.len();
    let experiment = Cameras { cluster: *cluster, kind, rngs, churn: rng.fork(), streams: Vec::new(), measured };
    let master = Master::new(policy, seed);
    let mut world = World::new(rng, Network::new(NETWORK, 0), master, experiment, Log::Silent);
    world.master.start(&mut world.bus);
    boards.into_iter().for_each(|board| add(&mut world, board));
    for camera in 0..cameras {
        let at = Duration::from_micros(world.bus.rng.u64(BEGUN));
        world.bus.at(at, Happening::Begin(camera));
    }
    world.bus.at(cluster.span / 2, Happening::SlowDown);
    world.bus.at(WARM_UP, Happening::Count);
    if let Some(every) = cluster.replaced_every {
        world.bus.at(every, Happening::Replace);
    }
    world
}

/// A worker starts on a new board.
fn add(world: &mut World<Cameras>, board: Board) {
    let worker = Worker::new(world.workers.len(), board.threads, board.frame, Habit::Honest);
    let mut worker = worker.with_weight(board.weight());
    worker.start(None, &mut world.bus);
    world.workers.push(worker);
}

fn begin(world: &mut World<Cameras>, camera: usize) {
    let began = world.bus.now();
    let Cameras { kind, rngs, streams, .. } = &mut world.bus.experiment;
    let frames = rngs[camera].u64(STREAM);
    let (wanted, workers_at_first) = match *kind {
        Kind::OneRoute => (1, 1),
        Kind::AsNeeded => (MOST_LINKS, WORKERS_AT_FIRST),
        Kind::Many(wanted) => (wanted, wanted),
    };
    let plan = Plan {
        wanted,
        workers_at_first,
        max_age: None,
        frames,
        every: EVERY,
        read_ahead: u64::MAX,
        report_time: Duration::ZERO,
        hears_the_dead: false,
        seed: rngs[camera].u64(..),
    };
    streams.push(Stream { camera, began, answered: vec![false; frames as usize], is_done: false });
    world.start_client(Client::new(plan), began);
}

fn replace(world: &mut World<Cameras>) {
    let churn = &mut world.bus.experiment.churn;
    let gone = loop {
        let slot = churn.usize(..world.workers.len());
        if world.workers[slot].is_up() {
            break slot;
        }
    };
    let board = mixed(churn);
    world.workers[gone].end(Ends::Machine, &mut world.bus);
    add(world, board);
}

impl Experiment for Cameras {
    type Event = Happening;

    fn happen(world: &mut World<Cameras>, event: Happening) {
        let now = world.bus.now();
        match event {
            Happening::Begin(camera) => begin(world, camera),
            Happening::SlowDown => {
                let times = world.bus.experiment.cluster.slow_down;
                world.workers[0].speed.service *= times;
            }
            Happening::Replace => {
                replace(world);
                let every = world.bus.experiment.cluster.replaced_every.expect("boards are replaced");
                world.bus.at(now + every, Happening::Replace);
            }
            Happening::Count => {
                world.bus.experiment.measured.in_flight(world.workers.iter().map(Worker::in_flight));
                world.bus.at(now + COUNT_EVERY, Happening::Count);
            }
        }
    }

    fn ended(world: &mut World<Cameras>, client: usize) {
        let now = world.bus.now();
        let Cameras { streams, measured, .. } = &mut world.bus.experiment;
        let stream = &mut streams[client];
        stream.is_done = true;
        measured.stream(stream.count(), stream.began, now);
        stream.answered = Vec::new();
        let camera = stream.camera;
        world.bus.at(now, Happening::Begin(camera));
    }

    fn link(&mut self, client: usize, event: &LinkEvent, at: At) {
        let stream = &mut self.streams[client];
        if let LinkEvent::Answer(_, answer) = event
            && matches!(answer.end, End::Ok(_))
            && !std::mem::replace(&mut stream.answered[answer.frame.seq as usize], true)
        {
            self.measured.answer(stream.due(answer.frame.seq as usize), at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_has_one_history_and_carries_what_it_can() {
        let mut cluster = CLUSTERS[0];
        cluster.span = Duration::from_secs(25);
        for kind in [Kind::OneRoute, Kind::AsNeeded, Kind::Many(2)] {
            let trial = Trial { cluster: &cluster, policy: PolicyName::LeastLoaded, kind };
            let figures = || run(trial, 3, Measured::default()).figures();
            let (first, again) = (figures(), figures());
            assert_eq!(format!("{first:?}"), format!("{again:?}"));
            // Eight cameras of ten frames a second, on boards that do 120.
            assert!((78.0..82.0).contains(&first.frames_per_s), "{kind}: {first:?}");
        }
    }
}
