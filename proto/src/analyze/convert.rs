//! Conversions between the messages of the native call and validated types.

use std::time::Duration;

use super::{AnalyzeFrame, AnalyzeOpen, AnalyzeRequest, FaceBox, FrameOk, FrameResult, Opened, Outcome, Output};
use super::{MAX_DETECT_SIZE, Point, Reply, StageTimes, Task};
use crate::invalid::{cores, label, measured, remark};
use crate::route::MAX_STREAM_ID_BYTES;
use crate::{Invalid, wire};

/// The longest message of a failure that is kept, in bytes. It is as much as a person reads.
const MAX_MESSAGE_BYTES: usize = 512;
/// The longest side of a JPEG in pixels (ITU-T T.81, B.2.2). Nothing that was found in one can be further away.
const MAX_SIDE: f32 = 65_535.0;

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
        let wire::AnalyzeOpen {
            task,
            output,
            detector,
            min_score,
            stream_id,
            max_age_ms,
            lease_id,
            min_face,
            detect_size,
            landmarks,
            priority,
        } = message;
        let detector = label("AnalyzeOpen.detector", detector, MAX_STREAM_ID_BYTES)?;
        if detect_size > MAX_DETECT_SIZE {
            let problem = format!("{detect_size} is above {MAX_DETECT_SIZE}");
            return Err(Invalid::new("AnalyzeOpen.detect_size", problem));
        }
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
            min_face: measured("AnalyzeOpen.min_face", min_face)?,
            detect_size: (detect_size > 0).then_some(detect_size),
            landmarks,
            stream_id: label("AnalyzeOpen.stream_id", stream_id, MAX_STREAM_ID_BYTES)?,
            max_age: (max_age_ms > 0).then(|| Duration::from_millis(max_age_ms.into())),
            lease_id: (lease_id != 0).then_some(lease_id),
            priority,
        })
    }
}

impl From<AnalyzeRequest> for wire::AnalyzeRequest {
    fn from(request: AnalyzeRequest) -> wire::AnalyzeRequest {
        use wire::analyze_request::Message;
        let message = match request {
            AnalyzeRequest::Open(AnalyzeOpen {
                task,
                output,
                detector,
                min_score,
                stream_id,
                max_age,
                lease_id,
                min_face,
                detect_size,
                landmarks,
                priority,
            }) => {
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
                    min_face: min_face.unwrap_or(0.0),
                    detect_size: detect_size.unwrap_or(0),
                    landmarks,
                    stream_id,
                    max_age_ms: max_age.map_or(0, |a| u32::try_from(a.as_millis()).unwrap_or(u32::MAX)),
                    lease_id: lease_id.unwrap_or(0),
                    priority,
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
            Reply::Result(FrameResult { seq, attempt, outcome, in_flight, frame_ms, streams }) => {
                Message::Result(wire::AnalyzeResult {
                    seq,
                    attempt,
                    outcome: Some(outcome.into()),
                    in_flight,
                    frame_ms: frame_ms.unwrap_or(0.0),
                    streams,
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
            Outcome::Dropped(reason) => Self::Dropped(reason.into()),
            Outcome::Failed { code, message, elsewhere } => {
                Self::Failed(wire::FrameFailed { code: code.into(), message, elsewhere })
            }
        }
    }
}

impl TryFrom<wire::AnalyzeReply> for Reply {
    type Error = Invalid;

    fn try_from(message: wire::AnalyzeReply) -> Result<Reply, Invalid> {
        match message.message {
            Some(wire::analyze_reply::Message::Opened(opened)) => {
                let wire::AnalyzeOpened { worker, generation, cores: threads } = opened;
                let worker = label("AnalyzeOpened.worker", worker, MAX_STREAM_ID_BYTES)?;
                Ok(Reply::Opened(Opened { worker, generation, cores: cores("AnalyzeOpened.cores", threads)? }))
            }
            Some(wire::analyze_reply::Message::Result(result)) => {
                let wire::AnalyzeResult { seq, attempt, outcome, in_flight, frame_ms, streams } = result;
                let outcome = outcome.ok_or_else(|| Invalid::new("AnalyzeResult.outcome", "is missing"))?;
                let frame_ms = measured("AnalyzeResult.frame_ms", frame_ms)?;
                let outcome = outcome.try_into()?;
                Ok(Reply::Result(FrameResult { seq, attempt, outcome, in_flight, frame_ms, streams }))
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
            Wire::Dropped(reason) => {
                Outcome::Dropped(label("AnalyzeResult.dropped", reason, MAX_STREAM_ID_BYTES)?.into())
            }
            Wire::Failed(wire::FrameFailed { code, message, elsewhere }) => Outcome::Failed {
                code: label("FrameFailed.code", code, MAX_STREAM_ID_BYTES)?.into(),
                message: remark(&message, MAX_MESSAGE_BYTES),
                elsewhere,
            },
        })
    }
}

impl From<FaceBox> for wire::FaceBox {
    fn from(face: FaceBox) -> wire::FaceBox {
        let FaceBox { x, y, width, height, score, landmarks } = face;
        let points = landmarks.iter().flatten().map(|&Point { x, y }| wire::Point { x, y });
        wire::FaceBox { x, y, width, height, score, landmarks: points.collect() }
    }
}

impl TryFrom<wire::FaceBox> for FaceBox {
    type Error = Invalid;

    fn try_from(message: wire::FaceBox) -> Result<FaceBox, Invalid> {
        let wire::FaceBox { x, y, width, height, score, landmarks } = message;
        let near = [x, y, width, height].iter().all(|v| v.abs() <= MAX_SIDE);
        if !near || !score.is_finite() || width <= 0.0 || height <= 0.0 {
            let problem = format!("[{x}, {y}, {width}, {height}] with score {score} is no box");
            return Err(Invalid::new("FaceBox", problem));
        }
        Ok(FaceBox { x, y, width, height, score, landmarks: points(&landmarks)? })
    }
}

fn points(landmarks: &[wire::Point]) -> Result<Option<[Point; 5]>, Invalid> {
    if landmarks.is_empty() {
        return Ok(None);
    }
    let invalid = |problem: String| Invalid::new("FaceBox.landmarks", problem);
    let five: &[wire::Point; 5] =
        landmarks.try_into().map_err(|_| invalid(format!("are {}; there are five or none", landmarks.len())))?;
    let near = |point: &wire::Point| point.x.abs() <= MAX_SIDE && point.y.abs() <= MAX_SIDE;
    match five.iter().find(|point| !near(point)) {
        Some(wire::Point { x, y }) => Err(invalid(format!("[{x}, {y}] is no place"))),
        None => Ok(Some(five.map(|wire::Point { x, y }| Point { x, y }))),
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
