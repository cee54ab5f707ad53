//! The clusters that every policy is tried on.

use std::time::Duration;

use fastrand::Rng;

/// Frames a second of each camera.
pub const CAMERA_FPS: u32 = 10;

/// A cluster, and how much is asked of it.
#[derive(Clone, Copy, Debug)]
pub struct Cluster {
    /// For people.
    pub name: &'static str,
    boards: fn(&mut Rng) -> Vec<Board>,
    /// The cameras want this part of what the boards can do at the beginning.
    load: f64,
    /// How long it is looked at.
    pub span: Duration,
    /// Board 0 takes this many times as long from half-way on.
    pub slow_down: u32,
    /// How often a board vanishes and another one joins.
    pub replaced_every: Option<Duration>,
    /// How many such clusters are made, each from a seed of its own.
    pub seeds: u64,
    /// Whether boards differ, so that it matters which is chosen.
    pub heterogeneous: bool,
}

/// What a board is.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    /// Detector threads.
    pub threads: u32,
    /// Time that a thread needs for a frame, on average.
    pub frame: Duration,
}

const EQUAL: Cluster = Cluster {
    name: "3 equal boards",
    boards: |_| vec![board(4, 100); 3],
    load: 0.7,
    span: Duration::from_secs(120),
    slow_down: 1,
    replaced_every: None,
    seeds: 10,
    heterogeneous: false,
};

/// All of them.
pub const CLUSTERS: [Cluster; 5] = [
    EQUAL,
    Cluster {
        name: "2 fast + 6 slow",
        boards: |_| [vec![board(4, 25); 2], vec![board(4, 200); 6]].concat(),
        heterogeneous: true,
        ..EQUAL
    },
    Cluster {
        name: "one slows down 10x",
        boards: |_| vec![board(4, 50); 4],
        load: 0.6,
        slow_down: 10,
        heterogeneous: true,
        ..EQUAL
    },
    Cluster {
        name: "64 mixed",
        boards: |rng| (0..64).map(|_| mixed(rng)).collect(),
        seeds: 3,
        heterogeneous: true,
        ..EQUAL
    },
    Cluster {
        name: "1,000 mixed, churn",
        boards: |rng| (0..1_000).map(|_| mixed(rng)).collect(),
        span: Duration::from_secs(60),
        replaced_every: Some(Duration::from_millis(500)),
        seeds: 1,
        heterogeneous: true,
        ..EQUAL
    },
];

const fn board(threads: u32, frame_ms: u64) -> Board {
    Board { threads, frame: Duration::from_millis(frame_ms) }
}

/// A board of any kind: from a small one that cannot keep up with one camera to one that is good for forty.
pub fn mixed(rng: &mut Rng) -> Board {
    let frame_ms = 20.0 * 12.5_f64.powf(rng.f64());
    Board { threads: [2, 4, 4, 8][rng.usize(..4)], frame: Duration::from_micros((frame_ms * 1e3) as u64) }
}

impl Cluster {
    pub(super) fn boards(&self, rng: &mut Rng) -> Vec<Board> {
        (self.boards)(rng)
    }

    /// How many cameras there are.
    pub(super) fn cameras(&self, boards: &[Board]) -> usize {
        let capacity: f64 = boards.iter().map(|board| board.fps()).sum();
        (capacity * self.load / f64::from(CAMERA_FPS)) as usize
    }
}

impl Board {
    fn fps(&self) -> f64 {
        f64::from(self.threads) / self.frame.as_secs_f64()
    }

    /// What somebody who knows the board would claim: it goes to the master as the weight of the worker.
    pub fn weight(&self) -> u32 {
        (self.fps().round() as u32).max(1)
    }
}
