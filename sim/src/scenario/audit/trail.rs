//! What has happened to a frame, and what may therefore become of it.

use std::collections::BTreeSet;
use std::time::Instant;

use super::lane::Life;

/// A frame may be given up when so many different workers were lost with it, or after so many losses, or attempts.
const WORKERS_LOST: usize = 3;
const LOSSES: u32 = 5;
const ATTEMPTS: u32 = 12;
/// A frame that was lost so often goes alone.
const SUSPECT: u32 = 2;

/// An answer that was awaited.
#[derive(Debug)]
pub(super) struct Answer {
    /// What tells it from all others, if it is a good one.
    pub(super) mark: Option<f32>,
    /// The worker that gave it.
    pub(super) worker: String,
}

/// What has happened to a frame that has not gone to the report.
#[derive(Debug, Default)]
pub(in crate::scenario) struct Trail {
    pub(super) given: Option<Instant>,
    pub(super) sends: u32,
    pub(super) losses: u32,
    pub(super) lost_with: BTreeSet<Life>,
    pub(super) failed_at: BTreeSet<Life>,
    /// Whether nobody was left to ask, or enough workers had been, when it ended.
    pub(super) may_fail: bool,
    /// The last answer that was awaited.
    pub(super) answer: Option<Answer>,
    /// Who could not do it, until it goes to another.
    pub(super) failed_by: Option<String>,
}

impl Trail {
    /// Whether any worker may have the frame, beside other frames.
    pub(super) fn is_plain(&self) -> bool {
        !self.is_suspect() && self.failed_at.is_empty()
    }

    /// Whether the frame goes alone.
    pub(super) fn is_suspect(&self) -> bool {
        self.losses >= SUSPECT
    }

    /// Whether the frame may be given up.
    pub(super) fn is_spent(&self) -> bool {
        self.lost_with.len() >= WORKERS_LOST || self.losses >= LOSSES || self.sends >= ATTEMPTS
    }
}
