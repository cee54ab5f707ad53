//! The one place that knows the time: waiting with a limit, and giving up when the user asks to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;

/// How often a waiting loop looks again. A person does not notice it, and a processor neither.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Whether the user asked to stop: Ctrl-C, or SIGTERM or SIGHUP on unix.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A flag that the signals set. Call it once, before the first process is started.
    pub(crate) fn on_signals() -> Result<Stop, Error> {
        let stop = Stop::default();
        let flag = Arc::clone(&stop.0);
        ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))?;
        Ok(stop)
    }

    /// # Errors
    /// [`Error::Interrupted`] once the user asked to stop.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// Calls `look` until it finds something. `Ok(None)` says that `limit` has passed.
///
/// # Errors
/// Whatever `look` fails with.
pub(crate) fn poll<T>(limit: Duration, mut look: impl FnMut() -> Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    let start = now();
    loop {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        if start.elapsed() >= limit {
            return Ok(None);
        }
        pause();
    }
}

/// The time by the monotonic clock.
#[expect(clippy::disallowed_methods, reason = "xtask is all adapter, and this is its one clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "std offers no wait with a limit for a child process")]
fn pause() {
    thread::sleep(LOOK_EVERY);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poll_returns_what_it_finds_and_stops_at_the_limit() {
        let mut looks = 0;
        let found = poll(Duration::MAX, || {
            looks += 1;
            Ok((looks == 2).then_some("found"))
        });
        assert_eq!(found.unwrap(), Some("found"));
        assert_eq!(poll(Duration::ZERO, || Ok(None::<()>)).unwrap(), None);
        assert!(poll(Duration::MAX, || Err::<Option<()>, _>(Error::Interrupted)).is_err());
    }

    #[test]
    fn a_set_flag_interrupts() {
        let stop = Stop::default();
        assert!(stop.check().is_ok());
        stop.0.store(true, Ordering::Relaxed);
        assert!(matches!(stop.check(), Err(Error::Interrupted)));
    }
}
