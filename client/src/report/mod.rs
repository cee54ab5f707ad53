//! The outputs of a run: JSON lines, an annotated video or pictures, progress, and a summary.

mod annotate;
mod destination;
mod drawing;
mod error;
mod jsonl;
mod pictures;
mod progress;
mod summary;
mod video;

use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot};

use facefleet_stream::frame::Finished;

use annotate::Annotator;
pub(crate) use destination::Outputs;
pub use error::ReportError;
use jsonl::JsonLines;
pub(crate) use progress::Progress;
pub(crate) use summary::{Summary, reserve};

/// The number of frames that may wait to be written.
const QUEUE: usize = 4;

/// The running outputs of one stream. Frames are sent to them in frame order; when the sender is dropped, the files are
/// completed.
#[derive(Debug)]
pub(crate) struct Report(oneshot::Receiver<Result<Vec<PathBuf>, ReportError>>);

impl Report {
    /// Opens the files, and starts a thread that writes them, because the async runtime must not decode, draw or write.
    ///
    /// # Errors
    /// Fails if a file cannot be written to its destination. Nothing has been written then.
    pub(crate) fn start(outputs: &Outputs) -> Result<(Report, mpsc::Sender<Finished>), ReportError> {
        let mut annotator = outputs.annotate.as_deref().map(|out| Annotator::open(out, outputs)).transpose()?;
        let mut lines = outputs.json.as_deref().map(|out| JsonLines::create(out, &outputs.media)).transpose()?;
        let (sender, mut frames) = mpsc::channel::<Finished>(QUEUE);
        let mut write = move || {
            while let Some(finished) = frames.blocking_recv() {
                if let Some(lines) = &mut lines {
                    // A program that follows the file sees each line at once, unless the next one is ready, too.
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
        // The thread is not one of the runtime's, because the process waits for those at its end, and a write to a pipe
        // that nobody reads never ends.
        std::thread::spawn(move || written.send(write()));
        Ok((Report(finished), sender))
    }

    /// Waits until the files are complete, and returns their paths.
    ///
    /// # Errors
    /// Fails if one of the files could not be written.
    pub(crate) async fn finish(self) -> Result<Vec<PathBuf>, ReportError> {
        self.0.await.expect("the report's thread does not panic")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::source::{Input, Media};

    #[tokio::test]
    async fn the_input_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let picture = folder.path().join("a.jpg");
        std::fs::write(&picture, b"\xFF\xD8\xFF\xE0 and so on").unwrap();
        let one = Media::of(Input::new(picture.to_str().unwrap(), false).unwrap()).await.unwrap();
        let all = Media::of(Input::new(folder.path().to_str().unwrap(), false).unwrap()).await.unwrap();
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
