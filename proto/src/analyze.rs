//! The native call: frames out, results back.

mod convert;

use std::time::Duration;

use prost::bytes::Bytes;

/// Greatest size that a stream may have frames looked at, in pixels of the long side. A network needs some 30 bytes for
/// each pixel that it looks at.
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
    /// Smallest side of a face that is looked for, in pixels of the frame as it was sent; None: what the detector finds
    /// without enlarging the picture.
    pub min_face: Option<f32>,
    /// Long side of the picture that is looked at, in pixels, [`MAX_DETECT_SIZE`] at most; None: the worker's default.
    pub detect_size: Option<u32>,
    /// Whether faces come with their landmarks, where the detector finds them.
    pub landmarks: bool,
    /// The client's name for the stream.
    pub stream_id: String,
    /// A frame older than this is dropped when its turn comes.
    pub max_age: Option<Duration>,
    /// As in [`crate::RouteQuery`]: the worker names it to its master for as long as the stream is open.
    pub lease_id: Option<u64>,
    /// Of streams that have frames waiting, one of a higher priority goes first. 0: as most.
    pub priority: i32,
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
    /// Detector threads, 1 to 1024.
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
    /// Streams of this one's priority and above that have frames at the worker, this one included; 0 when it does not tell.
    pub streams: u32,
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
        /// For people; one line.
        message: String,
        /// The worker is at fault and not the frame: another one may do better.
        elsewhere: bool,
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
    /// Right eye, left eye, tip of the nose, right and left corner of the mouth, right and left being the person's own.
    pub landmarks: Option<[Point; 5]>,
}

/// A place in the frame as it was sent, in pixels from its top left corner; it may lie outside.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "said above")]
pub struct Point {
    pub x: f32,
    pub y: f32,
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
