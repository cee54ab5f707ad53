//! Annotated frames, written as what they came from.

use std::path::{Path, PathBuf};

use crate::report::pictures::Pictures;
use crate::report::video::Video;
use crate::report::{Outputs, ReportError, check};
use crate::source::Media;
use facefleet_stream::frame::Finished;

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
