//! The frames to measure with.

use std::fs;
use std::path::Path;

use facefleet_e2e::tool;
use facefleet_vision::{Limits, Size, jpeg};
use image::RgbImage;
use image::imageops::{self, FilterType};

use crate::Error;

/// The first frames of a video, or all, at its own size and encoded as the client has them encoded; at least two.
pub(crate) fn of(video: &Path, most: Option<u32>) -> Result<Vec<Vec<u8>>, Error> {
    let folder = tempfile::tempdir().map_err(Error::file("the temporary folder".as_ref()))?;
    let (name, pattern) = (video.to_string_lossy(), folder.path().join("%d.jpg"));
    let (most, pattern) = (most.map(|most| most.to_string()), pattern.to_string_lossy());
    let mut args = vec!["-i", &name, "-map", "0:V:0", "-q:v", "3"];
    args.extend(most.iter().flat_map(|most| ["-frames:v", most]));
    args.push(&pattern);
    tool("ffmpeg", &args)?;
    let mut frames = Vec::new();
    for number in 1.. {
        let path = folder.path().join(format!("{number}.jpg"));
        if !path.exists() {
            break;
        }
        frames.push(fs::read(&path).map_err(Error::file(&path))?);
    }
    match frames.len() {
        count @ 0..2 => Err(Error::TooShort { path: video.to_owned(), count }),
        _ => Ok(frames),
    }
}

/// The size that a JPEG says it has.
pub(crate) fn size(jpeg: &[u8]) -> Result<Size, Error> {
    Ok(jpeg::header(jpeg)?.size)
}

/// A JPEG, stretched to another size.
pub(crate) fn rgb(jpeg: &[u8], Size { width, height }: Size) -> Result<RgbImage, Error> {
    let picture = jpeg::decode_rgb(jpeg, &Limits::default())?;
    Ok(imageops::resize(&picture, width, height, FilterType::Triangle))
}
