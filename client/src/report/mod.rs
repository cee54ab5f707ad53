//! The outputs of a run: JSON lines, an annotated video or pictures, progress, and a summary.

mod annotate;
mod destination;
mod drawing;
mod error;
mod jsonl;
mod part;
mod pictures;
mod progress;
mod summary;
mod video;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as thread;

use tokio::sync::{mpsc, oneshot};

use crate::source::Planes;
use facefleet_stream::frame::Finished;

use annotate::Annotation;
pub(crate) use destination::{Annotate, Json, Outputs};
pub use error::ReportError;
use jsonl::JsonLines;
pub(crate) use pictures::picture_names;
pub(crate) use progress::{Progress, Results};
pub(crate) use summary::{Summary, create, reserve};

/// The number of frames that may wait to be written.
const QUEUE: usize = 4;

/// The outputs of one stream, before its first frame.
pub(crate) struct PreparedReport {
    lines: Option<JsonLines>,
    annotation: Option<Annotation>,
    progress: Progress,
}

impl PreparedReport {
    /// Opens the files, and finds out what they can hold.
    ///
    /// # Errors
    /// Fails if a file cannot be written to its destination. Nothing has been written then.
    pub(crate) async fn of(outputs: &Outputs) -> Result<PreparedReport, ReportError> {
        let annotation = match &outputs.annotate {
            Some(annotate) => Some(Annotation::prepare(annotate, outputs).await?),
            None => None,
        };
        let lines = outputs.json.as_ref().map(|json| JsonLines::create(json, outputs)).transpose()?;
        Ok(PreparedReport { lines, annotation, progress: outputs.progress.clone() })
    }

    /// Returns whether the frames of the source are wanted at full size.
    pub(crate) fn wants_planes(&self) -> bool {
        matches!(self.annotation, Some(Annotation::Video(_)))
    }

    /// Starts a thread that writes the files, because the async runtime must not draw or write.
    pub(crate) fn start(self, planes: Option<Planes>) -> (Report, mpsc::Sender<Finished>) {
        let PreparedReport { lines, annotation, progress } = self;
        let annotator = annotation.map(|annotation| annotation.start(planes));
        let (sender, mut frames) = mpsc::channel::<Finished>(QUEUE);
        let (ending, ended) = thread::channel();
        let all_read = Arc::new(AtomicBool::new(false));
        let is_read = all_read.clone();
        let write = move || {
            // What is left of the outputs after an error is gone when the error is told.
            let (mut lines, mut annotator) = (lines, annotator);
            while let Some(finished) = frames.blocking_recv() {
                if let Some(lines) = &mut lines {
                    // A program that follows the file sees each line at once, unless the next one is ready, too.
                    lines.write(&finished, frames.is_empty())?;
                }
                let left_out = annotator.as_mut().map(|annotator| annotator.write(&finished)).transpose()?.flatten();
                progress.picture_ended(&finished, left_out);
            }
            // Err: nobody waits for the outputs, and they are left as they are.
            let Ok(ending) = ended.recv() else { return Ok(Vec::new()) };
            if ending == Ending::Dropped {
                return Ok(Vec::new());
            }
            let lines = lines.map(JsonLines::finish).transpose()?.flatten();
            is_read.store(true, Ordering::Relaxed);
            let annotated = annotator.map(|annotator| annotator.finish(ending)).transpose()?.flatten();
            Ok(annotated.into_iter().chain(lines).collect())
        };
        let (written, finished) = oneshot::channel();
        // The thread is not one of the runtime's, because the process waits for those at its end, and a write to a pipe
        // that nobody reads never ends.
        std::thread::spawn(move || written.send(write()));
        (Report { ending, finished, all_read }, sender)
    }
}

/// The running outputs of one stream. Frames are sent to them in frame order; when the sender is dropped, the files can be
/// completed.
#[derive(Debug)]
pub(crate) struct Report {
    ending: thread::Sender<Ending>,
    /// Whether everything is written that somebody else has to read.
    all_read: Arc<AtomicBool>,
    finished: oneshot::Receiver<Result<Vec<PathBuf>, ReportError>>,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The source was read to its end.
    Complete,
    /// The source was read in part, and the outputs are completed with that.
    Cut,
    /// The source was read in part, and what was written is dropped.
    Dropped,
}

impl Report {
    /// Returns a flag that says whether everything is written that somebody else has to read. To complete a long video takes its time.
    pub(crate) fn all_read(&self) -> Arc<AtomicBool> {
        self.all_read.clone()
    }

    /// Waits until the files are complete, and returns their paths.
    ///
    /// # Errors
    /// Fails if one of the files could not be written.
    pub(crate) async fn finish(self, ending: Ending) -> Result<Vec<PathBuf>, ReportError> {
        // Err: a file could not be written, and the thread has ended with the reason.
        let _ = self.ending.send(ending);
        self.finished.await.expect("the report's thread does not panic")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::source::{Input, Media};
    use facefleet_service::clock;

    #[tokio::test]
    async fn the_input_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let (picture, link) = (folder.path().join("a.jpg"), folder.path().join("link.jpg"));
        std::fs::write(&picture, b"\xFF\xD8\xFF\xE0 and so on").unwrap();
        std::fs::hard_link(&picture, &link).unwrap();
        let one = Media::of(Input::new(picture.to_str().unwrap(), false).unwrap()).await.unwrap();
        let all = Media::of(Input::new(folder.path().to_str().unwrap(), false).unwrap()).await.unwrap();
        let progress = Progress::start(1, None, false, clock::now()).remove(0);
        let outputs = |media: &Media, json: Option<&Path>, annotate: Option<&Path>| Outputs {
            media: media.clone(),
            stream: "a".into(),
            progress: progress.clone(),
            json: json.map(|path| Json::AtOnce(path.to_owned())),
            annotate: annotate.map(|path| Annotate::To(path.to_owned())),
        };
        for destructive in [
            outputs(&one, Some(&picture), None),
            outputs(&one, None, Some(&picture)),
            outputs(&one, None, Some(&link)),
            outputs(&all, Some(&picture), None),
            outputs(&all, None, Some(folder.path())),
        ] {
            let Err(error) = PreparedReport::of(&destructive).await else { panic!("{destructive:?}") };
            assert!(matches!(error, ReportError::IsInput { .. }), "{error}");
        }
        assert!(std::fs::read(&picture).unwrap().len() > 4);
        let fine = outputs(&all, Some(&folder.path().join("b.jsonl")), Some(&folder.path().join("out")));
        let (report, frames) = PreparedReport::of(&fine).await.unwrap().start(None);
        drop(frames);
        assert_eq!(report.finish(Ending::Complete).await.unwrap(), [folder.path().join("b.jsonl")]);
    }
}
