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
/// Workers that our client begins with, the most that it takes, and when it takes twice as many (see `routing.rs` and
/// `dispatch.rs` of its session): frames wait for so much longer than not, and so few streams share a thread.
const AT_FIRST: usize = 8;
const AT_MOST: usize = 256;
const SHORT_FOR: Micros = 200_000;
const FULL: f64 = 2.0;
/// Part of the newest answer in its moving averages.
const NEWEST: f64 = 0.2;

/// How a client uses the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Asks once for one worker and sends it everything.
    OneRoute,
    /// Asks for a few, and for more while they cannot do its frames; sends each frame to who will answer it soonest.
    AsNeeded,
    /// The same, but for so many at once.
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
    /// Workers to use at once.
    wanted: usize,
    /// Whether they were not enough at the last look, and when that was.
    was_short: (bool, Micros),
    /// How much longer they have not been enough than they have.
    short_for: Micros,
}

/// A worker as the client sees it.
pub(super) struct Lane {
    pub(super) worker: usize,
    pub(super) id: Option<WorkerId>,
    threads: f64,
    frame: Option<f64>,
    others: f64,
    streams: f64,
    has_answered: bool,
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
        let wanted = match kind {
            Kind::OneRoute => 1,
            Kind::AsNeeded => AT_FIRST,
            Kind::Many(wanted) => wanted,
        };
        let (lanes, waiting) = Default::default();
        let (began, frames, taken, answered, will_ask, was_short, short_for) = Default::default();
        Client { kind, lanes, waiting, began, frames, taken, answered, will_ask, wanted, was_short, short_for }
    }

    /// Begins a stream of so many frames, without a worker.
    pub(super) fn begin(&mut self, frames: u32, now: Micros) {
        *self = Client { began: now, frames, ..Client::new(self.kind) };
    }

    pub(super) fn is_done(&self) -> bool {
        self.answered == self.frames
    }

    pub(super) fn missing(&self) -> usize {
        self.wanted - self.lanes.len()
    }

    /// Whether it wants more workers from now on.
    pub(super) fn grows(&mut self, now: Micros) -> bool {
        let is_short = self.is_short();
        let (was_short, before) = std::mem::replace(&mut self.was_short, (is_short, now));
        let passed = now - before;
        self.short_for = if was_short { self.short_for + passed } else { self.short_for.saturating_sub(passed) };
        let grows = self.kind == Kind::AsNeeded && self.short_for >= SHORT_FOR && self.wanted < AT_MOST;
        if grows {
            (self.wanted, self.short_for) = (self.wanted * 2, 0);
        }
        grows
    }

    fn is_short(&self) -> bool {
        let has_all = self.lanes.len() == self.wanted && self.lanes.iter().all(|lane| lane.has_answered);
        let sharing: f64 = self.lanes.iter().map(|lane| lane.streams / lane.threads).sum();
        has_all && !self.waiting.is_empty() && sharing < FULL * self.lanes.len() as f64
    }

    pub(super) fn use_worker(&mut self, worker: usize, candidate: &Candidate) {
        self.lanes.push(Lane {
            worker,
            id: candidate.id,
            threads: candidate.cores.into(),
            frame: candidate.frame_ms.map(|ms| f64::from(ms) * 1e3),
            others: 0.0,
            streams: 1.0,
            has_answered: false,
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
            Kind::AsNeeded | Kind::Many(_) => {
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
        self.has_answered = true;
        self.frame = told.frame_ms.map(|ms| f64::from(ms) * 1e3);
        let others = (f64::from(told.in_flight) - self.held.len() as f64).max(0.0);
        self.others += (others - self.others) * NEWEST;
        let streams = f64::from(told.streams.max(1));
        self.streams = streams.max(self.streams + (streams - self.streams) * NEWEST);
    }
}
