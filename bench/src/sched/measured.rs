//! What is seen of a world, and the figures that it comes to.

use serde::Serialize;

use super::simulation::WARM_UP;
use super::world::{CAMERA_FPS, Micros, SECOND};

/// A stream that has lasted for less says nothing of its rate.
const SHORTEST_STREAM: Micros = 2 * SECOND;

#[derive(Default)]
pub(super) struct Measured {
    /// From a frame's picture to its result.
    times: Vec<Micros>,
    answered: u64,
    /// Of each stream: its rate as a part of the camera's.
    rates: Vec<f64>,
    /// At each count: of all workers together.
    in_flight: Vec<f64>,
    most_on_one: u32,
    pub(super) span: Micros,
}

/// Milliseconds and frames a second.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Figures {
    pub(super) frames_per_s: f64,
    pub(super) p50_ms: f64,
    pub(super) p95_ms: f64,
    pub(super) p99_ms: f64,
    /// Jain's index of the streams' rates: 1 when all get the same.
    pub(super) fairness: f64,
    /// On average, on all workers together.
    pub(super) in_flight: f64,
    /// At any time on any worker.
    pub(super) most_in_flight_on_one: u32,
}

impl Measured {
    pub(super) fn answer(&mut self, due: Micros, now: Micros) {
        if now >= WARM_UP {
            self.answered += 1;
        }
        self.unanswered(due, now);
    }

    pub(super) fn unanswered(&mut self, due: Micros, now: Micros) {
        if due >= WARM_UP {
            self.times.push(now - due);
        }
    }

    pub(super) fn stream(&mut self, answered: u32, began: Micros, now: Micros) {
        let lasted = now - began;
        if began >= WARM_UP && lasted >= SHORTEST_STREAM {
            let wanted = lasted as f64 / SECOND as f64 * CAMERA_FPS as f64;
            self.rates.push(f64::from(answered) / wanted);
        }
    }

    pub(super) fn in_flight(&mut self, workers: impl Iterator<Item = u32>) {
        let mut all = 0;
        for held in workers {
            all += held;
            self.most_on_one = self.most_on_one.max(held);
        }
        self.in_flight.push(f64::from(all));
    }

    pub(super) fn figures(mut self) -> Figures {
        self.times.sort_unstable();
        let at = |part: f64| self.times[((self.times.len() - 1) as f64 * part) as usize] as f64 / 1e3;
        let squares: f64 = self.rates.iter().map(|rate| rate * rate).sum();
        Figures {
            frames_per_s: self.answered as f64 * SECOND as f64 / self.span as f64,
            p50_ms: at(0.5),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            fairness: self.rates.iter().sum::<f64>().powi(2) / (self.rates.len() as f64 * squares),
            in_flight: self.in_flight.iter().sum::<f64>() / self.in_flight.len() as f64,
            most_in_flight_on_one: self.most_on_one,
        }
    }
}
