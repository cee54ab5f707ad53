//! How long to wait before a peer is tried again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// Shortest and longest wait between two tries. The longest is what a person who has just started the master waits for a
/// stream to notice.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

/// Waits that double from 100 ms up to 2 s and never end, each lengthened by a random part of itself, so that many streams
/// that lost one peer do not come back in step.
#[derive(Debug)]
pub(crate) struct Backoff(ExponentialBackoff);

impl Backoff {
    /// The waits that follow from `seed`.
    pub(crate) fn seeded(seed: u64) -> Backoff {
        let growing = ExponentialBuilder::default().with_min_delay(FIRST).with_max_delay(LONGEST);
        Backoff(growing.with_jitter().with_jitter_seed(seed).without_max_times().build())
    }

    /// The next wait.
    pub(crate) fn next_wait(&mut self) -> Duration {
        self.0.next().unwrap_or(LONGEST)
    }
}
