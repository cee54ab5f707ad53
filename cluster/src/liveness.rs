//! The signs of life of a worker, and how long a silent one counts as alive.
//!
//! A worker that announces its heartbeat interval is lost when it has missed three heartbeats. An old worker announces nothing and
//! beats every 1 to 15 s, so its deadline follows the intervals that it shows.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Heartbeats that may be missed. A busy network loses two in a row sooner or later, but hardly three.
const MISSED_BEATS: u32 = 3;
/// Shortest deadline. With a shorter one a busy Pi would be lost and found all the time.
const SHORTEST: Duration = Duration::from_secs(3);
/// Longest deadline of a worker that announces no interval: three times the 15 s of the slowest old worker.
const LONGEST_UNANNOUNCED: Duration = Duration::from_secs(45);
/// How many of the latest intervals of an old worker count.
const RECENT: usize = 8;
/// A worker that is silent for this long is forgotten, so that the registry stays bounded.
pub const FORGET_AFTER: Duration = Duration::from_secs(600);

/// The signs of life of one worker.
#[derive(Clone, Debug)]
pub struct Liveness {
    announced: Option<Duration>,
    /// The latest sign of life. Joining is one.
    seen: Instant,
    /// The latest heartbeat; None before the first. The time from joining to the first one tells nothing about the interval.
    beat: Option<Instant>,
    /// The latest intervals between heartbeats. Stays empty where an interval is announced.
    shown: VecDeque<Duration>,
    /// Whether [`Liveness::check`] has reported the loss.
    lost: bool,
}

/// What [`Liveness::check`] finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Nothing new.
    Same,
    /// The worker has just passed its deadline. Reported once for each loss.
    Lost,
    /// The worker has been silent for [`FORGET_AFTER`], and its loss was reported before.
    Forgotten,
}

impl Liveness {
    /// The signs of life of a worker that joins now. `announced` is its heartbeat interval; None: an old worker.
    pub fn new(announced: Option<Duration>, now: Instant) -> Liveness {
        Liveness { announced, seen: now, beat: None, shown: VecDeque::new(), lost: false }
    }

    /// Takes a heartbeat. Returns for how long the worker was silent, if it had been reported lost.
    pub fn beat(&mut self, now: Instant) -> Option<Duration> {
        if let Some(previous) = self.beat {
            self.show(now.saturating_duration_since(previous));
        }
        let silent = self.silent(now);
        self.beat = Some(now);
        self.seen = now;
        std::mem::take(&mut self.lost).then_some(silent)
    }

    /// Learns from an interval between two heartbeats.
    fn show(&mut self, interval: Duration) {
        if self.announced.is_none() {
            if self.shown.len() == RECENT {
                self.shown.pop_front();
            }
            self.shown.push_back(interval);
        }
    }

    /// Time since the latest sign of life.
    pub fn silent(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.seen)
    }

    /// Whether the worker is within its deadline. At exactly the deadline it still is.
    pub fn is_alive(&self, now: Instant) -> bool {
        self.silent(now) <= self.deadline()
    }

    /// Looks whether the worker has passed its deadline since the last look.
    pub fn check(&mut self, now: Instant) -> Check {
        if self.is_alive(now) {
            Check::Same
        } else if !std::mem::replace(&mut self.lost, true) {
            Check::Lost
        } else if self.silent(now) > FORGET_AFTER {
            Check::Forgotten
        } else {
            Check::Same
        }
    }

    /// The longest silence that is no loss.
    fn deadline(&self) -> Duration {
        match (self.announced, self.shown.iter().max()) {
            (Some(interval), _) => (interval * MISSED_BEATS).max(SHORTEST),
            (None, Some(longest)) => (*longest * MISSED_BEATS).clamp(SHORTEST, LONGEST_UNANNOUNCED),
            (None, None) => LONGEST_UNANNOUNCED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker's life, in milliseconds since it joined.
    enum Op {
        Beat(u64),
        /// A beat that ends a reported loss of this length.
        Back(u64, u64),
        Check(u64, Check),
    }
    use Check::{Forgotten, Lost, Same};
    use Op::{Back, Beat};

    fn run(announced_ms: Option<u64>, script: &[Op]) {
        let joined = facefleet_proto::test_clock::start();
        let at = |ms: u64| joined + Duration::from_millis(ms);
        let mut liveness = Liveness::new(announced_ms.map(Duration::from_millis), joined);
        for op in script {
            match *op {
                Beat(ms) => assert_eq!(liveness.beat(at(ms)), None, "beat at {ms}"),
                Back(ms, silent) => assert_eq!(liveness.beat(at(ms)), Some(Duration::from_millis(silent)), "at {ms}"),
                Op::Check(ms, expected) => {
                    assert_eq!(liveness.check(at(ms)), expected, "check at {ms}");
                    assert_eq!(liveness.is_alive(at(ms)), expected == Same && !liveness.lost, "alive at {ms}");
                }
            }
        }
    }
    use Op::Check as Look;

    #[test]
    fn lost_after_three_announced_intervals_and_reported_once() {
        run(Some(1000), &[Beat(1000), Look(4000, Same), Look(4001, Lost), Look(4002, Same), Look(60_000, Same)]);
        run(Some(5000), &[Look(15_000, Same), Look(15_001, Lost)]);
    }

    #[test]
    fn a_short_interval_still_leaves_three_seconds() {
        run(Some(100), &[Beat(100), Look(3100, Same), Look(3101, Lost)]);
    }

    #[test]
    fn a_lost_worker_comes_back_and_can_be_lost_again() {
        run(Some(1000), &[Look(3001, Lost), Back(9000, 9000), Look(12_000, Same), Look(12_001, Lost)]);
    }

    #[test]
    fn a_late_beat_that_nobody_saw_missing_is_no_return() {
        run(Some(1000), &[Beat(5000), Look(8000, Same)]);
    }

    #[test]
    fn a_silent_worker_is_forgotten() {
        run(Some(1000), &[Look(3001, Lost), Look(600_000, Same), Look(600_001, Forgotten)]);
    }

    #[test]
    fn a_worker_is_lost_before_it_is_forgotten_however_late_somebody_looks() {
        run(Some(1000), &[Look(900_000, Lost), Look(900_001, Forgotten)]);
    }

    #[test]
    fn an_old_worker_has_45_seconds_until_it_shows_an_interval() {
        run(None, &[Look(45_000, Same), Look(45_001, Lost)]);
        // The first beat follows the join at once, which shows nothing.
        run(None, &[Beat(10), Look(45_010, Same), Look(45_011, Lost)]);
    }

    #[test]
    fn an_old_worker_is_held_to_three_times_its_longest_recent_interval() {
        run(None, &[Beat(0), Beat(2000), Beat(3000), Look(9000, Same), Look(9001, Lost)]);
        run(None, &[Beat(0), Beat(1000), Look(4000, Same), Look(4001, Lost)]);
        run(None, &[Beat(0), Beat(40_000), Look(85_000, Same), Look(85_001, Lost)]);
    }

    #[test]
    fn an_old_worker_that_was_slow_once_is_held_to_its_later_pace() {
        let mut script = vec![Beat(0), Beat(15_000)];
        script.extend((1..=8).map(|n| Beat(15_000 + n * 1000)));
        script.extend([Look(26_000, Same), Look(26_001, Lost)]);
        run(None, &script);
    }
}
