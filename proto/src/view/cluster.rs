//! The view of a whole cluster that people are shown.

use std::time::Duration;

use serde::Serialize;

use super::report::at_most;
use super::{DecisionView, MAX_LABEL_BYTES, StreamView, WorkerView, json};
use crate::invalid::{label, measure};
use crate::{Invalid, Nodes, wire};

/// The most streams in one view.
pub const MAX_STREAMS: usize = 1024;
/// The most decisions in one view.
pub const MAX_DECISIONS: usize = 100;
/// The most policies that a master can offer, and the most admissions.
const MAX_CHOICES: usize = 64;

/// A cluster at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClusterView {
    /// The version of the master.
    pub version: String,
    /// The life of the master, or of the registry that several masters share.
    #[serde(serialize_with = "json::hex")]
    pub epoch: u64,
    /// The time by the master's clock, in milliseconds since 1970.
    pub time_ms: u64,
    /// How long the master has been running.
    #[serde(rename = "uptime_ms", serialize_with = "json::ms")]
    pub uptime: Duration,
    /// The name of the scheduling policy.
    pub policy: String,
    /// The names of all policies.
    pub policies: Vec<String>,
    /// The name of the admission, as in the master's `--admission`.
    pub admission: String,
    /// The names of all admissions.
    pub admissions: Vec<String>,
    /// The number of streams that wait for a slot.
    pub waiting: u32,
    /// How long the master has been cut off from the registry that it shares, as in [`Nodes`].
    #[serde(rename = "stale_ms", serialize_with = "json::ms_or_null")]
    pub stale: Option<Duration>,
    /// The number of workers that fell silent at once, as in [`Nodes`].
    pub vanished: u32,
    /// The workers, ordered by id.
    pub workers: Vec<WorkerView>,
    /// The streams that run and those that have just ended, the oldest first, at most [`MAX_STREAMS`].
    pub streams: Vec<StreamView>,
    /// The newest decisions, the oldest of them first, at most [`MAX_DECISIONS`].
    pub decisions: Vec<DecisionView>,
}

impl From<ClusterView> for wire::ClusterView {
    fn from(view: ClusterView) -> wire::ClusterView {
        let ClusterView {
            version,
            epoch,
            time_ms,
            uptime,
            policy,
            policies,
            admission,
            admissions,
            waiting,
            stale,
            vanished,
            workers,
            streams,
            decisions,
        } = view;
        let beside =
            |WorkerView { node, frames_per_s, slow, live }| (node, wire::WorkerView { frames_per_s, slow, live });
        let (nodes, workers) = workers.into_iter().map(beside).unzip();
        wire::ClusterView {
            cluster: Some(Nodes { nodes, epoch, policy, vanished, admission, waiting, stale }.into()),
            workers,
            streams: streams.into_iter().map(wire::StreamView::from).collect(),
            decisions: decisions.into_iter().map(wire::DecisionView::from).collect(),
            policies,
            admissions,
            version,
            uptime_ms: json::whole_ms(uptime),
            time_ms,
        }
    }
}

impl TryFrom<wire::ClusterView> for ClusterView {
    type Error = Invalid;

    fn try_from(message: wire::ClusterView) -> Result<ClusterView, Invalid> {
        let wire::ClusterView {
            cluster,
            workers,
            streams,
            decisions,
            policies,
            admissions,
            version,
            uptime_ms,
            time_ms,
        } = message;
        at_most("ClusterView.streams", streams.len(), MAX_STREAMS)?;
        at_most("ClusterView.decisions", decisions.len(), MAX_DECISIONS)?;
        let cluster = cluster.ok_or_else(|| Invalid::new("ClusterView.cluster", "is missing"))?;
        let Nodes { nodes, epoch, policy, vanished, admission, waiting, stale } = cluster.try_into()?;
        if nodes.len() != workers.len() {
            let problem = format!("has {} entries for {} nodes", workers.len(), nodes.len());
            return Err(Invalid::new("ClusterView.workers", problem));
        }
        let worker = |(node, beside)| {
            let wire::WorkerView { frames_per_s, slow, live } = beside;
            let frames_per_s = measure("WorkerView.frames_per_s", frames_per_s)?;
            Ok(WorkerView { node, frames_per_s, slow, live })
        };
        Ok(ClusterView {
            version: label("ClusterView.version", version, MAX_LABEL_BYTES)?,
            epoch,
            time_ms,
            uptime: Duration::from_millis(uptime_ms),
            policy,
            policies: names("ClusterView.policies", policies)?,
            admission,
            admissions: names("ClusterView.admissions", admissions)?,
            waiting,
            stale,
            vanished,
            workers: nodes.into_iter().zip(workers).map(worker).collect::<Result<_, _>>()?,
            streams: streams.into_iter().map(StreamView::try_from).collect::<Result<_, _>>()?,
            decisions: decisions.into_iter().map(DecisionView::try_from).collect::<Result<_, _>>()?,
        })
    }
}

fn names(field: &'static str, names: Vec<String>) -> Result<Vec<String>, Invalid> {
    at_most(field, names.len(), MAX_CHOICES)?;
    names.into_iter().map(|name| label(field, name, MAX_LABEL_BYTES)).collect()
}
