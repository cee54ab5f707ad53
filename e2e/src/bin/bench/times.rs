//! Many times, made one.

use std::time::Duration;

/// In milliseconds, of at least one time.
pub(crate) fn median_ms(times: impl IntoIterator<Item = Duration>) -> f64 {
    let mut times: Vec<Duration> = times.into_iter().collect();
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}
