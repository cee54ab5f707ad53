//! Traces of frames through the worker, in the log at level debug, and what is odd about the frames of a stream.

use std::time::{Duration, Instant};

use facefleet_service::log_limit::LogLimit;
use facefleet_service::trace::StreamTrace;
use facefleet_vision::{Stages, Tidiness};
use tracing::{Span, debug, debug_span, info};

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

/// How often a stream's untidy frames are worth a line: a camera that writes one writes all of them so.
const UNTIDY_EVERY: Duration = Duration::from_secs(600);

/// Says of a stream that its frames do not keep to the standard, because other programs may refuse them.
#[derive(Debug)]
pub(crate) struct UntidyLog {
    stream: StreamTrace,
    limit: LogLimit,
}

impl UntidyLog {
    pub(crate) fn of(stream: StreamTrace) -> UntidyLog {
        UntidyLog { stream, limit: LogLimit::new(UNTIDY_EVERY) }
    }

    /// Takes note of what became of a frame at `now`.
    pub(crate) fn note(&mut self, frame: u64, verdict: &Verdict, now: Instant) {
        let Verdict::Done { report, .. } = verdict else { return };
        if report.tidiness != Tidiness::Tidy
            && let Some(kept_back) = self.limit.allow(now)
        {
            let trace = self.stream.frame(frame);
            info!(%trace, frame, kept_back, "the JPEG of this frame {}; the picture is whole and was worked on", report.tidiness);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use facefleet_service::clock;
    use facefleet_vision::Report;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stream_of_untidy_frames_is_told_of_now_and_then() {
        let (lines, start) = (Lines::default(), clock::now());
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
        tracing::subscriber::with_default(subscriber, || {
            let mut log = UntidyLog::of(StreamTrace::random());
            for (frame, tidiness) in [(0, Tidiness::Tidy), (1, Tidiness::NoEndMarker), (599, Tidiness::NoEndMarker)] {
                let report = Report { tidiness, ..Report::default() };
                let verdict = Verdict::Done { report, queued: Duration::ZERO };
                log.note(frame, &verdict, start + Duration::from_secs(frame));
            }
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(text.lines().count() == 1 && text.contains("frame=1 "), "{text}");
        assert!(text.contains("the JPEG of this frame has no end-of-image marker"), "{text}");
    }
}
