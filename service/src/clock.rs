//! The one place where time is read. Pure code takes `now` as an argument instead.
#![expect(clippy::disallowed_methods, reason = "this module is what everything else is to call")]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The monotonic clock.
pub fn now() -> Instant {
    Instant::now()
}

/// Microseconds since 1970 by this machine's clock; 0 when the clock stands before that, as on a Pi that has no
/// battery and has not found a time server yet.
pub fn unix_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
}
