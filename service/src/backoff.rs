//! The waits between attempts to reach a peer.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// The shortest wait between two attempts.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait between two attempts. A person who has just started the master waits this long for the last worker to notice.
const LONGEST: Duration = Duration::from_secs(2);

/// An endless sequence of waits that double from 100 ms up to 2 s. Each is lengthened by a random part of itself, so that many
/// workers that lost one master do not come back in step. Start a new sequence after each success.
#[derive(Debug)]
pub struct Backoff(ExponentialBackoff);

impl Default for Backoff {
    fn default() -> Backoff {
        let growing = ExponentialBuilder::default().with_min_delay(FIRST).with_max_delay(LONGEST);
        Backoff(growing.with_jitter().without_max_times().build())
    }
}

impl Backoff {
    /// The next wait.
    pub fn next_wait(&mut self) -> Duration {
        self.0.next().unwrap_or(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..200).map(|_| backoff.next_wait()).collect();
        assert!(waits[0] >= FIRST && waits[0] <= FIRST * 2, "{:?}", waits[0]);
        assert!(waits.iter().all(|w| *w <= LONGEST * 2), "{waits:?}");
        assert!(waits[20..].iter().all(|w| *w >= LONGEST), "{waits:?}");
    }
}
