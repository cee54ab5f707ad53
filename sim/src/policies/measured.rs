//! What is seen of a cluster, and the figures that it comes to.

use std::time::Duration;

use serde::Serialize;

use super::cluster::CAMERA_FPS;
use crate::engine::At;

/// Nothing is measured before this.
pub(super) const WARM_UP: At = Duration::from_secs(15);
/// A stream that has lasted for less says nothing of its rate.
const SHORTEST_STREAM: Duration = Duration::from_secs(2);

/// What is seen of one cluster or of several.
#[derive(Debug, Default)]
pub struct Measured {
    /// From a frame's picture to its result.
    times: Vec<Duration>,
    answered: u64,
    /// The rate of each stream, as a part of the camera's.
    rates: Vec<f64>,
    /// Frames on all workers together, at each count.
    in_flight: Vec<f64>,
    most_on_one: u32,
    pub(super) span: Duration,
}

/// Milliseconds and frames a second.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figures {
    /// Results a second, of all cameras together.
    pub frames_per_s: f64,
    /// Half of all frames have their result so long after their picture was taken.
    pub p50_ms: f64,
    /// 95 of 100 frames.
    pub p95_ms: f64,
    /// 99 of 100 frames.
    pub p99_ms: f64,
    /// Jain's index of the streams' rates: 1 when all get the same.
    pub fairness: f64,
    /// On average, on all workers together.
    pub in_flight: f64,
    /// At any time on any worker.
    pub most_in_flight_on_one: u32,
}

impl Measured {
    pub(super) fn answer(&mut self, due: At, now: At) {
        if now >= WARM_UP {
            self.answered += 1;
        }
        self.unanswered(due, now);
    }

    pub(super) fn unanswered(&mut self, due: At, now: At) {
        if due >= WARM_UP {
            self.times.push(now - due);
        }
    }

    pub(super) fn stream(&mut self, answered: usize, began: At, now: At) {
        let lasted = now - began;
        if began >= WARM_UP && lasted >= SHORTEST_STREAM {
            self.rates.push(answered as f64 / (lasted.as_secs_f64() * f64::from(CAMERA_FPS)));
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

    /// The figures of all that was seen.
    pub fn figures(mut self) -> Figures {
        self.times.sort_unstable();
        let at = |part: f64| self.times[((self.times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
        let squares: f64 = self.rates.iter().map(|rate| rate * rate).sum();
        Figures {
            frames_per_s: self.answered as f64 / self.span.as_secs_f64(),
            p50_ms: at(0.5),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            fairness: self.rates.iter().sum::<f64>().powi(2) / (self.rates.len() as f64 * squares),
            in_flight: self.in_flight.iter().sum::<f64>() / self.in_flight.len() as f64,
            most_in_flight_on_one: self.most_on_one,
        }
    }
}
