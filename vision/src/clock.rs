//! The one place of this crate that reads the clock.

use std::time::{Duration, Instant};

/// Measures the stages of one frame, each from the end of the one before.
pub(crate) struct Stopwatch {
    last: Instant,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Stopwatch { last: now() }
    }

    /// Time since the start or the last call.
    pub(crate) fn lap(&mut self) -> Duration {
        let now = now();
        now - std::mem::replace(&mut self.last, now)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "measuring its own stages is part of this crate's answer; nothing decides by this clock"
)]
fn now() -> Instant {
    Instant::now()
}
