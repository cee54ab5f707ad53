//! Frames with which something is wrong.

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Poison {
    /// The picture cannot be read from disk.
    Unreadable,
    /// No worker can do it.
    Corrupt,
    /// The frame ends the process that works on it.
    Kills,
}
