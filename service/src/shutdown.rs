//! Stops the process when a signal asks for it.

use std::io;
use std::process;

use tokio_util::sync::CancellationToken;

/// The exit code that shells use for a program that Ctrl-C has ended: 128 plus the number of SIGINT.
pub const INTERRUPTED: u8 = 130;

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
        signals.next().await;
        tracing::info!("asked to stop");
        cancelled.cancel();
        signals.next().await;
        tracing::warn!("asked to stop again: ending at once");
        // The process ends here, because what it waits for may never end. A kill would leave files no less half-written.
        process::exit(INTERRUPTED.into());
    });
    Ok(token)
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

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
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

    async fn next(&mut self) {
        tokio::select! {
            _ = self.ctrl_c.recv() => {}
            _ = self.ctrl_close.recv() => {}
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use nix::sys::signal::{Signal, raise};
    use std::env;
    use std::process::Command;

    /// This test runs itself a second time, in a process that the signals end.
    #[tokio::test]
    async fn the_first_signal_asks_and_the_second_ends() {
        const CHILD: &str = "FACEFLEET_TEST_SIGNALS";
        if env::var_os(CHILD).is_none() {
            let name = "shutdown::tests::the_first_signal_asks_and_the_second_ends";
            let mut child = Command::new(env::current_exe().unwrap());
            let ended = child.args(["--exact", name]).env(CHILD, "1").output().unwrap();
            assert_eq!(ended.status.code(), Some(INTERRUPTED.into()), "{ended:?}");
            return;
        }
        let token = on_signal().unwrap();
        raise(Signal::SIGTERM).unwrap();
        token.cancelled().await;
        raise(Signal::SIGINT).unwrap();
        std::future::pending::<()>().await;
    }
}
