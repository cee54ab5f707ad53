//! The five fixed methods of the legacy protocol, as programs that exist already call them.
//!
//! The field `size` of a request is ignored: those programs fill it as they like, and the bytes have a length of their own.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use facefleet_proto::wire::VideoFrame;
use facefleet_vision::{Fit, Job, Task};
use futures_util::{Stream, StreamExt};
use tonic::Status;

use crate::frame::{Failure, Frame, Verdict};
use crate::live::Shown;
use crate::pool::{PendingFrame, Pool, StreamHandle, StreamSettings};

/// Analyzes one frame and forgets the result.
///
/// # Errors
/// `INVALID_ARGUMENT` says what is wrong with the frame, `INTERNAL` what went wrong in this worker.
pub(crate) async fn one(pool: &Pool, frame: VideoFrame) -> Result<(), Status> {
    let stream = pool.open(StreamSettings::default());
    match enter(&stream, frame, job(Task::View)).await.verdict().await {
        Verdict::Done { .. } => Ok(()),
        Verdict::Dropped(reason) => Err(Status::resource_exhausted(format!("the frame was dropped: {reason}"))),
        Verdict::Failed(failure) => Err(status(&failure, failure.to_string())),
    }
}

/// Does `task` on all frames and forgets the results.
///
/// # Errors
/// Returns the error that ends `frames`. When some frames could not be analyzed, the error says how many, and what was wrong with
/// the first of them, which also decides between `INVALID_ARGUMENT` and `INTERNAL`. All other frames were analyzed.
pub(crate) async fn all(
    pool: &Pool,
    frames: impl Stream<Item = Result<VideoFrame, Status>> + Send,
    task: Task,
    shown: Shown,
) -> Result<(), Status> {
    let mut verdicts = pin!(verdicts(pool, frames, job(task), shown));
    let (mut count, mut failed, mut first) = (0_u64, 0_u64, None);
    while let Some(verdict) = verdicts.next().await {
        if let Verdict::Failed(failure) = verdict? {
            failed += 1;
            first.get_or_insert((count, failure));
        }
        count += 1;
    }
    match first {
        None => Ok(()),
        Some((index, failure)) => {
            let text = format!(
                "{failed} of {count} frames could not be worked on; the first was frame {index} (from 0): {failure}"
            );
            Err(status(&failure, text))
        }
    }
}

/// The status for a failure. Its code says who can mend it: the sender (`INVALID_ARGUMENT`) or the makers of this program
/// (`INTERNAL`).
fn status(failure: &Failure, text: String) -> Status {
    if failure.is_bad_frame() { Status::invalid_argument(text) } else { Status::internal(text) }
}

/// Answers the frames in their order, each with a 500×400 picture that has a box around every face. A frame that could not be
/// analyzed is answered with an empty picture. The reply has no field for the reason, so the log says it.
pub(crate) fn annotate<F>(
    pool: &Pool,
    frames: F,
    shown: Shown,
) -> impl Stream<Item = Result<VideoFrame, Status>> + Send + use<F>
where
    F: Stream<Item = Result<VideoFrame, Status>> + Send,
{
    let mut failures = FailureLog::default();
    verdicts(pool, frames, Job { picture: true, ..job(Task::Faces) }, shown).map(move |verdict| {
        let verdict = verdict?;
        failures.note(&verdict);
        let picture = match verdict {
            Verdict::Done { report, .. } => report.picture.unwrap_or_default(),
            Verdict::Dropped(_) | Verdict::Failed(_) => Vec::new(),
        };
        let size = i32::try_from(picture.len()).expect("a 500×400 JPEG has no 2 GiB");
        Ok(VideoFrame { size, frame: Bytes::from(picture) })
    })
}

/// Logs the failed frames of one stream: the first at once, and the number of them when the stream ends.
#[derive(Default)]
struct FailureLog {
    frames: u64,
    failed: u64,
}

impl FailureLog {
    fn note(&mut self, verdict: &Verdict) {
        if let Verdict::Failed(failure) = verdict {
            if self.failed == 0 {
                tracing::warn!("PushAndPull: frame {} (from 0) is answered without a picture: {failure}", self.frames);
            }
            self.failed += 1;
        }
        self.frames += 1;
    }
}

impl Drop for FailureLog {
    fn drop(&mut self) {
        if self.failed > 1 {
            let FailureLog { frames, failed } = self;
            tracing::warn!("PushAndPull: {failed} of {frames} frames were answered without a picture");
        }
    }
}

/// The verdicts in the order of the frames. Frames are read as there is room for them. An error that ends `frames` comes after
/// the verdicts of the frames before it.
fn verdicts<F>(
    pool: &Pool,
    frames: F,
    job: Job,
    shown: Shown,
) -> impl Stream<Item = Result<Verdict, Status>> + Send + use<F>
where
    F: Stream<Item = Result<VideoFrame, Status>> + Send,
{
    let stream = pool.open(StreamSettings { shown: Some(shown), ..StreamSettings::default() });
    let max_pending = stream.max_pending();
    let entering = frames.then(move |frame| {
        let stream = stream.clone();
        async move { Ok(enter(&stream, frame?, job).await) }
    });
    entering
        .map(|entered: Result<PendingFrame, Status>| async move { Ok(entered?.verdict().await) })
        .buffered(max_pending)
}

/// The job of the legacy methods, which stretch every frame to 500×400 and send no picture back.
fn job(task: Task) -> Job {
    Job { task, fit: Fit::LEGACY, ..Job::default() }
}

/// Puts a frame into the pool, for the worker's own detector.
async fn enter(stream: &StreamHandle, frame: VideoFrame, job: Job) -> PendingFrame {
    stream.enter(Frame { jpeg: frame.frame, detector: None, job, age: Duration::ZERO }).await
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use facefleet_vision::FrameError;
    use tonic::Code;

    use super::*;

    #[test]
    fn only_a_bad_frame_is_the_senders_fault() {
        let code = |failure: Failure| status(&failure, failure.to_string()).code();
        assert_eq!(code(FrameError::Empty.into()), Code::InvalidArgument);
        assert_eq!(code(FrameError::Panicked { message: "index out of bounds".to_owned() }.into()), Code::Internal);
        assert_eq!(code(Failure::ThreadGone), Code::Internal);
    }

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that a stream with these verdicts writes to the log.
    fn logged(verdicts: &[Verdict]) -> Vec<String> {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
        tracing::subscriber::with_default(subscriber, || {
            let mut failures = FailureLog::default();
            verdicts.iter().for_each(|verdict| failures.note(verdict));
        });
        let text = String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_stream_says_once_what_is_wrong_and_at_the_end_how_often() {
        let good = || Verdict::Dropped(facefleet_proto::DropReason::QueueFull);
        let bad = || Verdict::Failed(FrameError::Empty.into());
        assert!(logged(&[good(), good()]).is_empty());
        let once = logged(&[good(), bad(), good()]);
        assert!(once.len() == 1 && once[0].contains("frame 1 ") && once[0].contains("no bytes"), "{once:?}");
        let often = logged(&[bad(), good(), bad(), bad()]);
        assert!(often.len() == 2 && often[0].contains("frame 0 ") && often[1].contains("3 of 4 frames"), "{often:?}");
    }
}
