//! The native call `Analyze`: frames come in, and results go out as soon as they are ready.

use std::future::ready;
use std::time::Duration;

use bytes::Bytes;
use facefleet_proto::{AnalyzeFrame, AnalyzeOpen, AnalyzeRequest, FaceBox, FrameOk, FrameResult, Opened, Outcome};
use facefleet_proto::{Output, Point, Reply, StageTimes, Task, wire};
use facefleet_service::clock;
use facefleet_service::trace::StreamTrace;
use facefleet_vision::{DetectorKind, Face, Fit, Job, Report, Stages, UnknownDetector};
use futures_util::stream::{BoxStream, FuturesUnordered};
use futures_util::{Stream, StreamExt, stream};
use tokio::time::timeout;
use tonic::Status;

use crate::frame::{Frame, Verdict};
use crate::live::Shown;
use crate::pool::{Pool, StreamHandle, StreamSettings};
use crate::stats::ReplyLoad;
use crate::trace::{UntidyLog, Work};

/// How long a stream may take to send its first message. It occupies one of the few places for streams in the meantime.
pub(crate) const OPEN_WITHIN: Duration = Duration::from_secs(5);

/// Reads the `open` message that a stream must start with.
///
/// # Errors
/// `INVALID_ARGUMENT` when the stream ends first or starts with another message, `DEADLINE_EXCEEDED` when nothing comes `within`
/// that time, or the error that ends the stream.
pub(crate) async fn open<S>(messages: &mut S, within: Duration) -> Result<AnalyzeOpen, Status>
where
    S: Stream<Item = Result<wire::AnalyzeRequest, Status>> + Unpin,
{
    let late =
        |_| Status::deadline_exceeded(format!("Analyze: the first message, `open`, did not come within {within:?}"));
    let first = timeout(within, messages.next()).await.map_err(late)?;
    let first = first.transpose()?.map(AnalyzeRequest::try_from).transpose()?;
    let got = match first {
        Some(AnalyzeRequest::Open(open)) => return Ok(open),
        Some(AnalyzeRequest::Frame(_)) => "is a frame",
        None => "is missing",
    };
    Err(Status::invalid_argument(format!("Analyze: the first message {got}; it must be `open`")))
}

/// The replies of one stream: `opened` at once, then the result of each frame as soon as it is ready. When `messages` ends or
/// fails, the frames that are pending are answered first.
pub(crate) fn replies<S>(
    pool: Pool,
    opened: Opened,
    options: StreamOptions,
    shown: Shown,
    trace: StreamTrace,
    messages: S,
) -> impl Stream<Item = Result<wire::AnalyzeReply, Status>> + Send
where
    S: Stream<Item = Result<wire::AnalyzeRequest, Status>> + Send + 'static,
{
    let settings = StreamSettings { priority: options.priority, max_age: options.max_age, shown: Some(shown) };
    let stream = pool.open(settings);
    let pending = PendingFrames {
        entering: enter_all(stream.clone(), options, trace, messages).boxed(),
        pending: FuturesUnordered::new(),
        max_pending: stream.max_pending(),
        end: None,
    };
    let mut untidy = UntidyLog::of(trace);
    let results = pending.ends().map(move |ended| {
        let EndedFrame { seq, attempt, verdict } = ended?;
        untidy.note(seq, &verdict, clock::now());
        let outcome = options.outcome(verdict);
        let ReplyLoad { in_flight, frame_ms } = pool.reply_load();
        let streams = stream.sharing().try_into().unwrap_or(u32::MAX);
        Ok(Reply::Result(FrameResult { seq, attempt, outcome, in_flight, frame_ms, streams }))
    });
    stream::once(ready(Ok(Reply::Opened(opened)))).chain(results).map(|reply| reply.map(Into::into))
}

/// A frame that has its verdict.
struct EndedFrame {
    seq: u64,
    /// The number of the client's attempt at the frame.
    attempt: u32,
    verdict: Verdict,
}

/// Puts each frame of `messages` into the pool. Each item resolves when its frame has ended.
fn enter_all<S>(
    stream: StreamHandle,
    options: StreamOptions,
    trace: StreamTrace,
    messages: S,
) -> impl Stream<Item = Result<impl Future<Output = EndedFrame>, Status>>
where
    S: Stream<Item = Result<wire::AnalyzeRequest, Status>>,
{
    messages.then(move |message| {
        let stream = stream.clone();
        async move {
            let AnalyzeFrame { seq, attempt, age, jpeg } = frame(message?)?;
            let work = Work::taken(trace, seq, attempt);
            let pending = stream.enter(Frame { jpeg, detector: options.detector, job: options.job, age }).await;
            Ok(async move {
                let verdict = pending.verdict().await;
                work.answered(&verdict);
                EndedFrame { seq, attempt, verdict }
            })
        }
    })
}

fn frame(message: wire::AnalyzeRequest) -> Result<AnalyzeFrame, Status> {
    match AnalyzeRequest::try_from(message)? {
        AnalyzeRequest::Frame(frame) => Ok(frame),
        AnalyzeRequest::Open(_) => {
            Err(Status::invalid_argument("Analyze: a second `open`; every further message is a frame"))
        }
    }
}

/// The frames of one stream on their way through the pool. Further messages are read while fewer than `max_pending` frames are
/// pending.
struct PendingFrames<F> {
    entering: BoxStream<'static, Result<F, Status>>,
    pending: FuturesUnordered<F>,
    max_pending: usize,
    /// How the messages have ended, once they have.
    end: Option<Result<(), Status>>,
}

impl<F, T> PendingFrames<F>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    /// The ends of the frames in the order in which they become known, and after the last the error that ended the messages, if
    /// one did.
    fn ends(self) -> impl Stream<Item = Result<T, Status>> + Send {
        stream::unfold(Some(self), |frames| async {
            let mut frames = frames?;
            match frames.next().await {
                Some(ended) => Some((Ok(ended), Some(frames))),
                None => frames.end.and_then(Result::err).map(|status| (Err(status), None)),
            }
        })
    }

    async fn next(&mut self) -> Option<T> {
        loop {
            tokio::select! {
                biased;
                Some(ended) = self.pending.next() => return Some(ended),
                entered = self.entering.next(), if self.end.is_none() && self.pending.len() < self.max_pending => match entered {
                    Some(Ok(frame)) => self.pending.push(frame),
                    Some(Err(status)) => self.end = Some(Err(status)),
                    None => self.end = Some(Ok(())),
                },
                else => return None,
            }
        }
    }
}

/// The options that a stream was opened with.
#[derive(Clone, Copy)]
pub(crate) struct StreamOptions {
    detector: Option<DetectorKind>,
    job: Job,
    boxes: bool,
    priority: i32,
    max_age: Option<Duration>,
}

impl StreamOptions {
    /// Checks the options of a stream against what this worker offers. Pictures may have at most `max_pixels`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` names the option that this worker does not offer.
    pub(crate) fn of(open: &AnalyzeOpen, max_pixels: u64) -> Result<StreamOptions, Status> {
        let refused = |field, problem| Status::invalid_argument(format!("AnalyzeOpen.{field}: {problem}"));
        let detector = open.detector.as_deref().map(str::parse).transpose();
        let detector = detector.map_err(|unknown: UnknownDetector| refused("detector", unknown.to_string()))?;
        if let Some(side) = open.detect_size.filter(|side| u64::from(*side) > max_pixels) {
            let problem =
                format!("no picture of {max_pixels} pixels, which is the limit (--max-pixels), has a side of {side}");
            return Err(refused("detect_size", problem));
        }
        let task = match open.task {
            Task::Faces => facefleet_vision::Task::Faces,
            Task::Canny => facefleet_vision::Task::Canny,
        };
        let (boxes, picture) = match open.output {
            Output::Boxes => (true, false),
            Output::Picture => (false, true),
            Output::BoxesAndPicture => (true, true),
        };
        let job = Job {
            task,
            fit: open.detect_size.map_or_else(Fit::default, Fit::Within),
            picture,
            min_score: open.min_score,
            min_face: open.min_face,
            landmarks: open.landmarks,
        };
        Ok(StreamOptions { detector, job, boxes, priority: open.priority, max_age: open.max_age })
    }

    fn outcome(self, verdict: Verdict) -> Outcome {
        match verdict {
            Verdict::Done { report: Report { source, faces, picture, tidiness: _, stages }, queued } => {
                Outcome::Ok(FrameOk {
                    faces: if self.boxes { faces.into_iter().map(face_box).collect() } else { Vec::new() },
                    picture: picture.map(Bytes::from),
                    source_width: source.width,
                    source_height: source.height,
                    stages: {
                        let Stages { decode, resize, detect, draw, encode } = stages;
                        StageTimes { queue: queued, decode, resize, detect, draw, encode }
                    },
                })
            }
            Verdict::Dropped(reason) => Outcome::Dropped(reason),
            Verdict::Failed(failure) => Outcome::Failed {
                code: failure.code(),
                message: failure.to_string(),
                elsewhere: !failure.is_bad_frame(),
            },
        }
    }
}

fn face_box(face: Face) -> FaceBox {
    let Face { x, y, width, height, score, landmarks } = face;
    let landmarks = landmarks.map(|points| points.map(|facefleet_vision::Point { x, y }| Point { x, y }));
    FaceBox { x, y, width, height, score, landmarks }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[tokio::test]
    async fn a_stream_that_says_nothing_is_ended() {
        let mut silent = stream::pending();
        let status = open(&mut silent, Duration::ZERO).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert!(status.message().contains("`open`"), "{status}");
        let first = AnalyzeRequest::Open(AnalyzeOpen::default());
        let mut prompt = stream::iter([Ok(first.into())]);
        assert_eq!(open(&mut prompt, Duration::ZERO).await.unwrap(), AnalyzeOpen::default());
    }
}
