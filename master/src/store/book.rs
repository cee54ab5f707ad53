//! What this master has to write into the registry that it shares. Pure.

use std::collections::BTreeSet;
use std::time::Instant;

use facefleet_proto::{Join, WorkerId};

/// Which registrations are this master's to keep: those of the workers that it hears itself. Their keys end with it,
/// unless another master has taken the workers over by then.
#[derive(Debug)]
pub(crate) struct Book {
    ours: BTreeSet<WorkerId>,
    /// Those whose key is to be written, if they are ours, or else deleted.
    dirty: BTreeSet<WorkerId>,
    /// Since when nothing is heard of the shared registry; None: it answers.
    pub(crate) cut_off: Option<Instant>,
}

/// A registration, as the masters tell each other of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Registration {
    /// The worker's number.
    pub(crate) id: WorkerId,
    /// What it said of itself.
    pub(crate) join: Join,
    /// The life of the master that keeps the registration.
    pub(crate) keeper: u64,
}

/// A key to be written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// The registration of a worker of ours.
    Keep(WorkerId, Join),
    /// The worker is registered no more.
    Delete(WorkerId),
}

impl Change {
    /// The worker that it is about.
    pub(crate) fn id(&self) -> WorkerId {
        let (Change::Keep(id, _) | Change::Delete(id)) = self;
        *id
    }
}

impl Book {
    /// A book of a master that has not heard of the shared registry yet.
    pub(crate) fn new(now: Instant) -> Book {
        Book { ours: BTreeSet::new(), dirty: BTreeSet::new(), cut_off: Some(now) }
    }

    /// A worker has joined here.
    pub(crate) fn joined(&mut self, id: WorkerId) {
        self.ours.insert(id);
        self.dirty.insert(id);
    }

    /// A worker was heard here. Whoever hears a worker keeps it.
    pub(crate) fn heard(&mut self, id: WorkerId) {
        if self.ours.insert(id) {
            self.dirty.insert(id);
        }
    }

    /// A worker is gone for good: it left, or somebody took its place.
    pub(crate) fn gone(&mut self, id: WorkerId) {
        self.ours.remove(&id);
        self.dirty.insert(id);
    }

    /// Another master keeps a worker.
    pub(crate) fn taken_over(&mut self, id: WorkerId) {
        self.ours.remove(&id);
        self.dirty.remove(&id);
    }

    /// Whether this master keeps a worker.
    pub(crate) fn is_ours(&self, id: WorkerId) -> bool {
        self.ours.contains(&id)
    }

    /// A key has to be written (again): its lease has changed, or it was not written after all.
    pub(crate) fn again(&mut self, id: WorkerId) {
        self.dirty.insert(id);
    }

    /// All keys have to be written again.
    pub(crate) fn all_again(&mut self) {
        self.dirty.extend(&self.ours);
    }

    /// The next `most` keys to be written.
    pub(crate) fn take_dirty(&mut self, most: usize) -> Vec<WorkerId> {
        std::iter::from_fn(|| self.dirty.pop_first()).take(most).collect()
    }
}
