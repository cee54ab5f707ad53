//! What each process held in its life, and whether that grew. Pure.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::proc::Held;

/// Growth that is none, in percent.
const MOST_GROWTH: f64 = 10.0;
/// Growth that is none whatever its percentage, beside connections: a few pages.
const MOST_THREADS: f64 = 2.0;
const MOST_KB: f64 = 1024.0;

/// The life of one process, from start to end.
#[derive(Debug)]
pub(crate) struct Life {
    /// The name of the process; several lives may share one.
    pub(crate) name: String,
    pub(crate) started: Instant,
    /// What the process held, each time with its age, in order.
    samples: Vec<(Duration, Held)>,
}

/// A quantity over the measured part of a life: medians of its first and of its last quarter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Trend {
    pub(crate) first: f64,
    pub(crate) last: f64,
    pub(crate) is_flat: bool,
}

/// A life that was long enough to be judged.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Without the warm-up.
    pub(crate) measured: Duration,
    /// In kB.
    pub(crate) rss: Trend,
    pub(crate) files: Trend,
    pub(crate) threads: Trend,
}

impl Life {
    pub(crate) fn new(name: &str, now: Instant) -> Life {
        Life { name: name.to_owned(), started: now, samples: Vec::new() }
    }

    pub(crate) fn add(&mut self, held: Held, now: Instant) {
        self.samples.push((self.age(now), held));
    }

    /// How old it is.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    /// How long it was.
    pub(crate) fn length(&self) -> Duration {
        self.samples.last().map_or(Duration::ZERO, |(age, _)| *age)
    }

    /// The most memory that was seen, in kB.
    pub(crate) fn most_rss_kb(&self) -> u64 {
        self.samples.iter().map(|(_, held)| held.rss_kb).max().unwrap_or_default()
    }

    /// Judges whether anything grew; up to `connections` more open files are no growth. None: what is left of the life after the
    /// warm-up is shorter than the warm-up.
    pub(crate) fn judge(&self, warm_up: Duration, connections: f64) -> Option<Judged> {
        let measured = self.length().checked_sub(warm_up).filter(|measured| *measured >= warm_up)?;
        let samples: Vec<Held> =
            self.samples.iter().filter(|(age, _)| *age >= warm_up).map(|(_, held)| *held).collect();
        let quarter = samples.len().div_ceil(4);
        let trend = |quantity: fn(&Held) -> u64, slack: f64| {
            let median = |part: &[Held]| {
                let mut values: Vec<u64> = part.iter().map(quantity).collect();
                values.sort_unstable();
                values[values.len() / 2] as f64
            };
            let (first, last) = (median(&samples[..quarter]), median(&samples[samples.len() - quarter..]));
            Trend { first, last, is_flat: last - first <= slack.max(first * MOST_GROWTH / 100.0) }
        };
        Some(Judged {
            measured,
            rss: trend(|held| held.rss_kb, MOST_KB),
            files: trend(|held| held.files, connections),
            threads: trend(|held| held.threads, MOST_THREADS),
        })
    }
}

impl Judged {
    pub(crate) fn is_flat(&self) -> bool {
        self.rss.is_flat && self.files.is_flat && self.threads.is_flat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WARM_UP: Duration = Duration::from_secs(10);

    fn life(seconds: u64, rss_kb: impl Fn(u64) -> u64) -> Life {
        let start = facefleet_service::clock::now();
        let mut life = Life::new("worker-1", start);
        for second in 0..=seconds {
            let held = Held { rss_kb: rss_kb(second), files: 20 + second % 2, threads: 5 };
            life.add(held, start + Duration::from_secs(second));
        }
        life
    }

    #[test]
    fn growth_in_the_warm_up_is_none() {
        let judged = life(60, |second| 10_000 + second.min(9) * 5_000).judge(WARM_UP, 2.0).unwrap();
        assert_eq!(judged.measured, Duration::from_secs(50));
        assert_eq!(judged.rss, Trend { first: 55_000.0, last: 55_000.0, is_flat: true });
        assert!(judged.is_flat());
    }

    #[test]
    fn a_leak_is_seen_and_less_than_a_tenth_is_none() {
        assert!(!life(60, |second| 20_000 + second * 100).judge(WARM_UP, 2.0).unwrap().is_flat());
        assert!(life(60, |second| 20_000 + second * 30).judge(WARM_UP, 2.0).unwrap().is_flat());
        assert!(life(60, |second| 20_000 - second * 100).judge(WARM_UP, 2.0).unwrap().is_flat());
    }

    #[test]
    fn a_short_life_is_not_judged() {
        assert!(life(19, |_| 1).judge(WARM_UP, 2.0).is_none());
        assert!(life(20, |_| 1).judge(WARM_UP, 2.0).is_some());
    }
}
