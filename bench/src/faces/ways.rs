//! The ways in which a frame can be sent.

use std::fmt;
use std::path::Path;

use facefleet_vision::Fit;

use crate::Error;
use crate::jpegs;

/// Filters that make a frame smaller, in ffmpeg's names.
const FILTERS: [&str; 4] = ["bicubic", "bilinear", "area", "lanczos"];
/// JPEG qualities in ffmpeg's scale, in which 2 is the best that it makes by default.
const QUALITIES: [&str; 4] = ["2", "3", "5", "7"];

/// One way to make JPEGs of frames.
#[derive(Clone, Copy)]
pub(super) struct Way {
    /// The filter that makes a frame as small as it is searched; None for frames as large as they are.
    filter: Option<&'static str>,
    quality: &'static str,
}

impl Way {
    /// The way that all others are compared with: frames as large as they are, and nearly without loss.
    pub(super) const REFERENCE: Way = Way { filter: None, quality: "1" };

    /// All ways, the first of which is how frames were sent before they were made smaller.
    pub(super) fn all() -> impl Iterator<Item = Way> {
        let small =
            FILTERS.into_iter().flat_map(|filter| QUALITIES.map(|quality| Way { filter: Some(filter), quality }));
        [Way { filter: None, quality: "3" }].into_iter().chain(small)
    }

    /// Makes a JPEG of every `step`th frame of a clip, with the colours that the client gives them.
    pub(super) fn make(self, clip: &Path, step: u32) -> Result<Vec<Vec<u8>>, Error> {
        let Fit::Within(side) = Fit::default() else { unreachable!("the default keeps the shape") };
        let factor = format!("min(1,{side}/max(iw,ih))");
        let size = self.filter.map(|filter| format!("w='round(iw*{factor})':h='round(ih*{factor})':flags={filter}:"));
        let size = size.unwrap_or_default();
        let chain = format!("framestep={step},scale={size}out_color_matrix=bt601:out_range=pc,format=yuvj420p");
        let clip = clip.to_string_lossy();
        let quality = ["-q:v", self.quality, "-qmin", "1"];
        // Each frame once, at whatever times they are.
        let output = ["-fps_mode", "passthrough", "-f", "mpjpeg", "-"];
        jpegs::make(&[&["-i", &clip, "-map", "0:V:0", "-vf", &chain], &quality[..], &output].concat())
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, q {}", self.filter.unwrap_or("full size"), self.quality)
    }
}
