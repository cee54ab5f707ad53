//! The reasons why a frame gets no answer.

use crate::geometry::Size;

/// The reason why a picture could not be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The size cannot be that of a JPEG, which has 16 bits for each side and no empty pictures.
    #[error("a {width}x{height} picture cannot be a JPEG: both sides must be 1 to 65,535 pixels")]
    Size {
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
    },
}

/// The reason why one frame got no answer. The analyzer is ready for the next frame after any of them.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The frame has no bytes at all.
    #[error("the frame has no bytes; send one whole JPEG a frame")]
    Empty,
    /// The first bytes are not those of a JPEG.
    #[error("the frame is not a JPEG but {found}; convert it to JPEG before sending")]
    NotJpeg {
        /// The kind of file that the first bytes look like, with an article: "a PNG".
        found: &'static str,
    },
    /// A marker segment of the JPEG breaks the rules of the standard.
    #[error("bad JPEG header at byte {offset}: {problem}")]
    BadHeader {
        /// Place of the segment in the frame's bytes.
        offset: usize,
        /// The rule that is broken, in words.
        problem: &'static str,
    },
    /// The header gives a width or a height of zero.
    #[error("the JPEG header says {size}; both sides must be at least 1 pixel")]
    ZeroSize {
        /// Size in the header.
        size: Size,
    },
    /// The header gives more pixels than [`Limits`](crate::Limits) allow. Nothing was decoded.
    #[error(
        "the JPEG header says {size}, which is over the limit of {limit} pixels; shrink the picture or raise the limit"
    )]
    TooManyPixels {
        /// Size in the header.
        size: Size,
        /// Limit in force, in pixels.
        limit: u64,
    },
    /// The JPEG is valid, but of a kind that is not decoded here.
    #[error("this JPEG uses {feature}, which is not supported; use baseline or progressive JPEG with 8 bits")]
    Unsupported {
        /// The kind of JPEG, in words.
        feature: &'static str,
    },
    /// The bytes end before the picture does.
    #[error("the JPEG is cut off: its {length} bytes end before the picture does")]
    Truncated {
        /// Number of bytes that came.
        length: usize,
    },
    /// The bytes begin and end as a JPEG does, but what lies between cannot be decoded.
    #[error("the JPEG is damaged: {reason}")]
    Corrupt {
        /// The decoder's own message.
        reason: String,
    },
    /// The job asks for a size that has a side of zero, a side above 65,535 pixels, or more pixels than the limit.
    #[error("cannot bring a frame to {size}: both sides must be 1 to 65,535 pixels, and {limit} pixels are the limit")]
    BadTarget {
        /// Size that was asked for.
        size: Size,
        /// Limit in force, in pixels.
        limit: u64,
    },
    /// The picture that goes back could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A library panicked on this frame. The panic was caught, and everything that it may have left half done was thrown away.
    #[error("decoder or detector panicked on this frame: {message}; please report it with the frame")]
    Panicked {
        /// Message of the panic.
        message: String,
    },
}

impl FrameError {
    /// Returns whether the fault lies in the frame, or in what was asked for it. If not, the fault is in this program.
    pub fn is_bad_frame(&self) -> bool {
        !matches!(self, FrameError::Encode(_) | FrameError::Panicked { .. })
    }
}

/// Runs `work`, which calls into libraries that may panic on hostile input.
///
/// The caller must throw away everything that `work` may have left half changed.
///
/// # Errors
/// What `work` returns, or [`FrameError::Panicked`].
pub(crate) fn no_panic<T>(work: impl FnOnce() -> Result<T, FrameError>) -> Result<T, FrameError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let text =
            payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Err(FrameError::Panicked { message: text.unwrap_or("no message").to_owned() })
    })
}
