//! Stops the process when a signal asks for it.

use std::io;
use std::process;
use std::sync::atomic::{AtomicI32, Ordering};

use tokio_util::sync::CancellationToken;

/// The exit code that shells use for a program that Ctrl-C has ended: 128 plus the number of SIGINT.
const INTERRUPTED: i32 = 130;

/// The number of the last signal that asked this process to stop.
static ASKED_BY: AtomicI32 = AtomicI32::new(0);

/// Returns a token that is cancelled at the first SIGINT or SIGTERM (Ctrl-C on Windows). The second signal ends the process at once,
/// because whoever asks twice does not want to wait for a drain any longer.
///
/// Must be called inside the runtime, before anything that a signal must not cut short.
///
/// # Errors
/// The operating system refuses the signal handler.
pub fn on_signal() -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    let mut signals = Signals::new()?;
    tokio::spawn(async move {
        ASKED_BY.store(signals.next().await, Ordering::Relaxed);
        tracing::info!("asked to stop");
        cancelled.cancel();
        ASKED_BY.store(signals.next().await, Ordering::Relaxed);
        tracing::warn!("asked to stop again: ending at once");
        // The process ends here, because what it waits for may never end. A kill would leave files no less half-written.
        end_as_asked();
    });
    Ok(token)
}

/// Ends the process as the signal that asked it to stop would have without a handler. A shell ends its loop only if the program
/// in it has died of Ctrl-C, and says 130; an exit code of 130 means nothing to it.
pub fn end_as_asked() -> ! {
    #[cfg(unix)]
    // Err: no signal has asked, and the process exits below.
    let _ = signal_hook::low_level::emulate_default_handler(ASKED_BY.load(Ordering::Relaxed));
    process::exit(INTERRUPTED);
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for a signal, and returns its number.
    async fn next(&mut self) -> i32 {
        use tokio::signal::unix::SignalKind;
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
            _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
        }
    }
}

#[cfg(windows)]
struct Signals {
    ctrl_c: tokio::signal::windows::CtrlC,
    ctrl_close: tokio::signal::windows::CtrlClose,
}

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Signals> {
        use tokio::signal::windows::{ctrl_c, ctrl_close};
        Ok(Signals { ctrl_c: ctrl_c()?, ctrl_close: ctrl_close()? })
    }

    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.ctrl_c.recv() => {}
            _ = self.ctrl_close.recv() => {}
        }
        0
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use nix::sys::signal::{Signal, raise};
    use std::env;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    /// This test runs itself a second time, in a process that the signals end.
    #[tokio::test]
    async fn the_first_signal_asks_and_the_second_ends() {
        const CHILD: &str = "FACEFLEET_TEST_SIGNALS";
        if env::var_os(CHILD).is_none() {
            let name = "shutdown::tests::the_first_signal_asks_and_the_second_ends";
            let mut child = Command::new(env::current_exe().unwrap());
            let ended = child.args(["--exact", name]).env(CHILD, "1").output().unwrap();
            assert_eq!(ended.status.signal(), Some(Signal::SIGINT as i32), "{ended:?}");
            return;
        }
        let token = on_signal().unwrap();
        raise(Signal::SIGTERM).unwrap();
        token.cancelled().await;
        raise(Signal::SIGINT).unwrap();
        std::future::pending::<()>().await;
    }
}
