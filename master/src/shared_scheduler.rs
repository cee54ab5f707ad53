//! The scheduler as many calls at once use it: behind a lock, with the clock read, and with nothing to remember afterwards.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use facefleet_cluster::admission::Ticket;
use facefleet_cluster::scheduler::Scheduler;
use facefleet_service::clock;

use crate::slot_calls::SlotCalls;

/// A handle to the scheduler. All clones are one scheduler.
#[derive(Clone)]
pub(crate) struct SharedScheduler(Arc<Inner>);

struct Inner {
    scheduler: Mutex<Scheduler>,
    calls: SlotCalls,
}

/// The scheduler while nobody else uses it. To be held for pure computation only.
///
/// Whatever happens under the lock may free a slot. So when this is dropped, the streams that are next get the free slots, and
/// once the lock is released, the calls that have waited for these slots are woken.
pub(crate) struct Locked<'a> {
    // Dropped in this order: the lock is released before calls are woken, so that they do not wait for it.
    scheduler: MutexGuard<'a, Scheduler>,
    wake: Wake<'a>,
    now: Instant,
}

/// Wakes calls when it is dropped.
struct Wake<'a> {
    calls: &'a SlotCalls,
    tickets: Vec<Ticket>,
}

impl SharedScheduler {
    pub(crate) fn new(scheduler: Scheduler) -> SharedScheduler {
        SharedScheduler(Arc::new(Inner { scheduler: Mutex::new(scheduler), calls: SlotCalls::default() }))
    }

    /// Waits for the lock. A panic in another call is a bug and no reason to stop serving, so the next call goes on.
    pub(crate) fn lock(&self) -> Locked<'_> {
        let Inner { scheduler, calls } = &*self.0;
        let scheduler = scheduler.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, so that time never goes back from one call to the next.
        let now = clock::now();
        Locked { scheduler, wake: Wake { calls, tickets: Vec::new() }, now }
    }

    /// The calls that wait for a slot.
    pub(crate) fn calls(&self) -> &SlotCalls {
        &self.0.calls
    }

    /// Which life of the master, or of the masters that share a registry, this is. 0: not known yet.
    pub(crate) fn epoch(&self) -> u64 {
        self.lock().epoch()
    }

    /// Whether the cluster is known: a master that shares a registry must have reached it once.
    pub(crate) fn is_ready(&self) -> bool {
        self.epoch() != 0
    }
}

impl Locked<'_> {
    /// When the lock was taken.
    pub(crate) fn now(&self) -> Instant {
        self.now
    }
}

impl Deref for Locked<'_> {
    type Target = Scheduler;

    fn deref(&self) -> &Scheduler {
        &self.scheduler
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Scheduler {
        &mut self.scheduler
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.wake.tickets = self.scheduler.admit(self.now);
    }
}

impl Drop for Wake<'_> {
    fn drop(&mut self) {
        self.calls.wake(&self.tickets);
    }
}
