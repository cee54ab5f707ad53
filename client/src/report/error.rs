//! What can go wrong with an output.

use std::io;
use std::path::{Path, PathBuf};

use crate::ffmpeg::FfmpegError;

/// Why an output could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The folder for a file does not exist.
    #[error("cannot write {}: there is no folder {}", path.display(), folder.display())]
    NoFolder {
        /// The file.
        path: PathBuf,
        /// The folder that does not exist.
        folder: PathBuf,
    },
    /// The output would overwrite the input.
    #[error("{} is the input itself: choose another name to write to", path.display())]
    IsInput {
        /// The file or folder.
        path: PathBuf,
    },
    /// The first frame of a video could not be decoded, so its size is unknown.
    #[error("cannot write {}: its first frame cannot be decoded", path.display())]
    NoFirstFrame {
        /// The video.
        path: PathBuf,
    },
    /// A picture could not be encoded.
    #[error("cannot write {}: {problem}", path.display())]
    Encode {
        /// The picture.
        path: PathBuf,
        /// The error of the encoder.
        problem: String,
    },
    /// ffmpeg could not encode the video.
    #[error(transparent)]
    Ffmpeg(#[from] FfmpegError),
}

impl ReportError {
    /// Returns a function that adds the path to an error of the operating system.
    pub(super) fn write(path: &Path) -> impl FnOnce(io::Error) -> ReportError {
        move |source| ReportError::Write { path: path.to_owned(), source }
    }
}
