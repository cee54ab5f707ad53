//! The clusters that every policy is tried on.

use fastrand::Rng;

/// Microseconds since the beginning of a world.
pub(super) type Micros = u64;
pub(super) const SECOND: Micros = 1_000_000;

/// Frames a second of each camera.
pub(super) const CAMERA_FPS: u64 = 10;

/// A cluster, and how much is asked of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct World {
    pub(super) name: &'static str,
    boards: fn(&mut Rng) -> Vec<Board>,
    /// The cameras want this part of what the boards can do at the beginning.
    load: f64,
    pub(super) span: Micros,
    /// Board 0 takes this many times as long from half-way on.
    pub(super) slow_down: f64,
    /// How often a board vanishes and another one joins.
    pub(super) replaced_every: Option<Micros>,
    /// How many such worlds are made, each from a seed of its own.
    pub(super) seeds: u64,
    /// Whether boards differ, so that it matters which is chosen.
    pub(super) heterogeneous: bool,
}

/// What a board is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Board {
    pub(super) threads: u32,
    /// Time that a thread needs for a frame, on average.
    pub(super) frame: Micros,
}

const EQUAL: World = World {
    name: "3 equal boards",
    boards: |_| vec![board(4, 100); 3],
    load: 0.7,
    span: 120 * SECOND,
    slow_down: 1.0,
    replaced_every: None,
    seeds: 10,
    heterogeneous: false,
};

pub(super) const WORLDS: [World; 5] = [
    EQUAL,
    World {
        name: "2 fast + 6 slow",
        boards: |_| [vec![board(4, 25); 2], vec![board(4, 200); 6]].concat(),
        heterogeneous: true,
        ..EQUAL
    },
    World {
        name: "one slows down 10x",
        boards: |_| vec![board(4, 50); 4],
        load: 0.6,
        slow_down: 10.0,
        heterogeneous: true,
        ..EQUAL
    },
    World {
        name: "64 mixed",
        boards: |rng| (0..64).map(|_| mixed(rng)).collect(),
        seeds: 3,
        heterogeneous: true,
        ..EQUAL
    },
    World {
        name: "1,000 mixed, churn",
        boards: |rng| (0..1_000).map(|_| mixed(rng)).collect(),
        span: 60 * SECOND,
        replaced_every: Some(SECOND / 2),
        seeds: 1,
        heterogeneous: true,
        ..EQUAL
    },
];

const fn board(threads: u32, frame_ms: Micros) -> Board {
    Board { threads, frame: frame_ms * 1_000 }
}

/// A board of any kind: from a small one that cannot keep up with one camera to one that is good for forty.
pub(super) fn mixed(rng: &mut Rng) -> Board {
    let frame_ms = 20.0 * 12.5_f64.powf(rng.f64());
    Board { threads: [2, 4, 4, 8][rng.usize(..4)], frame: (frame_ms * 1e3) as Micros }
}

impl World {
    pub(super) fn boards(&self, rng: &mut Rng) -> Vec<Board> {
        (self.boards)(rng)
    }

    /// How many cameras there are.
    pub(super) fn cameras(&self, boards: &[Board]) -> usize {
        let capacity: f64 = boards.iter().map(|board| board.fps()).sum();
        (capacity * self.load / CAMERA_FPS as f64) as usize
    }
}

impl Board {
    /// Frames a second.
    pub(super) fn fps(&self) -> f64 {
        f64::from(self.threads) * SECOND as f64 / self.frame as f64
    }

    /// As somebody would claim it who knows the board; it goes to the master as the weight of the worker.
    pub(super) fn weight(&self) -> u32 {
        (self.fps().round() as u32).max(1)
    }
}
