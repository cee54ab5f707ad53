//! Signals between those who change what masters share and the one who writes it into the shared registry.

use tokio::sync::{Notify, watch};

/// The signals of one master. They mean nothing, and cost next to nothing, where its registry is its own.
#[derive(Debug, Default)]
pub(crate) struct Publication {
    /// Wakes the writer.
    due: Notify,
    /// Wakes calls that wait until something is published, or cannot be.
    settled: watch::Sender<()>,
}

impl Publication {
    /// Tells the writer that there may be something to publish.
    pub(crate) fn request(&self) {
        self.due.notify_one();
    }

    /// Waits until there may be something to publish.
    #[cfg(feature = "etcd")]
    pub(crate) async fn requested(&self) {
        self.due.notified().await;
    }

    /// Tells those who wait that something was published, or that the registry is known to be away.
    #[cfg(feature = "etcd")]
    pub(crate) fn settle(&self) {
        self.settled.send_replace(());
    }

    /// Waits until `is_settled`, which is looked at now and whenever something was published or the registry went away.
    pub(crate) async fn settled(&self, mut is_settled: impl FnMut() -> bool) {
        // Err: the sender is gone, which is part of this.
        let _ = self.settled.subscribe().wait_for(|()| is_settled()).await;
    }
}
