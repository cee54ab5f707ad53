//! Sources of frames: videos and cameras through ffmpeg, and picture files.

mod content;
mod error;
pub(crate) mod folder;
mod input;
mod mpjpeg;
mod name;
mod pace;
mod pictures;
mod planes;
mod probe;
mod showinfo;
mod silence;
mod still;
mod video;

use std::task::{Context, Poll};

use facefleet_stream::event_loop::READ_AHEAD;
use facefleet_stream::frame::SourceFrame;
use tokio::sync::mpsc;

use crate::ffmpeg::{Ffmpeg, FfmpegError};
use crate::report::Progress;

pub use error::SourceError;
pub use input::InputError;
pub(crate) use input::{Input, PictureInput, VideoInput, VideoKind};
pub(crate) use name::{shown, source_name};
pub(crate) use planes::{Planes, RawPicture};
pub(crate) use probe::{Probe, Rate, Track, TrackKind};
pub(crate) use showinfo::Colour;
use silence::Silence;
pub(crate) use still::{Upright, upright};

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

/// How a source is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// The long side of the frames that are sent, in pixels; larger ones are made smaller. None: frames keep their size.
    pub(crate) send_size: Option<u32>,
    /// Whether a file is read at its own speed, like a camera.
    pub(crate) in_real_time: bool,
    /// Most frames that are read.
    pub(crate) limit: u64,
    /// Whether the frames of a video are also wanted at full size.
    pub(crate) with_planes: bool,
}

/// A running source. Dropping it stops ffmpeg.
#[derive(Debug)]
pub(crate) struct Source {
    frames: mpsc::Receiver<Result<SourceFrame, SourceError>>,
    /// The first frame, when it was waited for before the stream started.
    first: Option<Option<Result<SourceFrame, SourceError>>>,
    /// How many frames were taken.
    taken: u64,
    /// None for pictures.
    video: Option<video::Running>,
    silence: Option<Silence>,
}

impl Source {
    /// Starts to read. What ffmpeg says about a file that is damaged goes to `progress`. Also returns the frames at full size, if they
    /// are wanted and the source is a video.
    ///
    /// # Errors
    /// Fails if ffmpeg cannot be started.
    pub(crate) fn open(
        media: &Media,
        reading: Reading,
        progress: &Progress,
    ) -> Result<(Source, Option<Planes>), SourceError> {
        let (sender, frames) = mpsc::channel(READ_AHEAD);
        let (video, planes, silence) = match media {
            Media::Video(video) => {
                let silence = Silence::of(&video.input, progress);
                let (running, planes) = video::start(video, reading, progress.clone(), sender)?;
                (Some(running), planes, silence)
            }
            Media::Pictures(pictures) => {
                pictures::start(pictures.paths.clone(), reading.limit, reading.send_size, sender);
                (None, None, None)
            }
        };
        Ok((Source { frames, first: None, taken: 0, video, silence }, planes))
    }

    /// Waits for the first frame, and returns whether the source is a camera, which does not wait for its reader.
    pub(crate) async fn is_camera(&mut self) -> bool {
        if self.first.is_none() {
            self.first = Some(std::future::poll_fn(|cx| self.poll_source(cx)).await);
        }
        self.video.as_ref().is_some_and(video::Running::is_camera)
    }

    /// Returns the next frame, or None at the end.
    ///
    /// # Errors
    /// Fails if ffmpeg failed. No frame follows an error.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<SourceFrame, SourceError>>> {
        let next = match self.first.take() {
            Some(first) => Poll::Ready(first),
            None => self.poll_source(cx),
        };
        if let Poll::Ready(Some(Ok(_))) = &next {
            self.taken += 1;
        }
        next
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<SourceFrame, SourceError>>> {
        let next = self.frames.poll_recv(cx);
        let Some(silence) = &mut self.silence else { return next };
        if next.is_ready() {
            silence.is_over();
            return next;
        }
        if self.video.as_ref().is_some_and(|video| video.closing.is_held_up()) {
            silence.is_over();
        }
        silence.poll_too_long(cx).map(|error| Some(Err(error)))
    }

    /// Stops reading: no frame follows.
    pub(crate) fn close(&mut self) {
        self.frames.close();
        if let Some(video) = &self.video {
            video.closing.close(self.taken);
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.close();
    }
}
