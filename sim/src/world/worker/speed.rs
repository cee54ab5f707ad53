//! What the threads of a worker take for a frame, and what the worker tells of it.

use std::time::Duration;

use fastrand::Rng;

use crate::engine::At;

/// How far the time of a frame is from the mean at most, as a part of it.
const JITTER: f64 = 0.2;
/// Part of the newest frame in a worker's moving average of its time per frame.
const NEWEST: f64 = 1.0 / 8.0;
/// In this time half of what a worker's average differs from its self-test is forgotten, while no frame renews it.
const HALF_LIFE: Duration = Duration::from_secs(5);

/// What the threads of a worker take for a frame.
#[derive(Debug)]
pub struct Speed {
    /// What a thread takes for a frame, on average.
    pub service: Duration,
    /// Whether the worker tests its speed when it starts, as old workers do not.
    pub(super) is_self_tested: bool,
    hiccup: Option<Hiccup>,
    /// When frames first took longer than usual.
    first_slow: Option<At>,
    /// Until when a thread works, or worked, on a frame that takes longer than usual.
    slow_until: Option<At>,
    measured: Option<Measured>,
}

/// Frames that are begun before a moment take many times as long.
#[derive(Clone, Copy, Debug)]
struct Hiccup {
    until: At,
    times: u32,
}

/// A moving average of the time per frame.
#[derive(Clone, Copy, Debug)]
struct Measured {
    mean: Duration,
    /// When a frame last renewed it.
    renewed: At,
}

impl Speed {
    pub(super) fn new(service: Duration) -> Speed {
        Speed { service, is_self_tested: true, hiccup: None, first_slow: None, slow_until: None, measured: None }
    }

    /// When the worker's frames first took longer than usual.
    pub fn first_slow(&self) -> Option<At> {
        self.first_slow
    }

    /// Until when its frames take, or took, longer than usual, as far as they have begun.
    pub fn slow_until(&self) -> Option<At> {
        self.slow_until
    }

    /// From now on until then, frames that are begun take so many times as long.
    pub fn hiccup(&mut self, now: At, until: At, times: u32) {
        self.first_slow = self.first_slow.or(Some(now));
        self.slow_until = self.slow_until.max(Some(until));
        self.hiccup = Some(Hiccup { until, times });
    }

    /// The process has ended, and what it has measured with it.
    pub(super) fn forget(&mut self) {
        self.measured = None;
    }

    /// What a frame that is begun now will take.
    pub(super) fn next_service(&mut self, now: At, rng: &mut Rng) -> Duration {
        let hiccup = self.hiccup.filter(|hiccup| now < hiccup.until);
        let service = jitter(self.service * hiccup.map_or(1, |hiccup| hiccup.times), rng);
        if hiccup.is_some() {
            self.slow_until = self.slow_until.max(Some(now + service));
        }
        service
    }

    /// A thread has spent so long on a frame.
    pub(super) fn measure(&mut self, spent: Duration, now: At) {
        let mean = self.measured.map_or(spent, |before| before.mean.mul_f64(1.0 - NEWEST) + spent.mul_f64(NEWEST));
        self.measured = Some(Measured { mean, renewed: now });
    }

    /// What the thread of a worker that has done nothing yet takes for a frame, as it measured itself.
    pub(super) fn self_test(&self) -> Option<Duration> {
        self.is_self_tested.then_some(self.service)
    }

    /// The time per frame that the worker tells: an average that ages towards its self-test while no frame renews it.
    pub(super) fn frame_time(&self, now: At) -> Option<Duration> {
        let Measured { mean, renewed } = self.measured?;
        let Some(rested) = self.self_test() else { return Some(mean) };
        let kept = 0.5_f64.powf((now - renewed).as_secs_f64() / HALF_LIFE.as_secs_f64());
        Some(mean.mul_f64(kept) + rested.mul_f64(1.0 - kept))
    }
}

/// About so long.
pub(super) fn jitter(mean: Duration, rng: &mut Rng) -> Duration {
    mean.mul_f64(1.0 - JITTER + 2.0 * JITTER * rng.f64())
}
