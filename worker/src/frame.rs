//! A frame, and what became of it.

use std::time::Duration;

use bytes::Bytes;
use facefleet_proto::{DropReason, FailureCode};
use facefleet_vision::{DetectorError, DetectorKind, FrameError, Job, Report};

/// A frame, and what to do with it.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) jpeg: Bytes,
    /// The detector to use. None: the worker's own.
    pub(crate) detector: Option<DetectorKind>,
    pub(crate) job: Job,
    /// How old the frame was when it was sent.
    pub(crate) age: Duration,
}

/// What became of a frame.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The frame was analyzed.
    Done {
        report: Report,
        /// The time that the frame waited, from its arrival to its turn.
        queued: Duration,
    },
    /// The frame was left out on purpose, for this reason.
    Dropped(DropReason),
    Failed(Failure),
}

/// Why a frame could not be analyzed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Detector(#[from] DetectorError),
    #[error("the worker's detector thread is gone")]
    ThreadGone,
}

impl Failure {
    /// The code of the failure, as replies and metrics name it.
    pub(crate) fn code(&self) -> FailureCode {
        match self {
            Failure::Frame(error) => match error {
                FrameError::Empty => FailureCode::Empty,
                FrameError::NotJpeg { .. } => FailureCode::NotJpeg,
                FrameError::BadHeader { .. } => FailureCode::BadHeader,
                FrameError::ZeroSize { .. } => FailureCode::ZeroSize,
                FrameError::TooManyPixels { .. } => FailureCode::TooManyPixels,
                FrameError::Unsupported { .. } => FailureCode::Unsupported,
                FrameError::Truncated { .. } => FailureCode::Truncated,
                FrameError::Corrupt { .. } => FailureCode::Corrupt,
                FrameError::BadTarget { .. } => FailureCode::BadTarget,
                FrameError::Encode(_) => FailureCode::Encode,
                FrameError::Panicked { .. } => FailureCode::Panicked,
            },
            Failure::Detector(_) => FailureCode::NoDetector,
            Failure::ThreadGone => FailureCode::Panicked,
        }
    }

    /// Whether the frame itself is at fault, and not this worker.
    pub(crate) fn is_bad_frame(&self) -> bool {
        match self {
            Failure::Frame(error) => error.is_bad_frame(),
            Failure::Detector(_) | Failure::ThreadGone => false,
        }
    }
}
