//! Annotated frames, written in the form of their input.

use std::path::PathBuf;

use crate::report::Ending;
use crate::report::destination::{Annotate, Outputs, check};
use crate::report::error::ReportError;
use crate::report::pictures::Pictures;
use crate::report::video::{Video, VideoPlan};
use crate::source::{Media, Planes};
use facefleet_stream::frame::Finished;

/// An output for annotated frames that can be written: a video if the input is a video, pictures if the input is pictures.
pub(super) enum Annotation {
    Video(Box<VideoPlan>),
    Pictures(Pictures),
}

impl Annotation {
    /// Prepares the output.
    pub(super) async fn prepare(annotate: &Annotate, outputs: &Outputs) -> Result<Annotation, ReportError> {
        let out = match annotate {
            Annotate::EachPicture(files) => {
                return Ok(Annotation::Pictures(Pictures::each(files.clone(), outputs.progress.clone())));
            }
            Annotate::To(out) => out,
        };
        check(out, &outputs.media)?;
        match &outputs.media {
            Media::Video(_) if out.is_dir() => Err(ReportError::IsFolder { path: out.to_owned() }),
            Media::Video(video) => Ok(Annotation::Video(Box::new(VideoPlan::of(out, video, &outputs.progress).await?))),
            Media::Pictures(pictures) => {
                Pictures::new(out, pictures, outputs.progress.clone()).map(Annotation::Pictures)
            }
        }
    }

    /// Starts to write. A video is drawn on `planes`.
    pub(super) fn start(self, planes: Option<Planes>) -> Annotator {
        match self {
            Annotation::Video(video) => {
                Annotator::Video(Box::new(video.start(planes.expect("an annotated video is read with its planes"))))
            }
            Annotation::Pictures(pictures) => Annotator::Pictures(pictures),
        }
    }
}

/// Writes annotated frames.
pub(super) enum Annotator {
    Video(Box<Video>),
    Pictures(Pictures),
}

impl Annotator {
    /// Writes the next frame. Returns the reason if a picture is left out.
    pub(super) fn write(&mut self, finished: &Finished) -> Result<Option<String>, ReportError> {
        match self {
            Annotator::Video(video) => video.write(finished).map(|()| None),
            Annotator::Pictures(pictures) => pictures.write(finished),
        }
    }

    /// Completes the output and returns its path, or None if nothing was written.
    pub(super) fn finish(self, ending: Ending) -> Result<Option<PathBuf>, ReportError> {
        match self {
            Annotator::Video(video) => video.finish(ending),
            Annotator::Pictures(pictures) => Ok(pictures.finish()),
        }
    }
}
