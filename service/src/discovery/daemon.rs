//! The thread that speaks multicast DNS, for as long as it is needed.

use std::net::IpAddr;
use std::time::Duration;

use mdns_sd::{IfKind, IfPredicate, ServiceDaemon};

/// How long its end is waited for: it says goodbye for what it announces, which is a packet.
const GOODBYE: Duration = Duration::from_millis(500);

/// A thread of its own. It ends when this is dropped.
pub(super) struct Daemon(ServiceDaemon);

impl Daemon {
    /// Starts one that takes part where `counts` says so of an interface's name and address; also of those that come later.
    ///
    /// # Errors
    /// The system refuses the thread, or what it would wait with. That no packet can be sent is no error: it may be one day.
    pub(super) fn start(
        counts: impl Fn(&str, IpAddr) -> bool + Send + Sync + 'static,
    ) -> Result<Daemon, mdns_sd::Error> {
        let daemon = Daemon(ServiceDaemon::new()?);
        let unused = IfPredicate::new(move |interface| !counts(&interface.name, interface.ip()));
        daemon.0.disable_interface(IfKind::Predicate(unused))?;
        Ok(daemon)
    }

    /// What it can be asked.
    pub(super) fn ask(&self) -> &ServiceDaemon {
        &self.0
    }

    /// Ends it, and waits until it has said goodbye for all that it announced.
    pub(super) async fn end(self) {
        if let Ok(ended) = self.0.shutdown() {
            // Err: it takes too long, and goes on ending by itself.
            let _ = tokio::time::timeout(GOODBYE, ended.recv_async()).await;
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Err: it has ended.
        let _ = self.0.shutdown();
    }
}
