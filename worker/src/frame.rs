//! A frame, and what became of it.

use std::time::Duration;

use bytes::Bytes;
use facefleet_vision::{DetectorError, DetectorKind, FrameError, Job, Report};

/// The reason for dropping a live frame that is older than its stream allows.
pub(crate) const STALE: &str = "stale_worker";
/// The reason for dropping a live frame whose room a newer one of its stream needs.
pub(crate) const QUEUE_FULL: &str = "queue_full";
/// The reason for dropping a frame whose stream was closed, so that nobody waits for the answer.
pub(crate) const STREAM_GONE: &str = "stream_gone";

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
    /// The frame was left out on purpose, for this reason in snake_case.
    Dropped(&'static str),
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
    /// The reason in snake_case, as replies and metrics name it.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Failure::Frame(error) => error.code(),
            Failure::Detector(_) => "no_detector",
            Failure::ThreadGone => "panicked",
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
