//! Traces of frames through the worker, in the log at level debug.

use facefleet_service::trace::StreamTrace;
use facefleet_vision::Stages;
use tracing::{Span, debug, debug_span};

use crate::frame::Verdict;

/// The span of a frame that the worker has. Its log lines carry the frame's id. It costs next to nothing while nobody reads it.
#[derive(Debug)]
pub(crate) struct Work(Span);

impl Work {
    /// Starts the span of a frame that has arrived.
    pub(crate) fn taken(stream: StreamTrace, frame: u64, attempt: u32) -> Work {
        let span = debug_span!("work", trace = %stream.frame(frame), frame, attempt);
        debug!(parent: &span, "taken");
        Work(span)
    }

    /// Ends the span with what became of the frame, whose answer is on its way back.
    pub(crate) fn answered(self, verdict: &Verdict) {
        let Work(span) = self;
        match verdict {
            Verdict::Done { report, queued } => {
                let Stages { decode, resize, detect, draw, encode } = report.stages;
                let faces = report.faces.len();
                debug!(parent: &span, outcome = "ok", faces, ?queued, ?decode, ?resize, ?detect, ?draw, ?encode, "answered");
            }
            Verdict::Dropped(reason) => {
                debug!(parent: &span, outcome = "dropped", reason = reason.as_str(), "answered");
            }
            Verdict::Failed(failure) => {
                debug!(parent: &span, outcome = "failed", reason = failure.code().as_str(), "answered");
            }
        }
    }
}
