//! The thread that speaks multicast DNS while that is needed.

use std::net::IpAddr;
use std::time::Duration;

use mdns_sd::{IfKind, IfPredicate, ServiceDaemon};

/// How long to wait for the thread to end. It sends one packet, with which it withdraws its announcements.
const GOODBYE: Duration = Duration::from_millis(500);

/// The handle of a thread that speaks multicast DNS. The thread ends when this is dropped.
pub(super) struct Daemon(ServiceDaemon);

impl Daemon {
    /// Starts the thread. It uses the interfaces for whose name and address `counts` says so, including those that come up later.
    ///
    /// # Errors
    /// The system refuses the thread, or the means by which it waits. It is no error when no packet can be sent now, because that may
    /// change.
    pub(super) fn start(
        counts: impl Fn(&str, IpAddr) -> bool + Send + Sync + 'static,
    ) -> Result<Daemon, mdns_sd::Error> {
        let daemon = Daemon(ServiceDaemon::new()?);
        let unused = IfPredicate::new(move |interface| !counts(&interface.name, interface.ip()));
        daemon.0.disable_interface(IfKind::Predicate(unused))?;
        Ok(daemon)
    }

    /// The interface of the library to the thread.
    pub(super) fn ask(&self) -> &ServiceDaemon {
        &self.0
    }

    /// Ends the thread, and waits until it has withdrawn its announcements.
    pub(super) async fn end(self) {
        if let Ok(ended) = self.0.shutdown() {
            // When it takes too long, the thread goes on ending by itself.
            let _ = tokio::time::timeout(GOODBYE, ended.recv_async()).await;
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // This fails when the thread has ended already.
        let _ = self.0.shutdown();
    }
}
