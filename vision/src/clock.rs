//! The one place in this crate that reads the clock.

use std::time::{Duration, Instant};

/// Measures the stages of one frame. Each stage begins where the stage before it ended.
pub(crate) struct Stopwatch {
    last: Instant,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Stopwatch { last: now() }
    }

    /// Returns the time since the last call, or since the start.
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
