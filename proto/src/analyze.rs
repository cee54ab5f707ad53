//! The messages of the native call `Analyze`, in which a client sends frames and a worker sends results back.

mod convert;

use std::time::Duration;

use prost::bytes::Bytes;

use crate::{DropReason, FailureCode};

/// The largest size at which a stream may have faces detected, in pixels of the long side. A network needs some 30 bytes of memory
/// for each pixel of its input.
pub const MAX_DETECT_SIZE: u32 = 3840;

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
    /// Only the boxes of faces.
    #[default]
    Boxes,
    /// Only an annotated picture.
    Picture,
    /// Boxes and an annotated picture.
    BoxesAndPicture,
}

/// The options of a stream, which its first message carries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnalyzeOpen {
    /// What to do with each frame.
    pub task: Task,
    /// What to send back for each frame.
    pub output: Output,
    /// The name of the detector. None: the worker's own.
    pub detector: Option<String>,
    /// The lowest score that counts as a face. None: the detector's default.
    pub min_score: Option<f32>,
    /// The side of the smallest face to find, in pixels of the frame as it was sent. None: what the detector finds without enlarging the
    /// picture.
    pub min_face: Option<f32>,
    /// The long side of the picture in which faces are detected, in pixels, at most [`MAX_DETECT_SIZE`]. None: the worker's default.
    pub detect_size: Option<u32>,
    /// Whether faces come with their landmarks, where the detector finds them.
    pub landmarks: bool,
    /// The client's name for the stream.
    pub stream_id: String,
    /// The age above which a frame is dropped when its turn comes. None: no frame is too old.
    pub max_age: Option<Duration>,
    /// The number of the stream, as in [`crate::RouteQuery`]. The worker names it to its master for as long as the stream is open.
    pub lease_id: Option<u64>,
    /// The priority of the stream. Among streams that have frames waiting, higher priorities are served first. Most have 0.
    pub priority: i32,
}

/// One frame of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnalyzeFrame {
    /// The client's number for the frame.
    pub seq: u64,
    /// The number of the attempt, which tells a second sending of the frame from the first.
    pub attempt: u32,
    /// How old the frame was when it was sent.
    pub age: Duration,
    /// A JPEG file, which is not checked yet.
    pub jpeg: Bytes,
}

/// A message of the client.
#[derive(Clone, Debug, PartialEq)]
pub enum AnalyzeRequest {
    /// The first message, and only that.
    Open(AnalyzeOpen),
    /// Every further message.
    Frame(AnalyzeFrame),
}

/// A message of the worker.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The first message, and only that.
    Opened(Opened),
    /// The result of a frame. Each frame gets one, in any order.
    Result(FrameResult),
}

/// The worker that answers a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The worker's name.
    pub worker: String,
    /// The generation of the worker, as in [`crate::Identity`].
    pub generation: u64,
    /// The number of detector threads, 1 to 1024.
    pub cores: u32,
}

/// What became of one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameResult {
    /// The frame's number, as in [`AnalyzeFrame`].
    pub seq: u64,
    /// The number of the attempt, as in [`AnalyzeFrame`].
    pub attempt: u32,
    /// What became of the frame.
    pub outcome: Outcome,
    /// Frames that the worker held when it answered.
    pub in_flight: u32,
    /// Milliseconds that one detector thread spends on a frame, as in [`crate::Load`].
    pub frame_ms: Option<f32>,
    /// The number of streams that share the worker with this one: those of its priority and above that have frames there, this one
    /// included. 0 from a worker that does not tell.
    pub streams: u32,
}

/// The three ways a frame can end.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The frame was analyzed.
    Ok(FrameOk),
    /// The frame was left out on purpose, for this reason.
    Dropped(DropReason),
    /// The frame could not be analyzed.
    Failed {
        /// The reason, for programs.
        code: FailureCode,
        /// The reason on one line, for people.
        message: String,
        /// Whether the worker is at fault and not the frame, so that another worker may do better.
        elsewhere: bool,
    },
}

/// What was found in a frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrameOk {
    /// The faces, in pixels of the frame as it was sent.
    pub faces: Vec<FaceBox>,
    /// An annotated JPEG, if one was asked for.
    pub picture: Option<Bytes>,
    /// The width of the frame as it was sent, in pixels.
    pub source_width: u32,
    /// The height of the frame as it was sent, in pixels.
    pub source_height: u32,
    /// The time that each stage took.
    pub stages: StageTimes,
}

/// The box of a face in pixels. Its top left corner is at x and y, and may lie outside the frame.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "said above")]
pub struct FaceBox {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
    /// How sure the detector is, in its own scale.
    pub score: f32,
    /// The right eye, the left eye, the tip of the nose, and the right and left corner of the mouth. Right and left are the person's
    /// own.
    pub landmarks: Option<[Point; 5]>,
}

/// A point in the frame as it was sent, in pixels from the top left corner. It may lie outside the frame.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "said above")]
pub struct Point {
    pub x: f32,
    pub y: f32,
}

/// The time that a frame took in each stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct StageTimes {
    /// The time from the frame's arrival until a detector thread took it.
    pub queue: Duration,
    pub decode: Duration,
    pub resize: Duration,
    pub detect: Duration,
    pub draw: Duration,
    pub encode: Duration,
}
