//! The queue of heartbeats: one writer that never waits, and subscribers that each go at their own pace.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::record::Record;
use crate::ring::{Next, Ring};

/// How many past heartbeats are kept: a quarter of an hour at ten a second, which is a few megabytes.
pub(crate) const KEPT: usize = 10_000;

type Records = Arc<Mutex<Ring<Arc<Record>>>>;

/// The writer's end.
pub(crate) struct Queue {
    records: Records,
    /// Wakes the subscribers; the value says whether the queue is closed.
    changed: watch::Sender<bool>,
}

/// A reader's end. A subscription holds nothing but its position, so a slow reader costs no memory and loses the oldest records.
pub(crate) struct Subscription {
    records: Records,
    changed: watch::Receiver<bool>,
    cursor: u64,
}

impl Queue {
    pub(crate) fn new(kept: usize) -> Queue {
        Queue { records: Arc::new(Mutex::new(Ring::new(kept))), changed: watch::Sender::new(false) }
    }

    /// Adds a record and wakes whoever waits for it.
    pub(crate) fn push(&self, record: Record) {
        lock(&self.records).push(Arc::new(record));
        self.changed.send_modify(|_| ());
    }

    /// Ends every subscription once it has read what is there.
    pub(crate) fn close(&self) {
        self.changed.send_replace(true);
    }

    /// Subscribes to the last `past` records, and to all that follow.
    pub(crate) fn subscribe(&self, past: usize) -> Subscription {
        let cursor = lock(&self.records).cursor(past);
        Subscription { records: self.records.clone(), changed: self.changed.subscribe(), cursor }
    }
}

impl Subscription {
    /// Waits for the next record. None: the queue is closed and read to its end.
    pub(crate) async fn next(&mut self) -> Option<Next<Arc<Record>>> {
        loop {
            // The flag is read before the ring, so that `changed` notices what comes in between.
            let closed = *self.changed.borrow_and_update();
            let next = lock(&self.records).read(&mut self.cursor);
            if next.is_some() || closed {
                return next;
            }
            // Err: the writer is gone without closing.
            self.changed.changed().await.ok()?;
        }
    }
}

/// Locks the ring. A panic elsewhere leaves whole records in it, so the queue goes on.
fn lock(records: &Records) -> MutexGuard<'_, Ring<Arc<Record>>> {
    records.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_proto::{Heartbeat, LegacyState, Load, WorkerId};

    fn record(received_us: u64) -> Record {
        let (load, legacy) = (Load::default(), LegacyState::default());
        let heartbeat = Heartbeat { id: WorkerId(0), generation: 0, epoch: 0, load, legacy, leases: Vec::new() };
        Record { received_us, name: "a".into(), address: "10.0.0.1:1".parse().unwrap(), heartbeat }
    }

    #[tokio::test]
    async fn a_subscriber_waits_for_what_comes() {
        let queue = Queue::new(8);
        queue.push(record(1));
        let mut subscription = queue.subscribe(1);
        assert_eq!(subscription.next().await.unwrap().item.received_us, 1);
        let waiting = tokio::spawn(async move { subscription.next().await.unwrap().item.received_us });
        tokio::task::yield_now().await;
        queue.push(record(2));
        assert_eq!(waiting.await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_closed_queue_is_read_to_its_end() {
        let queue = Queue::new(8);
        let mut subscription = queue.subscribe(0);
        queue.push(record(1));
        queue.close();
        assert!(subscription.next().await.is_some());
        assert!(subscription.next().await.is_none());
    }

    #[tokio::test]
    async fn a_subscription_ends_with_its_queue() {
        let queue = Queue::new(8);
        let mut subscription = queue.subscribe(0);
        drop(queue);
        assert!(subscription.next().await.is_none());
    }
}
