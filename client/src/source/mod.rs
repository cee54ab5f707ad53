//! Sources of frames: videos and cameras through ffmpeg, and picture files.

mod content;
mod folder;
mod input;
mod matroska;
mod name;
mod pictures;
mod probe;
mod still;
mod video;

use std::task::{Context, Poll};

use facefleet_stream::event_loop::READ_AHEAD;
use facefleet_stream::frame::SourceFrame;
use tokio::sync::mpsc;

use crate::ffmpeg::{Ffmpeg, FfmpegError, KillOnDrop};

pub use input::InputError;
pub(crate) use input::{Input, PictureInput, VideoInput};
pub(crate) use matroska::RgbWriter;
pub(crate) use name::{shown, source_name};
pub(crate) use probe::Probe;
pub(crate) use still::upright;

/// An input that was examined and can be read.
#[derive(Clone, Debug)]
pub(crate) enum Media {
    Video(Video),
    Pictures(PictureInput),
}

/// A video, with everything that must be known before it is read.
#[derive(Clone, Debug)]
pub(crate) struct Video {
    pub(crate) input: VideoInput,
    pub(crate) probe: Probe,
    pub(crate) ffmpeg: Ffmpeg,
}

impl Media {
    /// Examines an input.
    ///
    /// # Errors
    /// Fails if ffmpeg is missing or cannot read the input.
    pub(crate) async fn of(input: Input) -> Result<Media, FfmpegError> {
        match input {
            Input::Video(input) => {
                let (ffmpeg, probe) = (Ffmpeg::find().await?, Probe::of(&input).await?);
                Ok(Media::Video(Video { input, probe, ffmpeg }))
            }
            Input::Pictures(pictures) => Ok(Media::Pictures(pictures)),
        }
    }

    /// The number of frames; None if it is unknown.
    pub(crate) fn frames(&self) -> Option<u64> {
        match self {
            Media::Video(video) => video.probe.frames,
            Media::Pictures(pictures) => Some(pictures.paths.len() as u64),
        }
    }
}

/// A running source. Dropping it stops ffmpeg.
#[derive(Debug)]
pub(crate) struct Source {
    frames: mpsc::Receiver<Result<SourceFrame, FfmpegError>>,
    /// Kills ffmpeg on drop; None for pictures.
    video: Option<KillOnDrop>,
}

impl Source {
    /// Starts to read at most `limit` frames. With `live`, a file is read at its own speed, like a camera.
    ///
    /// # Errors
    /// Fails if ffmpeg cannot be started.
    pub(crate) fn open(media: &Media, live: bool, limit: Option<u64>) -> Result<Source, FfmpegError> {
        let (sender, frames) = mpsc::channel(READ_AHEAD);
        let limit = limit.unwrap_or(u64::MAX);
        let video = match media {
            Media::Video(video) => Some(video::start(video.ffmpeg, &video.input, live, limit, sender)?),
            Media::Pictures(pictures) => {
                pictures::start(pictures.paths.clone(), limit, Some(512), sender);
                None
            }
        };
        Ok(Source { frames, video })
    }

    /// Returns the next frame, or None at the end.
    ///
    /// # Errors
    /// Fails if ffmpeg failed. No frame follows an error.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<SourceFrame, FfmpegError>>> {
        self.frames.poll_recv(cx)
    }

    /// Stops reading: no frame follows.
    pub(crate) fn close(&mut self) {
        self.frames.close();
        self.video = None;
    }
}
