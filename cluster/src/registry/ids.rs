//! Numbers for workers that join.

use std::ops::Range;

use facefleet_proto::WorkerId;

/// One more than the greatest id that a message can carry.
pub const END_OF_IDS: u32 = 1 << 31;

/// Ids that were not given yet. Ids only go up, so that an id means one worker for ever.
#[derive(Debug)]
pub(super) struct Ids(Range<u32>);

impl Ids {
    /// Ids of this range, as far as a message can carry them.
    pub(super) fn new(ids: Range<u32>) -> Ids {
        Ids(ids.start..ids.end.min(END_OF_IDS))
    }

    /// The next id, if there is one left.
    pub(super) fn give(&mut self) -> Option<WorkerId> {
        self.0.next().map(WorkerId)
    }

    /// How many ids are left.
    pub(super) fn left(&self) -> usize {
        self.0.len()
    }
}

impl Default for Ids {
    /// All ids there are.
    fn default() -> Ids {
        Ids(0..END_OF_IDS)
    }
}
