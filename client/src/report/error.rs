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
    /// A folder has the name of the output.
    #[error("cannot write {}: it is a folder", path.display())]
    IsFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The output would overwrite the input.
    #[error("{} is the input itself: choose another name to write to", path.display())]
    IsInput {
        /// The file or folder.
        path: PathBuf,
    },
    /// ffmpeg ended before it had handed over all frames at full size.
    #[error("cannot write {}: there is no picture for frame {frame}", path.display())]
    NoPicture {
        /// The video.
        path: PathBuf,
        /// Number of the frame in its stream, from 0.
        frame: u64,
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
