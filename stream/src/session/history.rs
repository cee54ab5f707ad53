//! What has happened to one frame so far, and so which worker may have it.

use super::ids::Peer;

/// A frame that was lost this often may be what ends the workers. It is sent alone from then on, so that no other is lost
/// with it.
const SUSPECT_AFTER: u32 = 2;
/// A frame is given up when so many different workers were lost with it: the third of them had no other frame.
const MOST_WORKERS_LOST: usize = 3;
/// A frame is also given up after so many losses in all, where there are not three workers to lose, and after so many attempts,
/// however they ended.
const MOST_LOSSES: u32 = 5;
const MOST_ATTEMPTS: u32 = 12;

/// What has happened to a frame so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FrameHistory {
    /// The number of its next, or present, attempt.
    pub(super) attempt: u32,
    losses: u32,
    /// The workers that were lost while they had it.
    lost_with: Vec<Peer>,
    /// The workers that answered that they could not do it.
    pub(super) failed_at: Vec<Peer>,
}

impl FrameHistory {
    /// Whether any worker may have the frame, beside other frames.
    pub(super) fn is_plain(&self) -> bool {
        self.failed_at.is_empty() && !self.is_suspect()
    }

    /// Whether the frame may be what ends the workers, and so is sent alone.
    pub(super) fn is_suspect(&self) -> bool {
        self.losses >= SUSPECT_AFTER
    }

    /// The worker was lost while it had the frame.
    pub(super) fn lost(mut self, peer: Peer) -> FrameHistory {
        self.losses += 1;
        if !self.lost_with.contains(&peer) {
            self.lost_with.push(peer);
        }
        self
    }

    /// The history with which the frame is tried once more; None if it is given up.
    pub(super) fn again(mut self) -> Option<FrameHistory> {
        let over = self.lost_with.len() >= MOST_WORKERS_LOST || self.losses >= MOST_LOSSES;
        self.attempt += 1;
        (!over && self.attempt < MOST_ATTEMPTS).then_some(self)
    }
}
