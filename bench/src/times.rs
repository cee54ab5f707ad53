//! Many times or other figures, made one.

use std::time::Duration;

/// In milliseconds, of at least one time.
pub(crate) fn median_ms(times: impl IntoIterator<Item = Duration>) -> f64 {
    let mut times: Vec<Duration> = times.into_iter().collect();
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

/// The median of at least one number.
pub(crate) fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
