//! The time of each frame, and when it may pass.

use std::thread;
use std::time::{Duration, Instant};

use facefleet_service::clock;

/// The times of the frames of one video.
#[derive(Debug)]
pub(super) struct Pace {
    /// Whether frames get the times at which they come, because the source has none.
    by_arrival: bool,
    /// Whether frames pass as fast as they are shown, and not as fast as they can be read.
    in_real_time: bool,
    /// When the first frame came, and its time.
    first: Option<(Instant, Duration)>,
    last: Duration,
    /// Time between the last two frames.
    step: Duration,
}

impl Pace {
    pub(super) fn new(by_arrival: bool, in_real_time: bool) -> Pace {
        Pace { by_arrival, in_real_time, first: None, last: Duration::ZERO, step: Duration::ZERO }
    }

    /// Returns the time of a frame that comes `now` and has the time `given` in its source.
    pub(super) fn time(&mut self, given: Option<Duration>, now: Instant) -> Duration {
        let time = match (self.by_arrival, self.first, given) {
            (true, Some((first, _)), _) => now.saturating_duration_since(first),
            (true, None, _) => Duration::ZERO,
            // A frame without a time follows the one before it.
            (false, Some(_), None) => self.last + self.step,
            (false, _, given) => given.unwrap_or_default(),
        };
        if self.first.is_none() {
            self.first = Some((now, time));
        } else if time > self.last {
            self.step = time - self.last;
        }
        self.last = time;
        time
    }

    /// Waits until the frame of this `time` may pass.
    #[expect(clippy::disallowed_methods, reason = "what is waited for is the time itself")]
    pub(super) fn wait(&self, time: Duration) {
        if let Some(wait) = self.wait_time(time, clock::now()) {
            thread::sleep(wait);
        }
    }

    fn wait_time(&self, time: Duration, now: Instant) -> Option<Duration> {
        let (started, first) = self.first.filter(|_| self.in_real_time)?;
        Some((started + time.saturating_sub(first)).saturating_duration_since(now)).filter(|wait| !wait.is_zero())
    }

    /// Returns the time at which the last frame ends, if it is shown as long as the one before.
    pub(super) fn end(&self) -> Duration {
        self.last + self.step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_times_of_the_source_are_kept() {
        let (mut pace, now) = (Pace::new(false, false), clock::now());
        let given = [Some(720), Some(760), Some(760), None, Some(100)];
        let times = given.map(|given| pace.time(given.map(ms), now));
        assert_eq!(times, [720, 760, 760, 800, 100].map(ms));
        assert_eq!(pace.wait_time(ms(900), now), None);
        assert_eq!(pace.end(), ms(140));
    }

    #[test]
    fn a_source_without_times_has_those_at_which_its_frames_come() {
        let (mut pace, now) = (Pace::new(true, false), clock::now());
        let times = [5000, 5200, 5450].map(|came| pace.time(Some(ms(40)), now + ms(came)));
        assert_eq!(times, [0, 200, 450].map(ms));
    }

    #[test]
    fn a_file_in_real_time_passes_at_its_own_speed() {
        let (mut pace, now) = (Pace::new(false, true), clock::now());
        let first = pace.time(Some(ms(500)), now);
        assert_eq!(pace.wait_time(first, now), None);
        let second = pace.time(Some(ms(540)), now + ms(5));
        assert_eq!(pace.wait_time(second, now + ms(5)), Some(ms(35)));
        assert_eq!(pace.wait_time(second, now + ms(60)), None, "a late frame does not wait");
    }
}
