//! Where the outputs of a stream are written, and whether they may be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::ReportError;
use crate::report::Progress;
use crate::source::Media;

/// The outputs of one stream.
#[derive(Debug)]
pub(crate) struct Outputs {
    /// The input that the outputs are made from.
    pub(crate) media: Media,
    /// Name of the stream, as the master and JSON lines have it.
    pub(crate) stream: String,
    pub(crate) json: Option<Json>,
    pub(crate) annotate: Option<Annotate>,
    /// Where a person is told what an output cannot hold.
    pub(crate) progress: Progress,
}

/// Where JSON lines are written.
#[derive(Clone, Debug)]
pub(crate) enum Json {
    /// To a file that programs may follow from the start; `-` is standard output.
    AtOnce(PathBuf),
    /// To a file that gets its name when it is whole, so that every file that is there can be relied on.
    WhenWhole(PathBuf),
    /// To a file for each picture of the input.
    EachPicture(BTreeMap<PathBuf, PathBuf>),
}

/// Where annotated frames are written.
#[derive(Clone, Debug)]
pub(crate) enum Annotate {
    /// To a video file for a video, a picture file for a picture, and a folder for a folder.
    To(PathBuf),
    /// To a file for each picture of the input.
    EachPicture(BTreeMap<PathBuf, PathBuf>),
}

/// Checks that an output may be written to `path`. The folder must exist, because creating it would hide a typing error.
///
/// # Errors
/// Fails if `path` is the input, or if its folder does not exist.
pub(super) fn check(path: &Path, media: &Media) -> Result<(), ReportError> {
    // A hard link is the input, too. A pipe is not compared: to open it would take its bytes, or wait for them.
    let is_plain = |path: &Path| path.is_file() || path.is_dir();
    let is = |input: &Path| is_plain(path) && is_plain(input) && same_file::is_same_file(path, input).unwrap_or(false);
    let is_input = match media {
        Media::Video(video) => is(video.input.name.as_ref()),
        Media::Pictures(pictures) => pictures.folder.iter().chain(&pictures.paths).any(|input| is(input)),
    };
    if is_input {
        return Err(ReportError::IsInput { path: path.to_owned() });
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(ReportError::NoFolder { path: path.to_owned(), folder: folder.to_owned() })
        }
        _ => Ok(()),
    }
}
