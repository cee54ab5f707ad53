//! Trace events of each frame on its way through the client, in the log at level debug.

use std::collections::BTreeMap;

use facefleet_proto::AnalyzeFrame;
use facefleet_service::trace::StreamTrace;
use tracing::{Span, debug, debug_span};

use facefleet_stream::frame::{End, Finished};
use facefleet_stream::session::{FrameAnswer, FrameAttempt};

/// The spans of the frames of one stream that have not ended. Every log line of a frame carries its id. No span is kept while
/// nobody reads the log at this level.
#[derive(Debug)]
pub(crate) struct Trace {
    stream: StreamTrace,
    /// The open spans, by frame number.
    frames: BTreeMap<u64, Span>,
}

impl Trace {
    /// Creates the trace of a stream that has had no frame yet.
    pub(crate) fn of(stream: StreamTrace) -> Trace {
        Trace { stream, frames: BTreeMap::new() }
    }

    /// Opens the span of a frame that was read from the source.
    pub(crate) fn came(&mut self, frame: u64) {
        let span = debug_span!("frame", trace = %self.stream.frame(frame), frame);
        if !span.is_disabled() {
            self.frames.insert(frame, span);
        }
    }

    /// Records that a frame was sent to a worker.
    pub(crate) fn sent(&self, AnalyzeFrame { seq, attempt, jpeg, .. }: &AnalyzeFrame) {
        if let Some(span) = self.frames.get(seq) {
            debug!(parent: span, attempt, bytes = jpeg.len(), "sent");
        }
    }

    /// Records an answer, which may be too late to count.
    pub(crate) fn answered(&self, FrameAnswer { frame: FrameAttempt { seq, attempt }, .. }: &FrameAnswer) {
        if let Some(span) = self.frames.get(seq) {
            debug!(parent: span, attempt, "answered");
        }
    }

    /// Closes the span of a frame that goes to the report.
    pub(crate) fn ended(&mut self, Finished { frame, worker, end }: &Finished) {
        let Some(span) = self.frames.remove(&frame.index) else { return };
        let worker = worker.as_deref();
        match end {
            End::Ok(_) => debug!(parent: &span, worker, outcome = "ok", "ended"),
            End::Dropped(reason) => {
                debug!(parent: &span, worker, outcome = "dropped", reason = reason.as_str(), "ended");
            }
            End::Failed { code, message: _ } => {
                debug!(parent: &span, worker, outcome = "failed", reason = code.as_str(), "ended");
            }
        }
    }
}
