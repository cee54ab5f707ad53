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

use crate::pool::{Frame, Pool, Ticket, Verdict};

/// One frame, looked at and forgotten.
///
/// # Errors
/// `INVALID_ARGUMENT` says what is wrong with the frame.
pub(crate) async fn one(pool: &Pool, frame: VideoFrame) -> Result<(), Status> {
    match enter(pool, frame, job(Task::View, false)).await.verdict().await {
        Verdict::Done { .. } => Ok(()),
        Verdict::Dropped(reason) => Err(Status::resource_exhausted(format!("the frame was dropped: {reason}"))),
        Verdict::Failed { message, .. } => Err(Status::invalid_argument(message)),
    }
}

/// Does `task` on all frames, at most `at_once` of them at a time, and answers nothing but that.
///
/// # Errors
/// The error that ends `frames`; or `INVALID_ARGUMENT` when there were bad frames, with how many and what was wrong
/// with the first. The others were worked on.
pub(crate) async fn all(
    pool: Pool,
    frames: impl Stream<Item = Result<VideoFrame, Status>> + Send,
    task: Task,
    at_once: usize,
) -> Result<(), Status> {
    let mut verdicts = pin!(verdicts(pool, frames, job(task, false), at_once));
    let (mut count, mut bad, mut first) = (0_u64, 0_u64, None);
    while let Some(verdict) = verdicts.next().await {
        if let Verdict::Failed { message, .. } = verdict? {
            bad += 1;
            first.get_or_insert((count, message));
        }
        count += 1;
    }
    match first {
        None => Ok(()),
        Some((index, message)) => Err(Status::invalid_argument(format!(
            "{bad} of {count} frames were bad; the first was frame {index} (from 0): {message}"
        ))),
    }
}

/// Answers each frame, in order, with a 500×400 picture that has a box around each face; a bad frame with nothing.
pub(crate) fn annotate(
    pool: Pool,
    frames: impl Stream<Item = Result<VideoFrame, Status>> + Send,
    at_once: usize,
) -> impl Stream<Item = Result<VideoFrame, Status>> + Send {
    verdicts(pool, frames, job(Task::Faces, true), at_once).map(|verdict| {
        let picture = match verdict? {
            Verdict::Done { report, .. } => report.picture.unwrap_or_default(),
            Verdict::Dropped(_) | Verdict::Failed { .. } => Vec::new(),
        };
        let size = i32::try_from(picture.len()).expect("a 500×400 JPEG has no 2 GiB");
        Ok(VideoFrame { size, frame: Bytes::from(picture) })
    })
}

/// The verdicts in the order of the frames. Frames are read as there is room for them; an error of `frames` comes after
/// the verdicts of those before it.
fn verdicts(
    pool: Pool,
    frames: impl Stream<Item = Result<VideoFrame, Status>> + Send,
    job: Job,
    at_once: usize,
) -> impl Stream<Item = Result<Verdict, Status>> + Send {
    let tickets = frames.then(move |frame| {
        let pool = pool.clone();
        async move { Ok(enter(&pool, frame?, job).await) }
    });
    tickets.map(|ticket: Result<Ticket, Status>| async move { Ok(ticket?.verdict().await) }).buffered(at_once)
}

/// These methods always look at a frame stretched to 500×400.
fn job(task: Task, picture: bool) -> Job {
    Job { task, fit: SEED, picture, min_score: None }
}

async fn enter(pool: &Pool, frame: VideoFrame, job: Job) -> Ticket {
    pool.enter(Frame { jpeg: frame.frame, job, age: Duration::ZERO, max_age: None }).await
}
