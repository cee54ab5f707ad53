//! What names links, workers and frames within one stream.

/// Names one connection to one worker; never used again after it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub(crate) u64);

/// One life of one worker, as this stream has met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Peer(pub(crate) u32);

/// One attempt to have a frame worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameAttempt {
    /// Number of the frame in its stream.
    pub seq: u64,
    /// Number of the attempt, from 0.
    pub attempt: u32,
}
