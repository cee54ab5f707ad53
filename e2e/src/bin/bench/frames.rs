//! The frames to measure with.

use std::fs;
use std::path::Path;

use facefleet_e2e::tool;
use facefleet_vision::{Fit, Limits, Size, jpeg};
use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage};

use crate::Error;

/// A frame as the worker gets it, and as its detector sees it.
pub(crate) struct Frame {
    pub(crate) jpeg: Vec<u8>,
    /// Of the JPEG.
    pub(crate) size: Size,
    /// Brightness, at the size that the worker brings a frame to.
    pub(crate) luma: GrayImage,
}

/// The first `most` frames of a video, encoded as the client has them encoded.
pub(crate) fn of(video: &Path, most: u32) -> Result<Vec<Frame>, Error> {
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    };
    let folder = tempfile::tempdir().map_err(file("the temporary folder".as_ref()))?;
    let (name, pattern) = (video.to_string_lossy(), folder.path().join("%d.jpg"));
    let (most, pattern) = (most.to_string(), pattern.to_string_lossy());
    tool("ffmpeg", &["-i", &name, "-map", "0:V:0", "-frames:v", &most, "-q:v", "3", &pattern])?;
    let mut frames = Vec::new();
    for number in 1.. {
        let path = folder.path().join(format!("{number}.jpg"));
        if !path.exists() {
            break;
        }
        let jpeg = fs::read(&path).map_err(file(&path))?;
        frames.push(Frame::new(jpeg)?);
    }
    match frames.len() {
        count @ 0..2 => Err(Error::TooShort { path: video.to_owned(), count }),
        _ => Ok(frames),
    }
}

impl Frame {
    fn new(jpeg: Vec<u8>) -> Result<Frame, Error> {
        let picture = jpeg::decode_rgb(&jpeg, &Limits::default())?;
        let size = Size { width: picture.width(), height: picture.height() };
        let Size { width, height } = Fit::default().target(size);
        let luma = imageops::resize(&DynamicImage::from(picture).into_luma8(), width, height, FilterType::Triangle);
        Ok(Frame { jpeg, size, luma })
    }
}
