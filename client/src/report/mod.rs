//! What a stream leaves behind: JSON lines, an annotated video or pictures, progress, a summary.

mod annotate;
mod drawing;
mod jsonl;
mod pictures;
mod progress;
mod summary;
mod video;

use std::io;
use std::path::{Path, PathBuf};

use tokio::sync::{mpsc, oneshot};

use crate::ffmpeg::FfmpegError;
use crate::source::Media;
use facefleet_stream::frame::Finished;

use annotate::Annotator;
use jsonl::JsonLines;
pub(crate) use progress::Progress;
pub(crate) use summary::{Summary, reserve};

/// Frames that may wait for the report.
const QUEUE: usize = 4;

/// Why something could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder that a file is to go into.
    #[error("cannot write {}: there is no folder {}", path.display(), folder.display())]
    NoFolder {
        /// The file.
        path: PathBuf,
        /// What is missing.
        folder: PathBuf,
    },
    /// It would destroy what it is made from.
    #[error("{} is the input itself: choose another name to write to", path.display())]
    IsInput {
        /// The file or folder.
        path: PathBuf,
    },
    /// The first frame of a video could not be decoded, and nothing can be drawn on.
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
        /// Why.
        problem: String,
    },
    /// The video encoder.
    #[error(transparent)]
    Ffmpeg(#[from] FfmpegError),
}

impl ReportError {
    fn write(path: &Path) -> impl FnOnce(io::Error) -> ReportError {
        move |source| ReportError::Write { path: path.to_owned(), source }
    }
}

/// What to write for a stream, and what it is made from.
#[derive(Clone, Debug)]
pub(crate) struct Outputs {
    pub(crate) media: Media,
    /// `-`: standard output.
    pub(crate) json: Option<PathBuf>,
    pub(crate) annotate: Option<PathBuf>,
}

/// A running report. Frames go in in order; when their sender is dropped, the files are finished.
#[derive(Debug)]
pub(crate) struct Report(oneshot::Receiver<Result<Vec<PathBuf>, ReportError>>);

impl Report {
    /// Opens the files, and starts a thread that writes them: to decode, draw and write is nothing for the runtime.
    ///
    /// # Errors
    /// A file cannot be written where it is to go. Nothing has been written then.
    pub(crate) fn start(outputs: &Outputs) -> Result<(Report, mpsc::Sender<Finished>), ReportError> {
        let mut annotator = outputs.annotate.as_deref().map(|out| Annotator::open(out, outputs)).transpose()?;
        let mut lines = outputs.json.as_deref().map(|out| JsonLines::create(out, &outputs.media)).transpose()?;
        let (sender, mut frames) = mpsc::channel::<Finished>(QUEUE);
        let mut write = move || {
            while let Some(finished) = frames.blocking_recv() {
                if let Some(lines) = &mut lines {
                    // Whoever follows the file sees each line as soon as there is no next one to write.
                    lines.write(&finished, frames.is_empty())?;
                }
                if let Some(annotator) = &mut annotator {
                    annotator.write(&finished)?;
                }
            }
            let annotated = annotator.take().map(Annotator::finish).transpose()?.flatten();
            let lines = lines.take().map(JsonLines::finish).transpose()?.flatten();
            Ok(annotated.into_iter().chain(lines).collect())
        };
        let (written, finished) = oneshot::channel();
        // Not one of the runtime's threads: those are waited for at the end, and a pipe that nobody reads has no end.
        std::thread::spawn(move || written.send(write()));
        Ok((Report(finished), sender))
    }

    /// Waits until the files are whole, and says which there are.
    ///
    /// # Errors
    /// One of them could not be written.
    pub(crate) async fn finish(self) -> Result<Vec<PathBuf>, ReportError> {
        self.0.await.expect("the report's thread does not panic")
    }
}

/// Whether `path` may be written. The folder that it is to go into must be there: to make it would hide a typing slip.
fn check(path: &Path, media: &Media) -> Result<(), ReportError> {
    let is = |input: &Path| matches!((path.canonicalize(), input.canonicalize()), (Ok(a), Ok(b)) if a == b);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Input;

    #[tokio::test]
    async fn the_input_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let picture = folder.path().join("a.jpg");
        std::fs::write(&picture, b"\xFF\xD8\xFF\xE0 and so on").unwrap();
        let one = Media::of(Input::new(picture.to_str().unwrap()).unwrap()).await.unwrap();
        let all = Media::of(Input::new(folder.path().to_str().unwrap()).unwrap()).await.unwrap();
        let outputs = |media: &Media, json: Option<&Path>, annotate: Option<&Path>| Outputs {
            media: media.clone(),
            json: json.map(Path::to_owned),
            annotate: annotate.map(Path::to_owned),
        };
        for destructive in [
            outputs(&one, Some(&picture), None),
            outputs(&one, None, Some(&picture)),
            outputs(&all, Some(&picture), None),
            outputs(&all, None, Some(folder.path())),
        ] {
            let error = Report::start(&destructive).unwrap_err();
            assert!(matches!(error, ReportError::IsInput { .. }), "{error}");
        }
        assert!(std::fs::read(&picture).unwrap().len() > 4);
        let fine = outputs(&all, Some(&folder.path().join("b.jsonl")), Some(&folder.path().join("out")));
        let (report, frames) = Report::start(&fine).unwrap();
        drop(frames);
        assert_eq!(report.finish().await.unwrap(), [folder.path().join("b.jsonl")]);
    }
}
