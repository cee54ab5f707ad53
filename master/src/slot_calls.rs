//! The calls that wait for a slot, and how each of them is woken.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use facefleet_cluster::admission::Ticket;
use tokio::sync::Notify;

/// The calls that wait.
#[derive(Debug, Default)]
pub(crate) struct SlotCalls(Mutex<HashMap<Ticket, Arc<Notify>>>);

impl SlotCalls {
    /// Adds a call. The returned notification comes when it is to look whether it has a slot.
    pub(crate) fn add(&self, ticket: Ticket) -> Arc<Notify> {
        self.calls().entry(ticket).or_default().clone()
    }

    /// Removes a call that is over.
    pub(crate) fn remove(&self, ticket: Ticket) {
        self.calls().remove(&ticket);
    }

    /// Wakes these calls.
    pub(crate) fn wake(&self, tickets: &[Ticket]) {
        if tickets.is_empty() {
            return;
        }
        let calls = self.calls();
        tickets.iter().filter_map(|ticket| calls.get(ticket)).for_each(|call| call.notify_one());
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<Ticket, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
