//! The native call: frames in, results out as they are ready.

use std::future::ready;
use std::time::Duration;

use bytes::Bytes;
use facefleet_proto::{
    AnalyzeFrame, AnalyzeOpen, AnalyzeRequest, FaceBox, FrameOk, FrameResult, Load, Opened, Outcome,
};
use facefleet_proto::{Output, Point, Reply, StageTimes, Task, wire};
use facefleet_service::trace::StreamTrace;
use facefleet_vision::{DetectorKind, Face, Fit, Job, Report, Stages, UnknownDetector};
use futures_util::stream::{BoxStream, FuturesUnordered};
use futures_util::{Stream, StreamExt, stream};
use tokio::time::timeout;
use tonic::Status;

use crate::frame::{Frame, Verdict};
use crate::live::Shown;
use crate::pool::{Line, Pool};
use crate::trace::Work;

/// How long a stream may take to say what it wants. It has one of the few places for streams in the meantime.
pub(crate) const OPEN_WITHIN: Duration = Duration::from_secs(5);

/// Reads the message that a stream must start with.
///
/// # Errors
/// `INVALID_ARGUMENT`: there is none, or it is something else; `DEADLINE_EXCEEDED`: it does not come `within` that time;
/// or the error that ends the stream.
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

/// The replies of one stream: `opened` at once, then the result of each frame as it is ready. When `messages` ends, or
/// fails, what is held is answered first.
pub(crate) fn replies<S>(
    pool: Pool,
    opened: Opened,
    wants: Wants,
    shown: Shown,
    trace: StreamTrace,
    messages: S,
) -> impl Stream<Item = Result<wire::AnalyzeReply, Status>> + Send
where
    S: Stream<Item = Result<wire::AnalyzeRequest, Status>> + Send + 'static,
{
    let line = pool.open(wants.priority, wants.max_age, Some(shown));
    let session = Session {
        tickets: tickets(line.clone(), wants, trace, messages).boxed(),
        held: FuturesUnordered::new(),
        at_once: line.at_once(),
        end: None,
    };
    let results = session.verdicts().map(move |verdict| {
        let (seq, attempt, verdict) = verdict?;
        let outcome = wants.outcome(verdict);
        let Load { in_flight, frame_ms, .. } = pool.load();
        let streams = line.sharing().try_into().unwrap_or(u32::MAX);
        Ok(Reply::Result(FrameResult { seq, attempt, outcome, in_flight, frame_ms, streams }))
    });
    stream::once(ready(Ok(Reply::Opened(opened)))).chain(results).map(|reply| reply.map(Into::into))
}

/// Puts the frames into the pool, and says what each has become when that is known.
fn tickets<S>(
    line: Line,
    wants: Wants,
    trace: StreamTrace,
    messages: S,
) -> impl Stream<Item = Result<impl Future<Output = (u64, u32, Verdict)>, Status>>
where
    S: Stream<Item = Result<wire::AnalyzeRequest, Status>>,
{
    messages.then(move |message| {
        let line = line.clone();
        async move {
            let AnalyzeFrame { seq, attempt, age, jpeg } = frame(message?)?;
            let work = Work::taken(trace, seq, attempt);
            let ticket = line.enter(Frame { jpeg, detector: wants.detector, job: wants.job, age }).await;
            Ok(async move {
                let verdict = ticket.verdict().await;
                work.answered(&verdict);
                (seq, attempt, verdict)
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

/// Frames on their way through the pool. Messages are read while fewer than `at_once` are held.
struct Session<F> {
    tickets: BoxStream<'static, Result<F, Status>>,
    held: FuturesUnordered<F>,
    at_once: usize,
    /// Set when `tickets` has ended, to how.
    end: Option<Result<(), Status>>,
}

impl<F, T> Session<F>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    /// What the frames become, first ready first out; at the very end the error that ended the messages, if one did.
    fn verdicts(self) -> impl Stream<Item = Result<T, Status>> + Send {
        stream::unfold(Some(self), |session| async {
            let mut session = session?;
            match session.next().await {
                Some(verdict) => Some((Ok(verdict), Some(session))),
                None => session.end.and_then(Result::err).map(|status| (Err(status), None)),
            }
        })
    }

    async fn next(&mut self) -> Option<T> {
        loop {
            tokio::select! {
                biased;
                Some(verdict) = self.held.next() => return Some(verdict),
                ticket = self.tickets.next(), if self.end.is_none() && self.held.len() < self.at_once => match ticket {
                    Some(Ok(ticket)) => self.held.push(ticket),
                    Some(Err(status)) => self.end = Some(Err(status)),
                    None => self.end = Some(Ok(())),
                },
                else => return None,
            }
        }
    }
}

/// What a stream asked for.
#[derive(Clone, Copy)]
pub(crate) struct Wants {
    detector: Option<DetectorKind>,
    job: Job,
    boxes: bool,
    priority: i32,
    max_age: Option<Duration>,
}

impl Wants {
    /// `max_pixels` are those of the greatest picture that is taken.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`: it is not offered here.
    pub(crate) fn of(open: &AnalyzeOpen, max_pixels: u64) -> Result<Wants, Status> {
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
        Ok(Wants { detector, job, boxes, priority: open.priority, max_age: open.max_age })
    }

    fn outcome(self, verdict: Verdict) -> Outcome {
        match verdict {
            Verdict::Done { report: Report { source, faces, picture, stages }, queued } => Outcome::Ok(FrameOk {
                faces: if self.boxes { faces.into_iter().map(face_box).collect() } else { Vec::new() },
                picture: picture.map(Bytes::from),
                source_width: source.width,
                source_height: source.height,
                stages: {
                    let Stages { decode, resize, detect, draw, encode } = stages;
                    StageTimes { queue: queued, decode, resize, detect, draw, encode }
                },
            }),
            Verdict::Dropped(reason) => Outcome::Dropped(reason.to_owned()),
            Verdict::Failed(failure) => Outcome::Failed {
                code: failure.code().to_owned(),
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
