//! The streams that want a slot and have none.

use std::collections::BTreeMap;

use facefleet_proto::StreamLeaseId;

use super::order::Rank;

/// One line by rank for each detector that is wanted (None: any will do), so that a stream that can use none of the free slots
/// holds up no other. A stream stays in line while none of its calls waits.
#[derive(Debug, Default)]
pub(super) struct Queue(BTreeMap<Option<String>, BTreeMap<Rank, StreamLeaseId>>);

/// The first stream of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    rank: Rank,
    pub(super) stream: StreamLeaseId,
    /// The detector that the line waits for.
    pub(super) detector: Option<&'a str>,
}

impl Queue {
    /// Puts a stream that wants a slot in line.
    pub(super) fn insert(&mut self, detector: Option<&str>, rank: Rank, stream: StreamLeaseId) {
        self.0.entry(detector.map(str::to_owned)).or_default().insert(rank, stream);
    }

    /// Takes a stream out that has a slot, or wants none any more.
    pub(super) fn remove(&mut self, detector: Option<&str>, rank: Rank) {
        let detector = detector.map(str::to_owned);
        if let Some(line) = self.0.get_mut(&detector) {
            line.remove(&rank);
            if line.is_empty() {
                self.0.remove(&detector);
            }
        }
    }

    /// The first stream of each line, by rank.
    pub(super) fn heads(&self) -> Vec<Head<'_>> {
        let heads = self.0.iter().filter_map(|(detector, line)| {
            let (rank, stream) = line.first_key_value()?;
            Some(Head { rank: *rank, stream: *stream, detector: detector.as_deref() })
        });
        let mut heads: Vec<Head<'_>> = heads.collect();
        heads.sort_unstable_by_key(|head| head.rank);
        heads
    }

    /// How many streams are in line.
    pub(super) fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// Every stream in line, by rank.
    #[cfg(test)]
    pub(super) fn all(&self) -> BTreeMap<Rank, StreamLeaseId> {
        self.0.values().flatten().map(|(rank, stream)| (*rank, *stream)).collect()
    }
}
