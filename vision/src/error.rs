//! Why a frame got no answer.

use crate::geometry::Size;

/// Why a picture could not be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// JPEG has 16 bits for a side, and no empty pictures.
    #[error("a {width}x{height} picture cannot be a JPEG: both sides must be 1 to 65,535 pixels")]
    Size {
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
    },
}

/// What was wrong with one frame. The analyzer is as good as new after any of them.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// No bytes at all.
    #[error("the frame has no bytes; send one whole JPEG a frame")]
    Empty,
    /// The first bytes are not those of a JPEG.
    #[error("the frame is not a JPEG but {found}; convert it to JPEG before sending")]
    NotJpeg {
        /// What the first bytes look like, with an article: "a PNG".
        found: &'static str,
    },
    /// A JPEG whose marker segments break the standard's rules.
    #[error("bad JPEG header at byte {offset}: {problem}")]
    BadHeader {
        /// Where in the frame's bytes.
        offset: usize,
        /// What is wrong there.
        problem: &'static str,
    },
    /// The header says a width or a height of zero.
    #[error("the JPEG header says {size}; both sides must be at least 1 pixel")]
    ZeroSize {
        /// The size in the header.
        size: Size,
    },
    /// The header says more pixels than [`Limits`](crate::Limits) allow; nothing was decoded.
    #[error(
        "the JPEG header says {size}, which is over the limit of {limit} pixels; shrink the picture or raise the limit"
    )]
    TooManyPixels {
        /// The size in the header.
        size: Size,
        /// The limit in force.
        limit: u64,
    },
    /// A valid JPEG of a kind that is not decoded here.
    #[error("this JPEG uses {feature}, which is not supported; use baseline or progressive JPEG with 8 bits")]
    Unsupported {
        /// The kind, in words.
        feature: &'static str,
    },
    /// The bytes end before the picture does.
    #[error("the JPEG is cut off: its {length} bytes hold no end-of-image marker")]
    Truncated {
        /// How many bytes there were.
        length: usize,
    },
    /// The bytes have a beginning and an end, and what is between them cannot be decoded.
    #[error("the JPEG is damaged: {reason}")]
    Corrupt {
        /// The decoder's own words.
        reason: String,
    },
    /// The size asked for in the job has a side of zero or above 65,535 pixels, or more pixels than the limit.
    #[error("cannot bring a frame to {size}: both sides must be 1 to 65,535 pixels, and {limit} pixels are the limit")]
    BadTarget {
        /// The size asked for.
        size: Size,
        /// The limit in force.
        limit: u64,
    },
    /// The answer's picture could not be made.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A library panicked on this frame. It was caught, and what it may have left half done was thrown away.
    #[error("decoder or detector panicked on this frame: {message}; please report it with the frame")]
    Panicked {
        /// The panic's message.
        message: String,
    },
}

impl FrameError {
    /// A short snake_case name that never changes: for reports, counters and the wire.
    pub fn code(&self) -> &'static str {
        match self {
            FrameError::Empty => "empty",
            FrameError::NotJpeg { .. } => "not_jpeg",
            FrameError::BadHeader { .. } => "bad_header",
            FrameError::ZeroSize { .. } => "zero_size",
            FrameError::TooManyPixels { .. } => "too_many_pixels",
            FrameError::Unsupported { .. } => "unsupported",
            FrameError::Truncated { .. } => "truncated",
            FrameError::Corrupt { .. } => "corrupt",
            FrameError::BadTarget { .. } => "bad_target",
            FrameError::Encode(_) => "encode",
            FrameError::Panicked { .. } => "panicked",
        }
    }

    /// Whether the frame, or what was asked for it, is at fault. If not, this program is.
    pub fn is_bad_frame(&self) -> bool {
        !matches!(self, FrameError::Encode(_) | FrameError::Panicked { .. })
    }
}

/// Runs `work`, which calls into libraries that may panic on hostile input.
///
/// The caller must throw away what `work` may have left half changed.
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
