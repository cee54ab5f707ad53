//! Limits how often a line is logged about something that happens all the time. Pure: time is an argument.

use std::time::{Duration, Instant};

/// Allows one log line per period and counts the lines that it suppressed.
#[derive(Debug)]
pub struct LogLimit {
    period: Duration,
    last_logged: Option<Instant>,
    suppressed: u64,
}

impl LogLimit {
    /// A limit of one line per `period`.
    pub fn new(period: Duration) -> LogLimit {
        LogLimit { period, last_logged: None, suppressed: 0 }
    }

    /// Returns None when the line must not be logged at `now`, and otherwise how many lines were suppressed since the last one.
    pub fn allow(&mut self, now: Instant) -> Option<u64> {
        if self.last_logged.is_some_and(|last| now.saturating_duration_since(last) < self.period) {
            self.suppressed += 1;
            return None;
        }
        self.last_logged = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_period_is_allowed() {
        let (mut limit, start) = (LogLimit::new(Duration::from_secs(10)), crate::clock::now());
        let allowed = [0, 1, 9, 10, 11, 30].map(|s| limit.allow(start + Duration::from_secs(s)));
        assert_eq!(allowed, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
