//! What people look at: the cluster as a whole, once a second, for the page and for `Watch`.
//!
//! Nothing of it is built while nobody looks, but for the history, which costs a walk over the workers every 5 s. A stream
//! is known to the master that its client reports to, which is the one that gave it its route; of masters that share a
//! registry, each shows all workers, and the streams and the decisions that are its own.

mod decisions;
mod history;
mod snapshot;
mod streams;
mod worker;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use clap::ValueEnum;
use facefleet_proto::view::{ClusterView, Decision, StreamReport};
use facefleet_proto::{Nodes, RouteQuery};
use facefleet_service::clock;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::shared::Shared;
use decisions::{Decisions, Maker};
use facefleet_cluster::admission::AdmissionName;
use facefleet_cluster::policy::PolicyName;
use history::{History, STEP};
pub(crate) use snapshot::Snapshot;
pub(crate) use streams::Full;
use streams::Streams;

/// How often everybody who looks gets another view.
const EVERY: Duration = Duration::from_secs(1);
/// Most who look at once: each costs an encoded view a second.
const MAX_VIEWERS: usize = 1000;

/// What is kept for those who look.
pub(crate) struct Watching {
    started: Instant,
    /// Written by reports and routes, read by views.
    seen: Mutex<Seen>,
    /// Held while a view is built, so that a thousand who come at once share one.
    building: Mutex<()>,
    /// Wakes those who look.
    latest: watch::Sender<Latest>,
}

struct Seen {
    streams: Streams,
    decisions: Decisions,
    history: History,
}

#[derive(Clone, Default)]
struct Latest {
    /// None: nobody has looked of late.
    snapshot: Option<Arc<Snapshot>>,
    is_closed: bool,
}

/// Somebody who looks. Whoever is slow gets the newest view and misses those before it.
pub(crate) struct Viewer {
    latest: watch::Receiver<Latest>,
    /// Whether there was no view yet.
    is_first: bool,
}

/// A view, and whether it is the first that this viewer gets.
pub(crate) struct Seeing {
    snapshot: Arc<Snapshot>,
    is_first: bool,
}

/// [`MAX_VIEWERS`] look already.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{MAX_VIEWERS} look at this master, which is the most that it takes")]
pub(crate) struct TooManyViewers;

impl Watching {
    pub(crate) fn new(now: Instant) -> Watching {
        let (streams, decisions) = Default::default();
        let seen = Seen { streams, decisions, history: History::new(now) };
        Watching { started: now, seen: Mutex::new(seen), building: Mutex::new(()), latest: watch::Sender::default() }
    }

    /// A route was given for this reason.
    pub(crate) fn decided(&self, query: &RouteQuery, policy: PolicyName, decision: Decision) {
        let maker = Maker { lease: query.lease.unwrap_or(0), stream: &query.stream_id, policy: policy.as_str() };
        self.seen().decisions.add(maker, decision, unix_ms());
    }

    /// A client says how its stream goes.
    ///
    /// # Errors
    /// There are too many streams.
    pub(crate) fn report(&self, mut report: StreamReport) -> Result<(), Full> {
        let decisions = std::mem::take(&mut report.decisions);
        let (lease, stream) = (report.lease, report.name.clone());
        let mut seen = self.seen();
        let news = seen.streams.take(report, clock::now())?;
        seen.history.note(&news);
        for decision in decisions {
            seen.decisions.add(Maker { lease, stream: &stream, policy: "" }, decision, unix_ms());
        }
        Ok(())
    }

    /// The last ten minutes, as the page reads them.
    pub(crate) fn history_json(&self) -> String {
        // Written without the lock, for which routes and reports wait.
        let history = self.seen().history.clone();
        serde_json::to_string(&history.view()).expect("it has no map whose keys are not text")
    }

    /// Ends all viewers.
    pub(crate) fn close(&self) {
        self.latest.send_modify(|latest| latest.is_closed = true);
    }

    /// A panic elsewhere leaves what is for people to look at, so others go on looking.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Somebody begins to look.
    ///
    /// # Errors
    /// Too many do.
    pub(crate) fn viewer(&self) -> Result<Viewer, TooManyViewers> {
        if self.watching.latest.receiver_count() >= MAX_VIEWERS {
            return Err(TooManyViewers);
        }
        let mut latest = self.watching.latest.subscribe();
        self.show(EVERY, None);
        latest.mark_changed();
        Ok(Viewer { latest, is_first: true })
    }

    /// Builds a view once a second while somebody looks, and writes history, for as long as it is polled.
    pub(crate) async fn keep_watching(&self) -> Infallible {
        let (mut views, mut steps) = (interval(EVERY), interval(STEP));
        views.set_missed_tick_behavior(MissedTickBehavior::Delay);
        steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        steps.reset();
        loop {
            tokio::select! {
                _ = views.tick() => {
                    if self.watching.latest.receiver_count() > 0 {
                        let waiting = self.waiting_elsewhere(0).await;
                        self.show(Duration::ZERO, waiting);
                    } else {
                        self.watching.latest.send_if_modified(|latest| latest.snapshot.take().is_some());
                    }
                }
                _ = steps.tick() => self.step(),
            }
        }
    }

    /// Shows the cluster as it is, unless there is a view that is younger than this. `waiting`: how many wait for the master
    /// that lets streams in, where that is another one.
    fn show(&self, younger: Duration, waiting: Option<u32>) {
        let _building = self.watching.building.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.watching.latest.borrow().snapshot.clone();
        let is_young = |snapshot: &Arc<Snapshot>| clock::now().saturating_duration_since(snapshot.at) < younger;
        if before.as_ref().is_some_and(is_young) {
            return;
        }
        let mut view = self.view();
        view.waiting = waiting.unwrap_or(view.waiting);
        let seen = before.map_or(0, |before| before.seen());
        let snapshot = Arc::new(Snapshot::new(view, seen, clock::now()));
        self.watching.latest.send_modify(|latest| latest.snapshot = Some(snapshot));
    }

    fn view(&self) -> ClusterView {
        let (scheduler, now) = self.locked();
        let Nodes { nodes, epoch, policy, vanished, admission, waiting, stale } = scheduler.nodes(now);
        let registered = scheduler.registry().workers();
        let workers = registered.zip(nodes).map(|(worker, node)| worker::view(worker, node)).collect();
        drop(scheduler);
        let mut seen = self.watching.seen();
        let (streams, decisions) = (seen.streams.views(now), seen.decisions.newest());
        drop(seen);
        ClusterView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            epoch,
            time_ms: unix_ms(),
            uptime: now.saturating_duration_since(self.watching.started),
            policy,
            policies: PolicyName::value_variants().iter().map(|policy| policy.as_str().to_owned()).collect(),
            admission,
            admissions: AdmissionName::value_variants().iter().map(|admission| admission.as_str().to_owned()).collect(),
            waiting,
            stale,
            vanished,
            workers,
            streams,
            decisions,
        }
    }

    /// A step of the history is over.
    fn step(&self) {
        let (scheduler, now) = self.locked();
        let workers = scheduler.registry().workers().map(|worker| {
            let done = worker.load.as_ref().map_or(0, |load| load.frames_ok);
            (worker.id, worker.join.identity.name.clone(), done)
        });
        let workers: Vec<_> = workers.collect();
        // Routes and heartbeats wait for nobody who looks.
        drop(scheduler);
        let workers = workers.iter().map(|(id, name, done)| (*id, name.as_str(), *done));
        self.watching.seen().history.step(workers, now, unix_ms());
    }
}

impl Viewer {
    /// The next view, the first one at once. None: the master stops.
    pub(crate) async fn next(&mut self) -> Option<Seeing> {
        loop {
            // Err: the master is gone.
            self.latest.changed().await.ok()?;
            let Latest { snapshot, is_closed } = self.latest.borrow_and_update().clone();
            if is_closed {
                return None;
            }
            // None: it was taken away when this viewer was about to come, and another is on the way.
            if let Some(snapshot) = snapshot {
                return Some(Seeing { snapshot, is_first: std::mem::replace(&mut self.is_first, false) });
            }
        }
    }
}

impl Seeing {
    /// The view.
    pub(crate) fn view(&self) -> ClusterView {
        self.snapshot.view(self.is_first)
    }

    /// The view as an event that the page reads. Everybody who looks shares its bytes.
    pub(crate) fn event(&self) -> Bytes {
        self.snapshot.event(self.is_first)
    }
}

/// The master's clock, milliseconds since 1970.
fn unix_ms() -> u64 {
    clock::unix_us() / 1000
}

#[cfg(test)]
mod tests;
