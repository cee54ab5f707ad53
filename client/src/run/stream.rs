//! One stream of a run: from its source over the cluster to its outputs.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use facefleet_proto::{AnalyzeOpen, DropReason, RouteQuery};
use facefleet_service::address::HostPorts;
use facefleet_stream::event_loop::STUCK_AFTER;
use facefleet_stream::ledger::Counts;
use facefleet_stream::session::{MOST_LINKS, StreamSpec, WORKERS_AT_FIRST};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::cli::RunArgs;
use crate::link::MOST_FRAME_BYTES;
use crate::metrics::Seen;
use crate::report::{Ending, PreparedReport, Progress, ReportError};
use crate::run::RunError;
use crate::source::{Media, Reading, Source, source_name};
use crate::stream::{self, StreamError};

/// The default of `--max-age`: how old a live frame may be when a worker starts to process it.
const MAX_AGE: Duration = Duration::from_millis(500);

/// One stream of a run, before its first frame.
pub(super) struct Stream {
    pub(super) args: RunArgs,
    /// INPUT as it was given.
    pub(super) input: String,
    /// The name of the stream, as the master and JSON lines have it.
    pub(super) id: String,
    pub(super) media: Media,
    pub(super) masters: HostPorts,
    pub(super) report: PreparedReport,
    pub(super) progress: Progress,
    pub(super) seen: Seen,
    pub(super) stop: CancellationToken,
    /// What becomes of outputs whose source was not read to its end.
    pub(super) unfinished: Unfinished,
}

/// What becomes of outputs whose source was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfinished {
    /// They are completed: what was done is kept.
    Kept,
    /// They are dropped, so that every file that is there is whole.
    Dropped,
}

impl Stream {
    /// Runs the stream to its end. Returns what the ledger says, and the files that were written.
    pub(super) async fn run(self) -> (Counts, Result<Vec<PathBuf>, RunError>) {
        let limit = self.args.limit.map_or(u64::MAX, u64::from);
        let reading = Reading {
            send_size: self.args.send_size(),
            in_real_time: self.args.live == Some(true),
            limit,
            with_planes: self.report.wants_planes(),
        };
        let (mut source, planes) = match Source::open(&self.media, reading, &self.progress) {
            Ok(opened) => opened,
            Err(error) => return (Counts::default(), Err(error.into())),
        };
        let is_live = match self.args.live {
            _ if matches!(self.media, Media::Pictures(_)) => false,
            Some(is_live) => is_live,
            None => self.stop.run_until_cancelled(source.is_camera()).await.unwrap_or(false),
        };
        let max_age =
            is_live.then(|| self.args.max_age.map_or(MAX_AGE, |ms| Duration::from_millis(u32::from(ms).into())));
        let spec = self.spec(max_age);
        let Stream { masters, report, progress, seen, stop, unfinished, .. } = self;
        let (report, sender) = report.start(planes);
        let stuck = AbortOnDropHandle::new(tokio::spawn(stuck(stop.clone(), report.all_read())));
        let (counts, ended) = stream::run(spec, &masters, source, sender, progress, seen, stop.clone()).await;
        let verdict = verdict(&counts);
        let has_failed = ended.is_err() || verdict.is_err() || stop.is_cancelled();
        let ending = match unfinished {
            Unfinished::Dropped if has_failed => Ending::Dropped,
            _ if ended.is_ok() && !stop.is_cancelled() && counts.sent < limit => Ending::Complete,
            Unfinished::Kept | Unfinished::Dropped => Ending::Cut,
        };
        let finished = tokio::select! {
            finished = report.finish(ending) => finished.map_err(RunError::from),
            _ = stuck => Err(StreamError::Stuck.into()),
        };
        let result = match (finished, ended) {
            // Without a source there is no picture to draw on, and the error of the source says why.
            (Err(RunError::Report(ReportError::NoPicture { .. })), Err(ended)) => Err(ended.into()),
            // A file that cannot be written ends the stream, so its error is the cause of all others.
            (Err(error), _) => Err(error),
            (Ok(_), Err(ended)) => Err(ended.into()),
            (Ok(files), Ok(())) => verdict.map(|()| files),
        };
        (counts, result)
    }

    fn spec(&self, max_age: Option<Duration>) -> StreamSpec {
        let args = &self.args;
        let detector = args.detector.map(|kind| kind.name().to_owned());
        // The keys of `RandomState` come from the system, so that no two streams of a cluster choose the same lease.
        let lease = Some(RandomState::new().hash_one(&self.id).max(1));
        StreamSpec {
            masters: self.masters.to_string(),
            source: source_name(&self.input),
            query: RouteQuery {
                wanted: args.workers.map_or(MOST_LINKS, |most| usize::from(most).min(MOST_LINKS)),
                priority: args.priority,
                stream_id: self.id.clone(),
                detector: detector.clone(),
                lease,
                ..RouteQuery::default()
            },
            open: AnalyzeOpen {
                detector,
                min_score: args.min_score,
                min_face: args.min_face,
                detect_size: args.detect_size,
                landmarks: args.landmarks,
                stream_id: self.id.clone(),
                max_age,
                lease_id: lease,
                priority: args.priority,
                ..AnalyzeOpen::default()
            },
            workers_at_first: WORKERS_AT_FIRST,
            max_frame_bytes: MOST_FRAME_BYTES,
        }
    }
}

/// Returns some time after `stop`, so that a run that was stopped does not wait forever for somebody who reads its output. Once
/// `all_read` is set, the run waits for nobody.
async fn stuck(stop: CancellationToken, all_read: Arc<AtomicBool>) {
    stop.cancelled().await;
    tokio::time::sleep(STUCK_AFTER).await;
    if all_read.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

/// Returns what is wrong with the result of a stream that ran to its end.
fn verdict(counts: &Counts) -> Result<(), RunError> {
    let Counts { sent, ok, dropped, failed, .. } = counts;
    if !counts.balances() {
        return Err(RunError::Unbalanced { sent: *sent, ended: counts.ended() });
    }
    // A run that the user stops before its first result has not failed.
    if *ok == 0 && failed.is_empty() && !dropped.is_empty() && !dropped.contains_key(&DropReason::Interrupted) {
        return Err(RunError::AllDropped { sent: *sent });
    }
    if *ok == 0 && !failed.is_empty() {
        return Err(RunError::NoneOk { sent: *sent });
    }
    Ok(())
}
