//! A client that sends what a camera takes, as the old program does it (one route, one worker) and as ours does.

use std::collections::VecDeque;
use std::fmt;

use facefleet_proto::{Candidate, WorkerId};

use super::world::Micros;

/// Most frames of one stream that a worker takes in; the old client sends as many as go.
const ROOM: usize = 64;
/// Work that our client lets a worker hold, and how many frames a thread at the most.
const QUEUED_WORK: f64 = 200e3;
const MOST_PER_THREAD: f64 = 8.0;
/// Part of the newest answer in its moving averages.
const NEWEST: f64 = 0.2;

/// How a client uses the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Asks once for one worker and sends it everything.
    OneRoute,
    /// Asks for so many, and sends each frame to who will answer it soonest.
    Many(usize),
}

impl Kind {
    /// Workers that it wants.
    pub(super) fn wanted(self) -> usize {
        match self {
            Kind::OneRoute => 1,
            Kind::Many(wanted) => wanted,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::OneRoute => f.write_str("one route"),
            Kind::Many(wanted) => write!(f, "{wanted} workers"),
        }
    }
}

/// One stream after the other, all of one camera.
pub(super) struct Client {
    kind: Kind,
    pub(super) lanes: Vec<Lane>,
    /// When the frames were taken that no worker has yet.
    pub(super) waiting: VecDeque<Micros>,
    /// Of the present stream.
    pub(super) began: Micros,
    pub(super) frames: u32,
    pub(super) taken: u32,
    pub(super) answered: u32,
    /// It wants more workers than it has, and has set a time at which it asks again.
    pub(super) will_ask: bool,
}

/// A worker as the client sees it.
pub(super) struct Lane {
    pub(super) worker: usize,
    pub(super) id: Option<WorkerId>,
    threads: f64,
    frame: Option<f64>,
    others: f64,
    streams: f64,
    held: Vec<Micros>,
}

/// What an answer tells of the worker that gives it.
pub(super) struct Told {
    pub(super) frame_ms: Option<f32>,
    pub(super) in_flight: u32,
    pub(super) streams: u32,
}

impl Client {
    pub(super) fn new(kind: Kind) -> Client {
        let (lanes, waiting) = Default::default();
        Client { kind, lanes, waiting, began: 0, frames: 0, taken: 0, answered: 0, will_ask: false }
    }

    /// Begins a stream of so many frames, without a worker.
    pub(super) fn begin(&mut self, frames: u32, now: Micros) {
        *self = Client { began: now, frames, ..Client::new(self.kind) };
    }

    pub(super) fn is_done(&self) -> bool {
        self.answered == self.frames
    }

    pub(super) fn missing(&self) -> usize {
        self.kind.wanted() - self.lanes.len()
    }

    pub(super) fn use_worker(&mut self, worker: usize, candidate: &Candidate) {
        self.lanes.push(Lane {
            worker,
            id: candidate.id,
            threads: candidate.cores.into(),
            frame: candidate.frame_ms.map(|ms| f64::from(ms) * 1e3),
            others: 0.0,
            streams: 1.0,
            held: Vec::new(),
        });
    }

    /// The next frame to send, and to which worker.
    pub(super) fn send(&mut self) -> Option<(usize, Micros)> {
        let due = *self.waiting.front()?;
        let free = self.lanes.iter_mut().filter(|lane| lane.held.len() < lane.credit(self.kind));
        let lane = free.min_by(|a, b| a.answers_in().total_cmp(&b.answers_in()))?;
        self.waiting.pop_front();
        lane.held.push(due);
        Some((lane.worker, due))
    }

    /// False: it has lost that worker, and the answer says nothing.
    pub(super) fn answer(&mut self, worker: usize, due: Micros, told: &Told) -> bool {
        let Some(lane) = self.lanes.iter_mut().find(|lane| lane.worker == worker) else { return false };
        let Some(place) = lane.held.iter().position(|held| *held == due) else { return false };
        lane.held.swap_remove(place);
        lane.learn(told);
        self.answered += 1;
        true
    }

    /// A worker has vanished. Its frames wait again, in their order.
    pub(super) fn lose(&mut self, worker: usize) {
        if let Some(place) = self.lanes.iter().position(|lane| lane.worker == worker) {
            self.waiting.extend(self.lanes.remove(place).held);
            self.waiting.make_contiguous().sort_unstable();
        }
    }

    /// When the frames were taken that have no answer.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = Micros> {
        self.lanes.iter().flat_map(|lane| &lane.held).chain(&self.waiting).copied()
    }
}

impl Lane {
    fn credit(&self, kind: Kind) -> usize {
        match kind {
            Kind::OneRoute => ROOM,
            Kind::Many(_) => {
                let per_thread = self.frame.map_or(1.0, |frame| (QUEUED_WORK / frame).clamp(1.0, MOST_PER_THREAD));
                ((per_thread * self.threads / self.streams) as usize).max(1)
            }
        }
    }

    fn answers_in(&self) -> f64 {
        let turns = ((self.held.len() + 1) as f64 + self.others) / self.threads;
        self.frame.unwrap_or_default() * turns.max(1.0)
    }

    fn learn(&mut self, told: &Told) {
        self.frame = told.frame_ms.map(|ms| f64::from(ms) * 1e3);
        let others = (f64::from(told.in_flight) - self.held.len() as f64).max(0.0);
        self.others += (others - self.others) * NEWEST;
        let streams = f64::from(told.streams.max(1));
        self.streams = streams.max(self.streams + (streams - self.streams) * NEWEST);
    }
}
