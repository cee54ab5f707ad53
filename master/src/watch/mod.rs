//! Views of the cluster as a whole, once a second, for the page and for `Watch`.
//!
//! No view is built while nobody looks; only the history costs a walk over the workers every 5 s. A client reports its stream to
//! the master that gave it its route. So each of several masters that share a registry shows all workers, and the streams and
//! the decisions that are its own.

mod snapshot;
mod worker;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use clap::ValueEnum;
use facefleet_cluster::admission::AdmissionName;
use facefleet_cluster::policy::PolicyName;
use facefleet_proto::Nodes;
use facefleet_proto::view::ClusterView;
use facefleet_service::clock;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::forwarding::Forwarding;
use crate::nodes::nodes;
use crate::observed::{Observed, STEP, WorkerCount, unix_ms};
use crate::shared_scheduler::SharedScheduler;
use snapshot::{Audience, Snapshot};

/// How often everybody who looks gets another view.
const EVERY: Duration = Duration::from_secs(1);
/// Most viewers at once: each costs an encoded view a second.
const MAX_VIEWERS: usize = 1000;

/// Shows the cluster to those who look.
pub(crate) struct Viewers {
    scheduler: SharedScheduler,
    forwarding: Arc<Forwarding>,
    observed: Arc<Observed>,
    started: Instant,
    /// Held while a view is built, so that a thousand viewers who come at once share one.
    building: Mutex<()>,
    /// Wakes those who look.
    latest: watch::Sender<Latest>,
}

#[derive(Clone, Default)]
struct Latest {
    /// The newest view; None: nobody has looked lately.
    snapshot: Option<Arc<Snapshot>>,
    is_closed: bool,
}

/// Somebody who looks. A slow viewer gets the newest view and misses those before it.
pub(crate) struct Viewer {
    latest: watch::Receiver<Latest>,
    audience: Audience,
}

/// A view for one viewer.
pub(crate) struct Seeing {
    snapshot: Arc<Snapshot>,
    audience: Audience,
}

/// [`MAX_VIEWERS`] look already.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{MAX_VIEWERS} look at this master, which is the most that it takes")]
pub(crate) struct TooManyViewers;

impl Viewers {
    pub(crate) fn new(scheduler: SharedScheduler, forwarding: Arc<Forwarding>, observed: Arc<Observed>) -> Viewers {
        let (started, building, latest) = (clock::now(), Mutex::new(()), watch::Sender::default());
        Viewers { scheduler, forwarding, observed, started, building, latest }
    }

    /// Lets somebody look.
    ///
    /// # Errors
    /// Too many look already.
    pub(crate) fn viewer(&self) -> Result<Viewer, TooManyViewers> {
        if self.latest.receiver_count() >= MAX_VIEWERS {
            return Err(TooManyViewers);
        }
        let mut latest = self.latest.subscribe();
        self.show(EVERY, None);
        latest.mark_changed();
        Ok(Viewer { latest, audience: Audience::New })
    }

    /// Ends all viewers.
    pub(crate) fn close(&self) {
        self.latest.send_modify(|latest| latest.is_closed = true);
    }

    /// Builds a view once a second while somebody looks, and writes history, for as long as this is polled.
    pub(crate) async fn keep_showing(&self) -> Infallible {
        let (mut views, mut steps) = (interval(EVERY), interval(STEP));
        views.set_missed_tick_behavior(MissedTickBehavior::Delay);
        steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        steps.reset();
        loop {
            tokio::select! {
                _ = views.tick() => {
                    if self.latest.receiver_count() > 0 {
                        let waiting = self.forwarding.waiting_elsewhere(0).await;
                        self.show(Duration::ZERO, waiting);
                    } else {
                        self.latest.send_if_modified(|latest| latest.snapshot.take().is_some());
                    }
                }
                _ = steps.tick() => self.step(),
            }
        }
    }

    /// Shows the cluster as it is, unless there is a view that is younger than `younger`. `waiting` is the number of streams that
    /// wait for another master, if another one lets streams in.
    fn show(&self, younger: Duration, waiting: Option<u32>) {
        let _building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.latest.borrow().snapshot.clone();
        let is_young = |snapshot: &Arc<Snapshot>| clock::now().saturating_duration_since(snapshot.at) < younger;
        if before.as_ref().is_some_and(is_young) {
            return;
        }
        let mut view = self.view();
        view.waiting = waiting.unwrap_or(view.waiting);
        let shown = before.map_or(0, |before| before.newest_decision());
        let snapshot = Arc::new(Snapshot::new(view, shown, clock::now()));
        self.latest.send_modify(|latest| latest.snapshot = Some(snapshot));
    }

    fn view(&self) -> ClusterView {
        let scheduler = self.scheduler.lock();
        let now = scheduler.now();
        let Nodes { nodes, epoch, policy, vanished, admission, waiting, stale } = nodes(&scheduler, now);
        let registered = scheduler.registry().workers();
        let workers = registered.zip(nodes).map(|(worker, node)| worker::view(worker, node)).collect();
        drop(scheduler);
        ClusterView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            epoch,
            time_ms: unix_ms(),
            uptime: now.saturating_duration_since(self.started),
            policy,
            policies: PolicyName::value_variants().iter().map(|policy| policy.as_str().to_owned()).collect(),
            admission,
            admissions: AdmissionName::value_variants().iter().map(|admission| admission.as_str().to_owned()).collect(),
            waiting,
            stale,
            vanished,
            workers,
            streams: self.observed.streams(now),
            decisions: self.observed.decisions(),
        }
    }

    /// Ends a step of the history.
    fn step(&self) {
        let scheduler = self.scheduler.lock();
        let now = scheduler.now();
        let workers = scheduler.registry().workers().map(|worker| WorkerCount {
            id: worker.id,
            name: worker.join.identity.name.clone(),
            frames_ok: worker.load.as_ref().map_or(0, |load| load.frames_ok),
        });
        let workers: Vec<WorkerCount> = workers.collect();
        // Route requests and heartbeats do not wait for the history.
        drop(scheduler);
        self.observed.step(&workers, now);
    }
}

impl Viewer {
    /// Waits for the next view; the first one is there at once. None: the master stops.
    pub(crate) async fn next(&mut self) -> Option<Seeing> {
        loop {
            // Err: the master is gone.
            self.latest.changed().await.ok()?;
            let Latest { snapshot, is_closed } = self.latest.borrow_and_update().clone();
            if is_closed {
                return None;
            }
            // None: the view was taken away just before this viewer came, and another is on the way.
            if let Some(snapshot) = snapshot {
                return Some(Seeing { snapshot, audience: std::mem::replace(&mut self.audience, Audience::Returning) });
            }
        }
    }
}

impl Seeing {
    /// The view.
    pub(crate) fn view(&self) -> ClusterView {
        self.snapshot.view(self.audience)
    }

    /// The view as an event that the page reads. All viewers share its bytes.
    pub(crate) fn event(&self) -> Bytes {
        self.snapshot.event(self.audience)
    }
}

#[cfg(test)]
mod tests;
