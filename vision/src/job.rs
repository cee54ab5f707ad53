//! The request and the answer for a frame.

use std::time::Duration;

use crate::geometry::{Face, Fit, Size};
use crate::tidiness::Tidiness;

/// The most that a frame may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels that a picture may have, whether it was sent or asked for. Decoding takes up to about 4 bytes of memory for
    /// each pixel, or 16 when a picture of four components is coded in several scans. Detection adds memory for each pixel at the
    /// size at which the detector works: about 6 bytes with SeetaFace at the picture's own size, and 28 with YuNet.
    pub max_pixels: u64,
}

impl Default for Limits {
    /// Returns a limit of 40 million pixels, which lets an 8K frame (7680x4320) through.
    fn default() -> Self {
        Limits { max_pixels: 40_000_000 }
    }
}

/// The work that is done on a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Task {
    /// The frame is decoded, to see that it can be, and forgotten. No picture comes back, as there is nothing to draw.
    View,
    /// Faces are found, and drawn if a picture is wanted.
    #[default]
    Faces,
    /// Edges are found and come back as a picture.
    Canny,
}

/// The wishes of one stream, which are the same for each of its frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Job {
    /// Work to do.
    pub task: Task,
    /// Size at which the work is done.
    pub fit: Fit,
    /// Whether a JPEG comes back of what the detector saw, with the faces or edges that were found.
    pub picture: bool,
    /// Lowest score of a face that is reported; `None` for the detector's own choice.
    pub min_score: Option<f32>,
    /// Smallest side of a face to look for, in pixels of the frame as it was sent; `None` for what the detector finds without
    /// enlarging the picture. A search for smaller faces takes longer.
    pub min_face: Option<f32>,
    /// Whether faces come with landmarks, and the picture shows them, if the detector finds landmarks.
    pub landmarks: bool,
}

/// The time that each stage of a frame took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// Time from JPEG bytes to pixels.
    pub decode: Duration,
    /// Time to bring the pixels to the size and the form that the detector takes.
    pub resize: Duration,
    /// Time to find faces or edges.
    pub detect: Duration,
    /// Time to draw boxes and landmarks.
    pub draw: Duration,
    /// Time from pixels to JPEG bytes.
    pub encode: Duration,
}

/// The answer for one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Size of the frame as it was sent.
    pub source: Size,
    /// Faces in source pixels, best first.
    pub faces: Vec<Face>,
    /// A JPEG at the size the detector saw, if the job wanted one.
    pub picture: Option<Vec<u8>>,
    /// How closely the frame keeps to the standard. An untidy frame was whole all the same.
    pub tidiness: Tidiness,
    /// Time that each stage took.
    pub stages: Stages,
}

impl Default for Report {
    /// Returns an empty report, for an analyzer to fill.
    fn default() -> Self {
        let source = Size { width: 0, height: 0 };
        Report { source, faces: Vec::new(), picture: None, tidiness: Tidiness::default(), stages: Stages::default() }
    }
}
