//! A worker as it looks from outside: threads that take time, streams that take turns, and what it says of itself.

use std::collections::VecDeque;

use facefleet_proto::{Heartbeat, Identity, Join, LegacyState, Load, WorkerId};
use fastrand::Rng;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::world::{Board, Micros};

/// How far the time of a frame is from the average at most, as a part of it.
const JITTER: f64 = 0.2;
/// Part of the newest frame in the moving average, as in the real worker.
const NEWEST: f32 = 1.0 / 8.0;

pub(super) struct Worker {
    pub(super) board: Board,
    /// None before it has joined, and after it has vanished.
    pub(super) id: Option<WorkerId>,
    generation: u64,
    /// Streams that have frames waiting, in the order of their turns.
    turns: VecDeque<(usize, VecDeque<Micros>)>,
    busy: u32,
    in_flight: u32,
    frame_ms: Option<f32>,
    slow_down: (Micros, f64),
    rng: Rng,
}

/// A frame that a thread works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Work {
    pub(super) stream: usize,
    /// When the frame was taken by the camera.
    pub(super) due: Micros,
    pub(super) takes: Micros,
}

impl Worker {
    /// `slow_down`: from then on it takes this many times as long.
    pub(super) fn new(number: usize, board: Board, slow_down: (Micros, f64), rng: Rng) -> Worker {
        Worker {
            board,
            id: None,
            generation: number as u64 + 1,
            turns: VecDeque::new(),
            busy: 0,
            in_flight: 0,
            frame_ms: None,
            slow_down,
            rng,
        }
    }

    pub(super) fn join(&self) -> Join {
        let [_, a, b, c] = (self.generation as u32).to_be_bytes();
        Join {
            address: SocketAddr::from((Ipv4Addr::new(10, a, b, c), 50_052)),
            weight: self.board.weight(),
            identity: Identity { name: format!("board-{}", self.generation), generation: self.generation },
            cores: self.board.threads,
            heartbeat_interval: Some(Duration::from_secs(1)),
            frames_per_s: None,
            version: String::new(),
            detectors: Vec::new(),
            http_port: None,
        }
    }

    pub(super) fn heartbeat(&self) -> Option<Heartbeat> {
        let load = Load {
            cpu_percent: 100.0 * self.busy as f32 / self.board.threads as f32,
            in_flight: self.in_flight,
            queued: self.in_flight - self.busy,
            frame_ms: self.frame_ms,
            ..Load::default()
        };
        let (generation, legacy) = (self.generation, LegacyState::default());
        Some(Heartbeat { id: self.id?, generation, load, epoch: 0, legacy, leases: Vec::new() })
    }

    pub(super) fn take(&mut self, stream: usize, due: Micros) {
        self.in_flight += 1;
        match self.turns.iter_mut().find(|(of, _)| *of == stream) {
            Some((_, frames)) => frames.push_back(due),
            None => self.turns.push_back((stream, VecDeque::from([due]))),
        }
    }

    /// The next frame, if a thread is free for it.
    pub(super) fn begin(&mut self, now: Micros) -> Option<Work> {
        if self.busy >= self.board.threads {
            return None;
        }
        let (stream, mut frames) = self.turns.pop_front()?;
        let due = frames.pop_front().expect("who has a turn has a frame");
        if !frames.is_empty() {
            self.turns.push_back((stream, frames));
        }
        self.busy += 1;
        let (from, factor) = self.slow_down;
        let factor = if now >= from { factor } else { 1.0 };
        let takes = self.board.frame as f64 * factor * (1.0 + JITTER * (2.0 * self.rng.f64() - 1.0));
        Some(Work { stream, due, takes: takes as Micros })
    }

    pub(super) fn end(&mut self, work: Work) {
        self.busy -= 1;
        self.in_flight -= 1;
        let ms = work.takes as f32 / 1e3;
        self.frame_ms = Some(self.frame_ms.map_or(ms, |average| average + (ms - average) * NEWEST));
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Streams that have frames here, at least roughly: those that wait for a turn and those that are worked on.
    pub(super) fn streams(&self) -> u32 {
        self.turns.len() as u32 + self.busy
    }

    pub(super) fn frame_ms(&self) -> Option<f32> {
        self.frame_ms
    }
}
