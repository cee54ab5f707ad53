//! The one place that reads the time (clippy enforces it). Pure code takes `now` as an argument instead.
#![expect(clippy::disallowed_methods, reason = "everything else calls this module")]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The time now, by the monotonic clock.
pub fn now() -> Instant {
    Instant::now()
}

/// Microseconds since 1970 by this machine's clock, or 0 when the clock is set to an earlier time. A Pi without a battery may
/// have any time until it has found a time server.
pub fn unix_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
}
