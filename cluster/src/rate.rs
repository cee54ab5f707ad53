//! How fast a counter goes up.

use std::time::{Duration, Instant};

/// Two readings that are closer together are too close for a rate. They happen: a worker that begins to drain sends a heartbeat
/// at once, and so does a stream that ends with its report.
const SHORTEST: Duration = Duration::from_millis(200);

/// The rate of a counter that is read now and then.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    last: Option<Reading>,
    per_s: f32,
}

/// Where a counter stood at a moment.
#[derive(Clone, Copy, Debug)]
struct Reading {
    count: u64,
    at: Instant,
}

impl Rate {
    /// Takes a reading: the counter stands at `count` now. A counter that has begun anew has a rate of 0 for once.
    pub fn count(&mut self, count: u64, now: Instant) {
        if let Some(before) = self.last {
            let passed = now.saturating_duration_since(before.at);
            if passed < SHORTEST {
                return;
            }
            self.per_s = count.saturating_sub(before.count) as f32 / passed.as_secs_f32();
        }
        self.last = Some(Reading { count, at: now });
    }

    /// How much the counter went up a second between the last two readings; 0 before the second reading.
    pub fn per_s(&self) -> f32 {
        self.per_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_proto::test_clock;

    #[test]
    fn a_rate_is_that_between_two_looks() {
        let (mut rate, start, second) = (Rate::default(), test_clock::start(), Duration::from_secs(1));
        let mut count = |count, at| {
            rate.count(count, at);
            rate.per_s()
        };
        assert_eq!(count(100, start), 0.0, "when that was counted is not known");
        assert_eq!(count(125, start + second * 2), 12.5);
        assert_eq!(count(126, start + second * 2 + SHORTEST / 2), 12.5, "too soon, and not lost");
        assert_eq!(count(135, start + second * 4), 5.0);
        assert_eq!(count(3, start + second * 5), 0.0);
    }
}
