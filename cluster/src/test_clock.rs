//! The moment at which the time of tests begins.

use std::time::Instant;

/// A moment to count from. Nothing in this crate reads the clock, and an [`Instant`] can be had from nowhere else.
#[expect(clippy::disallowed_methods, reason = "tests need one moment, and never ask how much later it is")]
pub(crate) fn start() -> Instant {
    Instant::now()
}
