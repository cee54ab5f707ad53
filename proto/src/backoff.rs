//! The waits between attempts to reach a peer, which are the same for every program of a cluster.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// The shortest wait between two attempts.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait between two attempts, without its random part. A person who has just started the master waits this long for the
/// last worker or stream to notice.
const LONGEST: Duration = Duration::from_secs(2);

/// An endless sequence of waits that double from 100 ms up to 2 s. Each is lengthened by a random part of up to the same length, so
/// that programs that lost one peer at the same moment do not come back in step. Start a new sequence after each success.
#[derive(Debug)]
pub struct Backoff(ExponentialBackoff);

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff(builder().build())
    }
}

impl Backoff {
    /// A sequence whose random part follows from `seed`, so that pure code has one history.
    pub fn seeded(seed: u64) -> Backoff {
        Backoff(builder().with_jitter_seed(seed).build())
    }

    /// The next wait.
    pub fn next_wait(&mut self) -> Duration {
        self.0.next().unwrap_or(LONGEST)
    }
}

fn builder() -> ExponentialBuilder {
    ExponentialBuilder::default().with_min_delay(FIRST).with_max_delay(LONGEST).with_jitter().without_max_times()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(mut backoff: Backoff) -> Vec<Duration> {
        (0..200).map(|_| backoff.next_wait()).collect()
    }

    #[test]
    fn waits_double_and_stay_bounded() {
        for seed in 0..100 {
            for (n, wait) in (0..).zip(waits(Backoff::seeded(seed))) {
                let least = (FIRST * 2_u32.pow(n.min(10))).min(LONGEST);
                assert!((least..=least * 2).contains(&wait), "seed {seed}, wait {n}: {wait:?}");
            }
        }
    }

    #[test]
    fn programs_that_lost_one_peer_do_not_come_back_in_step() {
        assert_eq!(waits(Backoff::seeded(1)), waits(Backoff::seeded(1)));
        assert_ne!(waits(Backoff::seeded(1)), waits(Backoff::seeded(2)));
        assert_ne!(waits(Backoff::default()), waits(Backoff::default()));
    }
}
