//! The native call: frames out, results back.

use std::time::Duration;

use prost::bytes::Bytes;

use crate::invalid::{label, measured};
use crate::route::MAX_STREAM_ID_BYTES;
use crate::{Invalid, wire};

/// What to do with the frames of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Task {
    /// Find faces.
    #[default]
    Faces,
    /// Find edges.
    Canny,
}

/// What to send back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// Boxes alone.
    #[default]
    Boxes,
    /// An annotated picture alone.
    Picture,
    /// Both.
    BoxesAndPicture,
}

/// How a stream starts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnalyzeOpen {
    /// What to do.
    pub task: Task,
    /// What to send back.
    pub output: Output,
    /// Which detector; None: the worker's own.
    pub detector: Option<String>,
    /// Lowest score that counts; None: the detector's default.
    pub min_score: Option<f32>,
    /// The client's name for the stream.
    pub stream_id: String,
    /// A frame older than this is dropped when its turn comes.
    pub max_age: Option<Duration>,
    /// From [`crate::Route`].
    pub lease_id: Option<u64>,
}

/// One frame of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnalyzeFrame {
    /// The client's number for it.
    pub seq: u64,
    /// Tells a second sending from the first.
    pub attempt: u32,
    /// How old it was when it was sent.
    pub age: Duration,
    /// A JPEG file, not looked at yet.
    pub jpeg: Bytes,
}

/// A message of the client.
#[derive(Clone, Debug, PartialEq)]
pub enum AnalyzeRequest {
    /// First, once.
    Open(AnalyzeOpen),
    /// Every further one.
    Frame(AnalyzeFrame),
}

/// A message of the worker.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// First, once.
    Opened(Opened),
    /// One for each frame, in any order.
    Result(FrameResult),
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The worker's name.
    pub worker: String,
    /// Its life, as in [`crate::Identity`].
    pub generation: u64,
    /// Detector threads, at least 1.
    pub cores: u32,
}

/// What became of one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameResult {
    /// As in [`AnalyzeFrame`].
    pub seq: u64,
    /// As in [`AnalyzeFrame`].
    pub attempt: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// Frames the worker held as it answered.
    pub in_flight: u32,
    /// As in [`crate::Load`].
    pub frame_ms: Option<f32>,
}

/// The three ways a frame can end.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was worked on.
    Ok(FrameOk),
    /// It was not, on purpose; the snake_case reason.
    Dropped(String),
    /// It could not be.
    Failed {
        /// For programs, snake_case.
        code: String,
        /// For people.
        message: String,
    },
}

/// What was found in a frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrameOk {
    /// Faces, in pixels of the frame as it was sent.
    pub faces: Vec<FaceBox>,
    /// An annotated JPEG, where one was asked for.
    pub picture: Option<Bytes>,
    /// Size of the frame as it was sent, in pixels.
    pub source_width: u32,
    /// See `source_width`.
    pub source_height: u32,
    /// What it took.
    pub stages: StageTimes,
}

/// A face: x and y are its top left corner and may lie outside the frame.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "said above")]
pub struct FaceBox {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
    /// In the detector's own scale.
    pub score: f32,
}

/// Time by stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct StageTimes {
    /// From the frame's arrival until a detector thread took it.
    pub queue: Duration,
    pub decode: Duration,
    pub resize: Duration,
    pub detect: Duration,
    pub draw: Duration,
    pub encode: Duration,
}

impl TryFrom<wire::AnalyzeRequest> for AnalyzeRequest {
    type Error = Invalid;

    fn try_from(message: wire::AnalyzeRequest) -> Result<AnalyzeRequest, Invalid> {
        match message.message {
            Some(wire::analyze_request::Message::Open(open)) => open.try_into().map(AnalyzeRequest::Open),
            Some(wire::analyze_request::Message::Frame(frame)) => {
                let wire::AnalyzeFrame { seq, attempt, age_us, jpeg } = frame;
                Ok(AnalyzeRequest::Frame(AnalyzeFrame { seq, attempt, age: Duration::from_micros(age_us), jpeg }))
            }
            None => Err(Invalid::new("AnalyzeRequest", "is empty: it holds neither `open` nor `frame`")),
        }
    }
}

impl TryFrom<wire::AnalyzeOpen> for AnalyzeOpen {
    type Error = Invalid;

    fn try_from(message: wire::AnalyzeOpen) -> Result<AnalyzeOpen, Invalid> {
        let wire::AnalyzeOpen { task, output, detector, min_score, stream_id, max_age_ms, lease_id } = message;
        let detector = label("AnalyzeOpen.detector", detector, MAX_STREAM_ID_BYTES)?;
        Ok(AnalyzeOpen {
            task: match wire::Task::try_from(task) {
                Ok(wire::Task::Unspecified | wire::Task::Faces) => Task::Faces,
                Ok(wire::Task::Canny) => Task::Canny,
                Err(_) => return Err(Invalid::new("AnalyzeOpen.task", format!("{task} is no task this worker knows"))),
            },
            output: match wire::Output::try_from(output) {
                Ok(wire::Output::Unspecified | wire::Output::Boxes) => Output::Boxes,
                Ok(wire::Output::Picture) => Output::Picture,
                Ok(wire::Output::BoxesAndPicture) => Output::BoxesAndPicture,
                Err(_) => {
                    return Err(Invalid::new("AnalyzeOpen.output", format!("{output} is no output this worker knows")));
                }
            },
            detector: (!detector.is_empty()).then_some(detector),
            min_score: measured("AnalyzeOpen.min_score", min_score)?,
            stream_id: label("AnalyzeOpen.stream_id", stream_id, MAX_STREAM_ID_BYTES)?,
            max_age: (max_age_ms > 0).then(|| Duration::from_millis(max_age_ms.into())),
            lease_id: (lease_id != 0).then_some(lease_id),
        })
    }
}

impl From<AnalyzeRequest> for wire::AnalyzeRequest {
    fn from(request: AnalyzeRequest) -> wire::AnalyzeRequest {
        use wire::analyze_request::Message;
        let message = match request {
            AnalyzeRequest::Open(AnalyzeOpen { task, output, detector, min_score, stream_id, max_age, lease_id }) => {
                let task = match task {
                    Task::Faces => wire::Task::Faces,
                    Task::Canny => wire::Task::Canny,
                };
                let output = match output {
                    Output::Boxes => wire::Output::Boxes,
                    Output::Picture => wire::Output::Picture,
                    Output::BoxesAndPicture => wire::Output::BoxesAndPicture,
                };
                Message::Open(wire::AnalyzeOpen {
                    task: task.into(),
                    output: output.into(),
                    detector: detector.unwrap_or_default(),
                    min_score: min_score.unwrap_or(0.0),
                    stream_id,
                    max_age_ms: max_age.map_or(0, |a| u32::try_from(a.as_millis()).unwrap_or(u32::MAX)),
                    lease_id: lease_id.unwrap_or(0),
                })
            }
            AnalyzeRequest::Frame(AnalyzeFrame { seq, attempt, age, jpeg }) => {
                let age_us = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
                Message::Frame(wire::AnalyzeFrame { seq, attempt, age_us, jpeg })
            }
        };
        wire::AnalyzeRequest { message: Some(message) }
    }
}

impl From<Reply> for wire::AnalyzeReply {
    fn from(reply: Reply) -> wire::AnalyzeReply {
        use wire::analyze_reply::Message;
        let message = match reply {
            Reply::Opened(Opened { worker, generation, cores }) => {
                Message::Opened(wire::AnalyzeOpened { worker, generation, cores })
            }
            Reply::Result(FrameResult { seq, attempt, outcome, in_flight, frame_ms }) => {
                Message::Result(wire::AnalyzeResult {
                    seq,
                    attempt,
                    outcome: Some(outcome.into()),
                    in_flight,
                    frame_ms: frame_ms.unwrap_or(0.0),
                })
            }
        };
        wire::AnalyzeReply { message: Some(message) }
    }
}

impl From<Outcome> for wire::analyze_result::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Ok(FrameOk { faces, picture, source_width, source_height, stages }) => Self::Ok(wire::FrameOk {
                faces: faces.into_iter().map(wire::FaceBox::from).collect(),
                picture: picture.unwrap_or_default(),
                source_width,
                source_height,
                stages: Some(stages.into()),
            }),
            Outcome::Dropped(reason) => Self::Dropped(reason),
            Outcome::Failed { code, message } => Self::Failed(wire::FrameFailed { code, message }),
        }
    }
}

impl TryFrom<wire::AnalyzeReply> for Reply {
    type Error = Invalid;

    fn try_from(message: wire::AnalyzeReply) -> Result<Reply, Invalid> {
        match message.message {
            Some(wire::analyze_reply::Message::Opened(opened)) => {
                let wire::AnalyzeOpened { worker, generation, cores } = opened;
                let worker = label("AnalyzeOpened.worker", worker, MAX_STREAM_ID_BYTES)?;
                Ok(Reply::Opened(Opened { worker, generation, cores: cores.max(1) }))
            }
            Some(wire::analyze_reply::Message::Result(result)) => {
                let wire::AnalyzeResult { seq, attempt, outcome, in_flight, frame_ms } = result;
                let outcome = outcome.ok_or_else(|| Invalid::new("AnalyzeResult.outcome", "is missing"))?;
                let frame_ms = measured("AnalyzeResult.frame_ms", frame_ms)?;
                Ok(Reply::Result(FrameResult { seq, attempt, outcome: outcome.try_into()?, in_flight, frame_ms }))
            }
            None => Err(Invalid::new("AnalyzeReply", "is empty: it holds neither `opened` nor `result`")),
        }
    }
}

impl TryFrom<wire::analyze_result::Outcome> for Outcome {
    type Error = Invalid;

    fn try_from(outcome: wire::analyze_result::Outcome) -> Result<Outcome, Invalid> {
        use wire::analyze_result::Outcome as Wire;
        Ok(match outcome {
            Wire::Ok(wire::FrameOk { faces, picture, source_width, source_height, stages }) => Outcome::Ok(FrameOk {
                faces: faces.into_iter().map(FaceBox::try_from).collect::<Result<_, _>>()?,
                picture: (!picture.is_empty()).then_some(picture),
                source_width,
                source_height,
                stages: stages.unwrap_or_default().into(),
            }),
            Wire::Dropped(reason) => Outcome::Dropped(label("AnalyzeResult.dropped", reason, MAX_STREAM_ID_BYTES)?),
            Wire::Failed(wire::FrameFailed { code, message }) => {
                Outcome::Failed { code: label("FrameFailed.code", code, MAX_STREAM_ID_BYTES)?, message }
            }
        })
    }
}

impl From<FaceBox> for wire::FaceBox {
    fn from(face: FaceBox) -> wire::FaceBox {
        let FaceBox { x, y, width, height, score } = face;
        wire::FaceBox { x, y, width, height, score }
    }
}

impl TryFrom<wire::FaceBox> for FaceBox {
    type Error = Invalid;

    fn try_from(message: wire::FaceBox) -> Result<FaceBox, Invalid> {
        let wire::FaceBox { x, y, width, height, score } = message;
        let finite = [x, y, width, height, score].iter().all(|v| v.is_finite());
        if !finite || width <= 0.0 || height <= 0.0 {
            let problem = format!("[{x}, {y}, {width}, {height}] with score {score} is no box");
            return Err(Invalid::new("FaceBox", problem));
        }
        Ok(FaceBox { x, y, width, height, score })
    }
}

impl From<StageTimes> for wire::StageTimes {
    fn from(stages: StageTimes) -> wire::StageTimes {
        let StageTimes { queue, decode, resize, detect, draw, encode } = stages;
        let us = |d: Duration| u32::try_from(d.as_micros()).unwrap_or(u32::MAX);
        wire::StageTimes {
            queue_us: us(queue),
            decode_us: us(decode),
            resize_us: us(resize),
            detect_us: us(detect),
            draw_us: us(draw),
            encode_us: us(encode),
        }
    }
}

impl From<wire::StageTimes> for StageTimes {
    fn from(message: wire::StageTimes) -> StageTimes {
        let wire::StageTimes { queue_us, decode_us, resize_us, detect_us, draw_us, encode_us } = message;
        let time = |us: u32| Duration::from_micros(us.into());
        StageTimes {
            queue: time(queue_us),
            decode: time(decode_us),
            resize: time(resize_us),
            detect: time(detect_us),
            draw: time(draw_us),
            encode: time(encode_us),
        }
    }
}
