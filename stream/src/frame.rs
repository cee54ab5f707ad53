//! A frame on its way: as it comes from its source, and as it is when its end is known.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use facefleet_proto::{DropReason, FaceBox, FailureCode, FrameOk, Outcome, StageTimes};

use crate::ledger::Entry;

/// One frame of a source.
#[derive(Clone, Debug)]
pub struct SourceFrame {
    /// Number of the frame in its stream, from 0.
    pub index: u64,
    /// Time since the start of the video; None for pictures.
    pub time: Option<Duration>,
    /// When the frame came from a camera, in microseconds since 1970; None for files.
    pub arrived: Option<u64>,
    /// The picture's file; None for video.
    pub image: Option<PathBuf>,
    /// Width and height of the frame in its source, in pixels; None if the source is sent unchanged.
    pub size: Option<(u32, u32)>,
    /// How much larger the frame is in its source than in `jpeg`.
    pub scale: Scale,
    /// A JPEG file, or why there is none.
    pub jpeg: Result<Bytes, Unreadable>,
}

impl SourceFrame {
    /// A frame that is sent as it is, without a time and a file.
    pub fn new(index: u64, jpeg: Result<Bytes, Unreadable>) -> SourceFrame {
        SourceFrame { index, time: None, arrived: None, image: None, size: None, scale: Scale::ONE, jpeg }
    }
}

/// The number of pixels of the source for one pixel of the JPEG that is sent. The two directions differ where the pixels of the
/// source are not square, because faces are only found in their true shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// The factor for places and widths.
    pub across: f32,
    /// The factor for heights.
    pub down: f32,
}

impl Scale {
    /// The scale of a frame that is sent as large as it is.
    pub const ONE: Scale = Scale { across: 1.0, down: 1.0 };

    /// Returns the scale of a frame of size `source` that is sent with size `sent`, both as width and height in pixels.
    pub fn between(source: (u32, u32), sent: (u32, u32)) -> Scale {
        let ratio = |source: u32, sent: u32| source as f32 / sent.max(1) as f32;
        Scale { across: ratio(source.0, sent.0), down: ratio(source.1, sent.1) }
    }

    /// Converts a face from pixels of the JPEG to pixels of the source.
    fn enlarge(self, face: &mut FaceBox) {
        face.x *= self.across;
        face.width *= self.across;
        face.y *= self.down;
        face.height *= self.down;
        for point in face.landmarks.iter_mut().flatten() {
            point.x *= self.across;
            point.y *= self.down;
        }
    }
}

/// Why a picture cannot be sent.
#[derive(Clone, Debug)]
pub struct Unreadable(pub String);

impl From<std::io::Error> for Unreadable {
    fn from(error: std::io::Error) -> Unreadable {
        Unreadable(error.to_string())
    }
}

/// A frame whose end is known.
#[derive(Debug)]
pub struct Finished {
    /// The frame as it came from its source.
    pub frame: SourceFrame,
    /// The worker that answered; None where none did.
    pub worker: Option<Arc<str>>,
    /// What became of it.
    pub end: End,
}

impl Finished {
    /// Gives a frame its end, as a worker reported it for the JPEG that it was sent. Faces are converted to pixels of the source.
    pub fn new(frame: SourceFrame, worker: Option<Arc<str>>, mut end: End) -> Finished {
        if let End::Ok(Found { faces: Some(faces), .. }) = &mut end {
            faces.iter_mut().for_each(|face| frame.scale.enlarge(face));
        }
        Finished { frame, worker, end }
    }
}

/// What became of a frame.
#[derive(Debug)]
pub enum End {
    /// The frame was worked on.
    Ok(Found),
    /// The frame was left out on purpose.
    Dropped(DropReason),
    /// The frame could not be worked on.
    Failed {
        /// For programs.
        code: FailureCode,
        /// For people.
        message: String,
    },
}

/// What was found in a frame.
#[derive(Debug)]
pub struct Found {
    /// The faces, in pixels of the source once the frame is [`Finished`]; None from an old worker, which sends only a picture.
    pub faces: Option<Vec<FaceBox>>,
    /// An annotated JPEG, from an old worker.
    pub picture: Option<Bytes>,
    /// Time that each stage took at the worker; None from an old worker.
    pub stages: Option<StageTimes>,
}

impl End {
    /// What the ledger counts for this outcome.
    pub fn entry(&self) -> Entry<'_> {
        match self {
            End::Ok(found) => Entry::Ok(found.faces.as_ref().map_or(0, Vec::len)),
            End::Dropped(reason) => Entry::Dropped(reason),
            End::Failed { code, message: _ } => Entry::Failed(code),
        }
    }
}

impl From<Outcome> for End {
    fn from(outcome: Outcome) -> End {
        match outcome {
            // Only boxes were asked for; a picture that comes all the same is not kept.
            Outcome::Ok(FrameOk { faces, picture: _, source_width: _, source_height: _, stages }) => {
                End::Ok(Found { faces: Some(faces), picture: None, stages: Some(stages) })
            }
            Outcome::Dropped(reason) => End::Dropped(reason),
            Outcome::Failed { code, message, elsewhere: _ } => End::Failed { code, message },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_proto::Point;

    #[test]
    fn faces_are_in_pixels_of_the_source() {
        // 720x576 with pixels of 64:45 is 1024x576 when shown, and sent as 512x288.
        let scale = Scale::between((720, 576), (512, 288));
        let jpeg = Ok(Bytes::new());
        let frame = SourceFrame { size: Some((720, 576)), scale, ..SourceFrame::new(0, jpeg) };
        let landmarks = Some([Point { x: 256.0, y: 144.0 }; 5]);
        let face = FaceBox { x: 512.0, y: 288.0, width: 128.0, height: 144.0, score: 0.5, landmarks };
        let end = End::Ok(Found { faces: Some(vec![face]), picture: None, stages: None });
        let Finished { end: End::Ok(Found { faces: Some(faces), .. }), .. } = Finished::new(frame, None, end) else {
            panic!("the end is kept");
        };
        let landmarks = Some([Point { x: 360.0, y: 288.0 }; 5]);
        assert_eq!(faces, [FaceBox { x: 720.0, y: 576.0, width: 180.0, height: 288.0, score: 0.5, landmarks }]);
    }
}
