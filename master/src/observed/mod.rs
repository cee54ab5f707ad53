//! Streams, decisions and the last ten minutes, which are kept for people to look at.

mod decisions;
mod history;
mod streams;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use facefleet_cluster::policy::PolicyName;
use facefleet_proto::RouteQuery;
use facefleet_proto::view::{Decision, DecisionView, StreamReport, StreamView};
use facefleet_service::clock;

use decisions::{Decisions, Maker};
use history::History;
pub(crate) use history::{STEP, WorkerCount};
use streams::Streams;
pub(crate) use streams::TooManyStreams;

/// Written by route requests and reports, and read by views.
pub(crate) struct Observed(Mutex<Kept>);

struct Kept {
    streams: Streams,
    decisions: Decisions,
    history: History,
}

impl Observed {
    pub(crate) fn new(now: Instant) -> Observed {
        let kept = Kept { streams: Streams::default(), decisions: Decisions::default(), history: History::new(now) };
        Observed(Mutex::new(kept))
    }

    /// Keeps why a stream got the route that it got.
    pub(crate) fn decided(&self, query: &RouteQuery, policy: PolicyName, decision: Decision) {
        let maker = Maker { lease: query.lease.unwrap_or(0), stream: &query.stream_id, policy: policy.as_str() };
        self.kept().decisions.add(maker, decision, unix_ms());
    }

    /// Takes a client's report on its stream.
    ///
    /// # Errors
    /// There are too many streams.
    pub(crate) fn report(&self, mut report: StreamReport) -> Result<(), TooManyStreams> {
        let decisions = std::mem::take(&mut report.decisions);
        let (lease, stream) = (report.lease, report.name.clone());
        let mut kept = self.kept();
        let change = kept.streams.take(report, clock::now())?;
        kept.history.add(&change);
        for decision in decisions {
            kept.decisions.add(Maker { lease, stream: &stream, policy: "" }, decision, unix_ms());
        }
        Ok(())
    }

    /// The streams that are shown now.
    pub(crate) fn streams(&self, now: Instant) -> Vec<StreamView> {
        self.kept().streams.views(now)
    }

    /// The decisions that are kept, oldest first.
    pub(crate) fn decisions(&self) -> Vec<DecisionView> {
        self.kept().decisions.newest()
    }

    /// Ends a step of the history.
    pub(crate) fn step(&self, workers: &[WorkerCount], now: Instant) {
        self.kept().history.step(workers, now, unix_ms());
    }

    /// The last ten minutes, as the page reads them.
    pub(crate) fn history_json(&self) -> String {
        // Encoded without the lock, for which route requests and reports wait.
        let history = self.kept().history.clone();
        serde_json::to_string(&history.view()).expect("it has no map whose keys are not text")
    }

    /// A panic elsewhere leaves only what people look at, so others go on.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The master's clock, milliseconds since 1970.
pub(crate) fn unix_ms() -> u64 {
    clock::unix_us() / 1000
}
