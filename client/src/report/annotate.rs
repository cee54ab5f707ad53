//! Boxes drawn on the frames, at the size of the source.

use std::path::{Path, PathBuf};

use facefleet_proto::FaceBox;
use facefleet_vision::draw::{self, Style};
use facefleet_vision::{Face, FrameError, Limits, Size, jpeg};
use image::RgbImage;
use image::imageops::{self, FilterType};

use crate::frame::{End, Finished, Found};
use crate::report::pictures::Pictures;
use crate::report::video::Video;
use crate::report::{Outputs, ReportError, check};
use crate::source::Media;

/// Writes annotated frames: a video for a video, pictures for pictures.
pub(super) enum Annotator {
    Video(Box<Video>),
    Pictures(Pictures),
}

impl Annotator {
    /// `out` is a video file for a video, a picture file for a picture, a folder for a folder.
    pub(super) fn open(out: &Path, outputs: &Outputs) -> Result<Annotator, ReportError> {
        check(out, &outputs.media)?;
        match &outputs.media {
            Media::Video(video) => Ok(Annotator::Video(Box::new(Video::new(out, video)))),
            Media::Pictures(pictures) => Pictures::new(out, pictures).map(Annotator::Pictures),
        }
    }

    pub(super) fn write(&mut self, finished: &Finished) -> Result<(), ReportError> {
        match self {
            Annotator::Video(video) => video.write(finished),
            Annotator::Pictures(pictures) => pictures.write(finished),
        }
    }

    /// Returns the name of what was written, if anything was.
    pub(super) fn finish(self) -> Result<Option<PathBuf>, ReportError> {
        match self {
            Annotator::Video(video) => video.finish(),
            Annotator::Pictures(pictures) => Ok(pictures.finish()),
        }
    }
}

/// The frame with its boxes; None where it cannot be decoded. An old worker has drawn its boxes itself, on a picture
/// of 500×400: that is stretched back.
pub(super) fn annotated(finished: &Finished) -> Option<RgbImage> {
    let decode = |jpeg: &[u8]| -> Result<RgbImage, FrameError> { jpeg::decode_rgb(jpeg, &Limits::default()) };
    let mut picture = decode(finished.frame.jpeg.as_ref().ok()?).ok()?;
    match &finished.end {
        End::Ok(Found { faces: Some(faces), .. }) => {
            let (width, height) = picture.dimensions();
            let faces: Vec<Face> = faces.iter().map(face).collect();
            draw::faces(&mut picture, &faces, Style::video(Size { width, height }));
        }
        End::Ok(Found { faces: None, picture: Some(drawn), .. }) => {
            if let Ok(drawn) = decode(drawn) {
                picture = imageops::resize(&drawn, picture.width(), picture.height(), FilterType::Triangle);
            }
        }
        End::Ok(_) | End::Dropped(_) | End::Failed { .. } => {}
    }
    Some(picture)
}

fn face(&FaceBox { x, y, width, height, score }: &FaceBox) -> Face {
    Face { x, y, width, height, score }
}
