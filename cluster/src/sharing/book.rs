//! The registrations that this master must write into the registry that it shares.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Instant;

use facefleet_proto::{Join, WorkerId};

use super::settings::AgreedSettings;
use crate::registry::END_OF_IDS;

/// How many ids are set aside at a time, for workers that join while the registry is away or slow. There are enough ids for two
/// million sessions.
const BLOCK: u32 = 1024;
/// How many ids are passed over where the registry has lost all it knew: other masters may have set aside as many since this
/// one last heard of it. (Should the registry lose everything twice before this master is back, that may be too few.)
const PASSED_OVER: u32 = 1 << 16;

/// Which registrations this master keeps in the shared registry: those of the workers that it hears itself. They end with this
/// master, unless another one has taken the workers over by then.
#[derive(Debug)]
pub struct Book {
    ours: BTreeSet<WorkerId>,
    /// Workers whose registration must be written if it is in `ours`, and deleted otherwise.
    dirty: BTreeSet<WorkerId>,
    /// Since when nothing is heard of the shared registry; None: it answers.
    pub cut_off: Option<Instant>,
    /// What administrators have set.
    pub settings: AgreedSettings,
    /// All ids below are set aside, or given, by whichever master.
    end_of_ids: u32,
}

/// A registration as it stands in the shared registry.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// The worker's number.
    pub id: WorkerId,
    /// What the worker said of itself when it joined.
    pub join: Join,
    /// The life of the master that keeps the registration.
    pub keeper: u64,
}

/// A registration to be written or deleted.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Writes the registration of a worker that this master keeps.
    Keep(WorkerId, Join),
    /// Deletes the registration of a worker.
    Delete(WorkerId),
}

impl Change {
    /// The worker whose registration changes.
    pub fn id(&self) -> WorkerId {
        let (Change::Keep(id, _) | Change::Delete(id)) = self;
        *id
    }
}

impl Book {
    /// A book of a master that has not heard of the shared registry yet.
    pub fn new(settings: AgreedSettings, now: Instant) -> Book {
        Book { ours: BTreeSet::new(), dirty: BTreeSet::new(), cut_off: Some(now), settings, end_of_ids: 0 }
    }

    /// A worker has joined here.
    pub fn joined(&mut self, id: WorkerId) {
        self.ours.insert(id);
        self.dirty.insert(id);
    }

    /// A worker was heard here. The master that hears a worker keeps its registration.
    pub fn heard(&mut self, id: WorkerId) {
        if self.ours.insert(id) {
            self.dirty.insert(id);
        }
    }

    /// A worker is gone for good: it left, or another one took its place.
    pub fn gone(&mut self, id: WorkerId) {
        self.ours.remove(&id);
        self.dirty.insert(id);
    }

    /// Another master keeps a worker, or has deleted its registration.
    pub fn taken_over(&mut self, id: WorkerId) {
        self.ours.remove(&id);
        self.dirty.remove(&id);
    }

    /// Whether this master keeps a worker.
    pub fn is_ours(&self, id: WorkerId) -> bool {
        self.ours.contains(&id)
    }

    /// A registration must be written (again): the lease that it is under has changed, or the last attempt has failed.
    pub fn again(&mut self, id: WorkerId) {
        self.dirty.insert(id);
    }

    /// Takes out the next `most` registrations to be written or deleted.
    pub fn take_dirty(&mut self, most: usize) -> Vec<WorkerId> {
        std::iter::from_fn(|| self.dirty.pop_first()).take(most).collect()
    }

    /// The ids below `end` are set aside, or given, by whichever master.
    pub fn set_aside(&mut self, end: u32) {
        self.end_of_ids = self.end_of_ids.max(end);
    }

    /// Where the ids that are set aside end, as far as this master knows.
    pub fn end_of_ids(&self) -> u32 {
        self.end_of_ids
    }
}

/// The ids to set aside next, where all below `known` are set aside already and the registry has those from `free` on for free.
/// `free` is None where the registry has no such number, because it is new or has lost all it knew.
pub fn next_ids(known: u32, free: Option<u32>) -> Range<u32> {
    let start = match (free, known) {
        (Some(free), known) => free.max(known),
        (None, 0) => 0,
        (None, known) => known.saturating_add(PASSED_OVER),
    };
    let start = start.min(END_OF_IDS);
    start..(start + BLOCK).min(END_OF_IDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_set_aside_once() {
        assert_eq!(next_ids(0, None), 0..BLOCK);
        assert_eq!(next_ids(0, Some(5)), 5..5 + BLOCK);
        assert_eq!(next_ids(2000, Some(5)), 2000..2000 + BLOCK);
        assert_eq!(next_ids(2000, Some(3000)), 3000..3000 + BLOCK);
        assert_eq!(next_ids(2000, None).start, 2000 + PASSED_OVER);
        for free in [END_OF_IDS - 1, END_OF_IDS, u32::MAX] {
            let ids = next_ids(2000, Some(free));
            assert!(ids.len() <= 1 && ids.end == END_OF_IDS, "{ids:?}");
        }
    }
}
