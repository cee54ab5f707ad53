//! Waiting for what nobody announces.

use std::time::Duration;

use facefleet_service::clock;

use crate::process::LIMIT;

/// How often something is looked at that says nothing of itself.
const LOOK: Duration = Duration::from_millis(5);

/// Waits until `is_so`, and looks again and again: no line of a process tells of counters, for instance. `awaited` says what is
/// to come true.
///
/// # Panics
/// The wait takes too long.
#[track_caller]
pub fn wait_until(awaited: &str, is_so: impl FnMut() -> bool) {
    assert!(comes_true(LIMIT, is_so), "in {} s it did not come true that {awaited}", LIMIT.as_secs());
}

/// Whether something comes true within `limit`, looking again and again.
pub fn comes_true(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let start = clock::now();
    while !is_so() {
        if clock::now().saturating_duration_since(start) >= limit {
            return false;
        }
        pause();
    }
    true
}

#[expect(
    clippy::disallowed_methods,
    reason = "there is no event to wait for, and looking all the time takes the processor"
)]
fn pause() {
    std::thread::sleep(LOOK);
}
