//! What can go wrong while a source is read.

use std::io;
use std::time::Duration;

use crate::ffmpeg::FfmpegError;

/// How long a camera may be silent before it is given up.
pub(super) const GIVEN_UP_AFTER: Duration = Duration::from_secs(30);

/// Why a source gave no more frames.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// ffmpeg failed.
    #[error(transparent)]
    Ffmpeg(#[from] FfmpegError),
    /// A camera ended its stream. A camera has no end of its own.
    #[error("{name} has ended its stream after {frames} frames; the outputs are whole up to there")]
    HungUp {
        /// INPUT as it was given.
        name: String,
        /// The number of frames that were read.
        frames: u64,
    },
    /// A camera sent nothing for long.
    #[error(
        "{name} has sent no picture for {} s; the outputs are whole up to there: check the camera, its address and its network",
        GIVEN_UP_AFTER.as_secs()
    )]
    Silent {
        /// INPUT as it was given.
        name: String,
    },
    /// There is no socket for the frames at full size.
    #[error("cannot make a socket in the folder for temporary files, for the annotated video")]
    Socket(#[source] io::Error),
}
