//! How workers treat frames, and frames that are treated in their own way.

/// A JPEG that no worker can work on.
pub const CORRUPT: &[u8] = b"corrupt";
/// A JPEG that ends the process that works on it.
pub const KILLS: &[u8] = b"kills";

/// How a worker treats frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// The worker works on its frames.
    Honest,
    /// The detector is broken: each frame fails at once, and the worker blames itself or the frame.
    Fails {
        /// Whether it says that another worker may do better.
        blames_itself: bool,
    },
    /// Some frames are answered twice.
    Twice,
    /// The worker also answers frames that it was never sent.
    Unasked,
    /// The worker takes frames and answers none.
    Mute,
}
