//! Annotated frames, written in the form of their input.

use std::path::{Path, PathBuf};

use crate::report::destination::{Outputs, check};
use crate::report::error::ReportError;
use crate::report::pictures::Pictures;
use crate::report::video::Video;
use crate::source::Media;
use facefleet_stream::frame::Finished;

/// Writes annotated frames: to a video if the input is a video, to pictures if the input is pictures.
pub(super) enum Annotator {
    Video(Box<Video>),
    Pictures(Pictures),
}

impl Annotator {
    /// Opens the output. `out` is a video file for a video, a picture file for a picture, and a folder for a folder.
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

    /// Completes the output and returns its path, or None if nothing was written.
    pub(super) fn finish(self) -> Result<Option<PathBuf>, ReportError> {
        match self {
            Annotator::Video(video) => video.finish(),
            Annotator::Pictures(pictures) => Ok(pictures.finish()),
        }
    }
}
