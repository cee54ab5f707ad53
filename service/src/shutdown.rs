//! Stopping when asked to.

use std::io;

use tokio_util::sync::CancellationToken;

/// A token that is cancelled at the first SIGINT or SIGTERM (Ctrl-C on Windows).
///
/// Call it inside the runtime, before anything that must not be cut short.
///
/// # Errors
/// The operating system refuses the handler.
pub fn on_signal() -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    let signal = stop_signal()?;
    tokio::spawn(async move {
        signal.await;
        tracing::info!("asked to stop");
        cancelled.cancel();
    });
    Ok(token)
}

#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(windows)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut ctrl_c = tokio::signal::windows::ctrl_c()?;
    let mut ctrl_close = tokio::signal::windows::ctrl_close()?;
    Ok(async move {
        tokio::select! {
            _ = ctrl_c.recv() => {}
            _ = ctrl_close.recv() => {}
        }
    })
}
