//! How long a worker may be silent, judged by how regular its heartbeats were: the φ accrual failure detector
//! (N. Hayashibara, X. Défago, R. Yared, T. Katayama, "The φ accrual failure detector", SRDS 2004).
//!
//! The detector takes the intervals between heartbeats for normally distributed, with the mean μ and the standard
//! deviation σ of the latest ones. φ = −log₁₀ of the probability that a heartbeat still comes after the silence that there
//! is by now; a worker counts as lost when φ passes a threshold Φ. As φ only grows with the silence, it passes Φ exactly
//! when the silence passes μ + z·σ, where a normal variable exceeds z with probability 10^−Φ. So a mean, a deviation and one
//! constant are all there is to it.

use std::collections::VecDeque;
use std::time::Duration;

/// The z of Φ = 8: one wrong suspicion in 10⁸ intervals, if intervals were normally distributed. The paper tries Φ from 1 to 16;
/// Cassandra and Akka, which use this detector, have 8 for a default.
const DEVIATIONS: f64 = 5.612;
/// How many of the latest intervals count. The paper has 1,000, a quarter of an hour. A hundred follow a network that changes
/// within two minutes, and take 4 MB for ten thousand workers.
const WINDOW: usize = 100;
/// How many intervals it takes before their deviation means anything.
const ENOUGH: usize = 10;
/// Least σ, in seconds; Akka has the same. A quiet network shows next to no deviation, and one late packet would then be a loss.
const LEAST_DEVIATION: f64 = 0.1;

/// The latest intervals between a worker's heartbeats.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrivals {
    /// The latest ones, in seconds, oldest first.
    intervals: VecDeque<f32>,
}

impl Arrivals {
    pub(super) fn push(&mut self, interval: Duration) {
        if self.intervals.len() == WINDOW {
            self.intervals.pop_front();
        }
        self.intervals.push_back(interval.as_secs_f32());
    }

    /// The silence at which φ reaches its threshold. None while too little is known.
    pub(super) fn longest_silence(&self) -> Option<Duration> {
        if self.intervals.len() < ENOUGH {
            return None;
        }
        let (mean, deviation) = self.distribution();
        Some(Duration::from_secs_f64(mean + DEVIATIONS * deviation))
    }

    /// Mean and standard deviation, in seconds.
    fn distribution(&self) -> (f64, f64) {
        let mean_of = |values: &dyn Fn(f64) -> f64| {
            let sum: f64 = self.intervals.iter().map(|interval| values(f64::from(*interval))).sum();
            sum / self.intervals.len() as f64
        };
        let mean = mean_of(&|interval| interval);
        let variance = mean_of(&|interval| (interval - mean).powi(2));
        (mean, variance.sqrt().max(LEAST_DEVIATION))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(intervals_ms: impl IntoIterator<Item = u64>) -> Arrivals {
        let mut arrivals = Arrivals::default();
        intervals_ms.into_iter().for_each(|ms| arrivals.push(Duration::from_millis(ms)));
        arrivals
    }

    /// φ as the paper defines it, from the density, by Simpson's rule.
    fn phi(arrivals: &Arrivals, silence: Duration) -> f64 {
        let (mean, deviation) = arrivals.distribution();
        let z = (silence.as_secs_f64() - mean) / deviation;
        let density = |x: f64| (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
        let (steps, end) = (2000, 12.0);
        let width = (end - z) / f64::from(steps);
        let sum: f64 = (0..steps)
            .map(|n| {
                let left = z + width * f64::from(n);
                (density(left) + 4.0 * density(left + width / 2.0) + density(left + width)) / 6.0
            })
            .sum();
        -(sum * width).log10()
    }

    #[test]
    fn the_longest_silence_is_where_phi_reaches_8() {
        for arrivals in
            [arrivals([1000; 50]), arrivals((0..50).map(|n| 600 + n * 16)), arrivals((0..200).map(|n| n * 31 % 3000))]
        {
            let at = phi(&arrivals, arrivals.longest_silence().unwrap());
            assert!((at - 8.0).abs() < 0.01, "phi is {at}");
        }
    }

    #[test]
    fn a_regular_worker_may_be_silent_for_less_long_than_an_irregular_one() {
        let [regular, irregular] =
            [arrivals([1000; 50]), arrivals([500, 1500].repeat(25))].map(|a| a.longest_silence().unwrap());
        // 1 s and the least deviation; 1 s and a deviation of half a second.
        assert_eq!((regular.as_millis(), irregular.as_millis()), (1561, 3806));
    }

    #[test]
    fn little_says_nothing_and_what_is_long_ago_is_forgotten() {
        assert_eq!(arrivals([1000; ENOUGH - 1]).longest_silence(), None);
        let slow_once = arrivals([9000; WINDOW].into_iter().chain([1000; WINDOW]));
        assert_eq!(slow_once.longest_silence(), arrivals([1000; WINDOW]).longest_silence());
    }
}
