//! Where frames come from.

mod input;
mod matroska;
mod name;
mod pictures;
mod probe;
mod video;

use facefleet_stream::frame::SourceFrame;
use tokio::sync::mpsc;

use crate::ffmpeg::{Ffmpeg, FfmpegError, KillOnDrop};

pub use input::InputError;
pub(crate) use input::{Input, PictureInput, VideoInput, VideoKind};
pub(crate) use matroska::RgbWriter;
pub(crate) use name::{shown, source_name};
pub(crate) use probe::Probe;

/// Frames that the source may be ahead of those who take them. More would only be memory.
const READ_AHEAD: usize = 4;

/// An input that has been looked into.
#[derive(Clone, Debug)]
pub(crate) enum Media {
    Video(Video),
    Pictures(PictureInput),
}

/// A video, and what is to be known before it is read.
#[derive(Clone, Debug)]
pub(crate) struct Video {
    pub(crate) input: VideoInput,
    pub(crate) probe: Probe,
    pub(crate) ffmpeg: Ffmpeg,
}

impl Media {
    /// Looks into an input.
    ///
    /// # Errors
    /// ffmpeg is missing, or cannot read it.
    pub(crate) async fn of(input: Input) -> Result<Media, FfmpegError> {
        match input {
            Input::Video(input) => {
                let (ffmpeg, probe) = (Ffmpeg::find().await?, Probe::of(&input).await?);
                Ok(Media::Video(Video { input, probe, ffmpeg }))
            }
            Input::Pictures(pictures) => Ok(Media::Pictures(pictures)),
        }
    }

    /// Number of frames; None when not known.
    pub(crate) fn frames(&self) -> Option<u64> {
        match self {
            Media::Video(video) => video.probe.frames,
            Media::Pictures(pictures) => Some(pictures.paths.len() as u64),
        }
    }
}

/// A running source. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Source {
    frames: mpsc::Receiver<Result<SourceFrame, FfmpegError>>,
    /// Ends ffmpeg when dropped; None for pictures.
    video: Option<KillOnDrop>,
}

impl Source {
    /// Starts to read at most `limit` frames. `live`: a file comes at its own speed, as from a camera.
    ///
    /// # Errors
    /// ffmpeg cannot be started.
    pub(crate) fn open(media: &Media, live: bool, limit: Option<u64>) -> Result<Source, FfmpegError> {
        let (sender, frames) = mpsc::channel(READ_AHEAD);
        let limit = limit.unwrap_or(u64::MAX);
        let video = match media {
            Media::Video(video) => Some(video::start(video.ffmpeg, &video.input, live, limit, sender)?),
            Media::Pictures(pictures) => {
                pictures::start(pictures.paths.clone(), limit, sender);
                None
            }
        };
        Ok(Source { frames, video })
    }

    /// The next frame; None at the end.
    ///
    /// # Errors
    /// ffmpeg failed. Nothing comes after that.
    pub(crate) async fn next(&mut self) -> Option<Result<SourceFrame, FfmpegError>> {
        self.frames.recv().await
    }

    /// Ends the source: there is no next frame.
    pub(crate) fn close(&mut self) {
        self.frames.close();
        self.video = None;
    }
}
