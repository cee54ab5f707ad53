//! The five fixed methods, as programs that exist already call them.
//!
//! `size` in a request is not looked at: those programs fill it freely, and the bytes know their own length.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use facefleet_proto::wire::VideoFrame;
use facefleet_vision::{Job, SEED, Task};
use futures_util::{Stream, StreamExt};
use tonic::Status;

use crate::frame::{Failure, Frame, Verdict};
use crate::live::Shown;
use crate::pool::{Line, Pool, Ticket};

/// The programs know of no priorities.
const PRIORITY: i32 = 0;

/// One frame, looked at and forgotten.
///
/// # Errors
/// `INVALID_ARGUMENT` says what is wrong with the frame, `INTERNAL` what went wrong here.
pub(crate) async fn one(pool: &Pool, frame: VideoFrame) -> Result<(), Status> {
    match enter(&pool.open(PRIORITY, None, None), frame, job(Task::View, false)).await.verdict().await {
        Verdict::Done { .. } => Ok(()),
        Verdict::Dropped(reason) => Err(Status::resource_exhausted(format!("the frame was dropped: {reason}"))),
        Verdict::Failed(failure) => Err(status(&failure, failure.to_string())),
    }
}

/// Does `task` on all frames, and answers nothing but that.
///
/// # Errors
/// The error that ends `frames`; or, when some could not be worked on, how many and what was wrong with the first, which
/// decides between `INVALID_ARGUMENT` and `INTERNAL`. The others were worked on.
pub(crate) async fn all(
    pool: &Pool,
    frames: impl Stream<Item = Result<VideoFrame, Status>> + Send,
    task: Task,
    shown: Shown,
) -> Result<(), Status> {
    let mut verdicts = pin!(verdicts(pool, frames, job(task, false), shown));
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

/// Who has to change something for `failure` not to come again: the sender, or the makers of this program.
fn status(failure: &Failure, text: String) -> Status {
    if failure.is_bad_frame() { Status::invalid_argument(text) } else { Status::internal(text) }
}

/// Answers each frame, in order, with a 500×400 picture that has a box around each face; one that could not be worked on
/// with nothing. Its sender has no field to read why in, so the log says it.
pub(crate) fn annotate<F>(
    pool: &Pool,
    frames: F,
    shown: Shown,
) -> impl Stream<Item = Result<VideoFrame, Status>> + Send + use<F>
where
    F: Stream<Item = Result<VideoFrame, Status>> + Send,
{
    let mut complaints = Complaints::default();
    verdicts(pool, frames, job(Task::Faces, true), shown).map(move |verdict| {
        let verdict = verdict?;
        complaints.hear(&verdict);
        let picture = match verdict {
            Verdict::Done { report, .. } => report.picture.unwrap_or_default(),
            Verdict::Dropped(_) | Verdict::Failed(_) => Vec::new(),
        };
        let size = i32::try_from(picture.len()).expect("a 500×400 JPEG has no 2 GiB");
        Ok(VideoFrame { size, frame: Bytes::from(picture) })
    })
}

/// What one stream puts into the log about its failed frames: the first at once, and their number at the end.
#[derive(Default)]
struct Complaints {
    frames: u64,
    failed: u64,
}

impl Complaints {
    fn hear(&mut self, verdict: &Verdict) {
        if let Verdict::Failed(failure) = verdict {
            if self.failed == 0 {
                tracing::warn!("PushAndPull: frame {} (from 0) is answered without a picture: {failure}", self.frames);
            }
            self.failed += 1;
        }
        self.frames += 1;
    }
}

impl Drop for Complaints {
    fn drop(&mut self) {
        if self.failed > 1 {
            let Complaints { frames, failed } = self;
            tracing::warn!("PushAndPull: {failed} of {frames} frames were answered without a picture");
        }
    }
}

/// The verdicts in the order of the frames. Frames are read as there is room for them; an error of `frames` comes after
/// the verdicts of those before it.
fn verdicts<F>(
    pool: &Pool,
    frames: F,
    job: Job,
    shown: Shown,
) -> impl Stream<Item = Result<Verdict, Status>> + Send + use<F>
where
    F: Stream<Item = Result<VideoFrame, Status>> + Send,
{
    let line = pool.open(PRIORITY, None, Some(shown));
    let at_once = line.at_once();
    let tickets = frames.then(move |frame| {
        let line = line.clone();
        async move { Ok(enter(&line, frame?, job).await) }
    });
    tickets.map(|ticket: Result<Ticket, Status>| async move { Ok(ticket?.verdict().await) }).buffered(at_once)
}

/// These methods always look at a frame stretched to 500×400, with the worker's own detector.
fn job(task: Task, picture: bool) -> Job {
    Job { task, fit: SEED, picture, ..Job::default() }
}

async fn enter(line: &Line, frame: VideoFrame, job: Job) -> Ticket {
    line.enter(Frame { jpeg: frame.frame, detector: None, job, age: Duration::ZERO }).await
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

    /// What a stream with these frames puts into the log.
    fn logged(verdicts: &[Verdict]) -> Vec<String> {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
        tracing::subscriber::with_default(subscriber, || {
            let mut complaints = Complaints::default();
            verdicts.iter().for_each(|verdict| complaints.hear(verdict));
        });
        let text = String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_stream_says_once_what_is_wrong_and_at_the_end_how_often() {
        let good = || Verdict::Dropped("queue_full");
        let bad = || Verdict::Failed(FrameError::Empty.into());
        assert!(logged(&[good(), good()]).is_empty());
        let once = logged(&[good(), bad(), good()]);
        assert!(once.len() == 1 && once[0].contains("frame 1 ") && once[0].contains("no bytes"), "{once:?}");
        let often = logged(&[bad(), good(), bad(), bad()]);
        assert!(often.len() == 2 && often[0].contains("frame 0 ") && often[1].contains("3 of 4 frames"), "{often:?}");
    }
}
