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
    /// The name of a video has no ending, which says in which format to write it.
    #[error("cannot write {}: give it an ending that says in which format, such as .mp4 or .mkv", path.display())]
    NoEnding {
        /// The video.
        path: PathBuf,
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
    /// The name of a picture does not say in which format to write it.
    #[error("cannot write {}: a picture is written to a file that ends in {endings}", path.display())]
    NoPictureEnding {
        /// The picture.
        path: PathBuf,
        /// The endings of the formats that can be written.
        endings: String,
    },
    /// The pictures of the input are in the folder for the output, and would be searched again by the next run.
    #[error("{} is in {}, where the annotated pictures go: choose another folder for them", input.display(), path.display())]
    HoldsInput {
        /// The folder for the output.
        path: PathBuf,
        /// A picture of the input.
        input: PathBuf,
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
