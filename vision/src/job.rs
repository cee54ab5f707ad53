//! What is asked for a frame, and what is answered.

use std::time::Duration;

use crate::geometry::{Face, Fit, Size};

/// What a frame may cost at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels of a picture, sent or asked for. Decoding takes up to about 4 bytes of memory a pixel, or 16 when a
    /// picture of four components is coded in several scans. Detection takes its own on top, for each pixel of the
    /// size that it works at: about 6 bytes with SeetaFace at the picture's own size, and 28 with YuNet.
    pub max_pixels: u64,
}

impl Default for Limits {
    /// 40 million pixels: an 8K frame (7680x4320) is let through.
    fn default() -> Self {
        Limits { max_pixels: 40_000_000 }
    }
}

/// What is done with a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Task {
    /// Decoded, to see that it can be, and forgotten. There is nothing to draw on, so no picture comes back.
    View,
    /// Faces are found, and drawn if a picture is wanted.
    #[default]
    Faces,
    /// Edges are found, for the picture.
    Canny,
}

/// One stream's wishes, the same for each of its frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Job {
    /// What to do.
    pub task: Task,
    /// The size to do it at.
    pub fit: Fit,
    /// Whether a JPEG of what was seen, with what was found, comes back.
    pub picture: bool,
    /// Faces that score less are left out; `None` for the detector's own choice.
    pub min_score: Option<f32>,
    /// Smallest side of a face that is looked for, in pixels of the frame as it was sent; `None` for what the detector
    /// finds without enlarging the picture. Smaller faces take longer to look for.
    pub min_face: Option<f32>,
    /// Whether faces come with their landmarks, and a picture with them drawn, where the detector finds them.
    pub landmarks: bool,
}

/// Where the time of a frame went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// JPEG bytes to pixels.
    pub decode: Duration,
    /// Pixels to the size, and the brightness, that the detector sees.
    pub resize: Duration,
    /// Finding faces or edges.
    pub detect: Duration,
    /// Drawing boxes.
    pub draw: Duration,
    /// Pixels to JPEG bytes.
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
    /// What it cost.
    pub stages: Stages,
}

impl Default for Report {
    /// A report of nothing, for an analyzer to fill.
    fn default() -> Self {
        let source = Size { width: 0, height: 0 };
        Report { source, faces: Vec::new(), picture: None, stages: Stages::default() }
    }
}
