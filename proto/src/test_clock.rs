//! The moment at which virtual time begins, in the tests of pure crates and in the simulator.

use std::time::Instant;

/// A moment to count from. Pure code takes the time as an argument and never reads the clock, but an [`Instant`] can be had from
/// nowhere else.
#[expect(clippy::disallowed_methods, reason = "tests need one moment, and never ask how much later it is")]
pub fn start() -> Instant {
    Instant::now()
}
