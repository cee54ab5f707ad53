//! A frame, and what became of it.

use std::time::Duration;

use bytes::Bytes;
use facefleet_vision::{DetectorError, DetectorKind, FrameError, Job, Report};

/// Why a live frame is dropped: it is older than its stream wants any.
pub(crate) const STALE: &str = "stale_worker";
/// Why a live frame is dropped: newer ones of its stream need its room.
pub(crate) const QUEUE_FULL: &str = "queue_full";
/// Why a frame is forgotten: its stream has gone, and nobody waits for it.
pub(crate) const STREAM_GONE: &str = "stream_gone";

/// A frame, and what to do with it.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) jpeg: Bytes,
    /// None: the worker's own.
    pub(crate) detector: Option<DetectorKind>,
    pub(crate) job: Job,
    /// How old it was when it was sent.
    pub(crate) age: Duration,
}

/// What became of a frame.
#[derive(Debug)]
pub(crate) enum Verdict {
    Done {
        report: Report,
        /// From its arrival until its turn.
        queued: Duration,
    },
    /// The snake_case reason.
    Dropped(&'static str),
    Failed(Failure),
}

/// Why a frame could not be worked on.
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
    /// The snake_case reason.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Failure::Frame(error) => error.code(),
            Failure::Detector(_) => "no_detector",
            Failure::ThreadGone => "panicked",
        }
    }

    /// Whether the frame is at fault, and not this program.
    pub(crate) fn is_bad_frame(&self) -> bool {
        match self {
            Failure::Frame(error) => error.is_bad_frame(),
            Failure::Detector(_) | Failure::ThreadGone => false,
        }
    }
}
