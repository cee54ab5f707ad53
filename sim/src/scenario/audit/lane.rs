//! Links of a stream, as the audit sees them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::engine::At;

/// One life of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::scenario) struct Life {
    pub(in crate::scenario) slot: usize,
    /// When it began.
    pub(in crate::scenario) generation: u64,
}

/// A link.
#[derive(Debug)]
pub(in crate::scenario) struct Lane {
    pub(in crate::scenario) address: SocketAddr,
    pub(in crate::scenario) connected: At,
    /// None until it takes frames.
    pub(in crate::scenario) up: Option<Up>,
    /// Frames in flight, and which attempt of each.
    pub(in crate::scenario) held: BTreeMap<u64, u32>,
    /// When it last had one.
    pub(in crate::scenario) had_frames: At,
    /// Whether it has worked on a frame.
    pub(in crate::scenario) is_measured: bool,
    /// Whether its last answer was a failure for which it blames itself.
    pub(super) blames_itself: bool,
    /// Failures in a row for which it blames itself, while the stream had no other to ask.
    pub(super) broken: u32,
}

/// The worker at the other end of a link that takes frames.
#[derive(Debug)]
pub(in crate::scenario) struct Up {
    pub(in crate::scenario) life: Life,
    pub(in crate::scenario) since: At,
    pub(super) name: String,
    pub(in crate::scenario) threads: u32,
    pub(in crate::scenario) service: Duration,
}
