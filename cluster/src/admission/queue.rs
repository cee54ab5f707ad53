//! The streams that want a slot and have none.

use std::collections::BTreeMap;

use super::LeaseId;
use super::order::Rank;

/// In line by rank, a line for each detector that is wanted (None: any will do), so that whoever can use none of the free
/// slots holds up nobody. Not all of them have a call that waits.
#[derive(Debug, Default)]
pub(super) struct Queue(BTreeMap<Option<String>, BTreeMap<Rank, LeaseId>>);

impl Queue {
    /// A stream wants a slot from now on.
    pub(super) fn insert(&mut self, detector: Option<&str>, rank: Rank, lease: LeaseId) {
        self.0.entry(detector.map(str::to_owned)).or_default().insert(rank, lease);
    }

    /// A stream has a slot, or wants none any more.
    pub(super) fn remove(&mut self, detector: Option<&str>, rank: Rank) {
        let detector = detector.map(str::to_owned);
        if let Some(line) = self.0.get_mut(&detector) {
            line.remove(&rank);
            if line.is_empty() {
                self.0.remove(&detector);
            }
        }
    }

    /// The first of each line with what it wants, by rank.
    pub(super) fn heads(&self) -> Vec<(Rank, LeaseId, Option<&str>)> {
        let lines = self.0.iter().filter_map(|(detector, line)| Some((line.first_key_value()?, detector.as_deref())));
        let mut heads: Vec<_> = lines.map(|((rank, lease), detector)| (*rank, *lease, detector)).collect();
        heads.sort_unstable_by_key(|(rank, ..)| *rank);
        heads
    }

    /// How many streams they are.
    pub(super) fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// All of them.
    #[cfg(test)]
    pub(super) fn all(&self) -> BTreeMap<Rank, LeaseId> {
        self.0.values().flatten().map(|(rank, lease)| (*rank, *lease)).collect()
    }
}
