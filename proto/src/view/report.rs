//! One stream, as its client counts it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Decision, MAX_LABEL_BYTES, json};
use crate::invalid::{label, measured};
use crate::{Invalid, MAX_NAME_BYTES, wire};

/// Longest description of what a stream reads, in bytes.
pub const MAX_SOURCE_BYTES: usize = 128;
/// Most reasons for which frames of a stream were dropped, and as many for which they failed.
pub const MAX_REASONS: usize = 32;
/// Longest of them, in bytes.
pub const MAX_REASON_BYTES: usize = 64;
/// Most workers of one stream.
pub const MAX_STREAM_WORKERS: usize = 256;
/// Most decisions in one report.
pub const MAX_REPORTED_DECISIONS: usize = 4;

/// What a client says of one of its streams about once a second, and once more when it has ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StreamReport {
    /// Which stream it is, as in [`crate::RouteQuery`]. Never 0.
    #[serde(rename = "id", serialize_with = "json::hex")]
    pub lease: u64,
    /// The client's name for it.
    pub name: String,
    /// What it reads: the name of a file, a camera or a host.
    pub source: String,
    /// The machine that the client runs on.
    pub client: String,
    /// As in [`crate::AnalyzeOpen`].
    pub priority: i32,
    /// Empty: each worker's own.
    pub detector: String,
    /// Frames grow too old, as a camera's do.
    pub live: bool,
    /// It is over, and this is the last report.
    pub ended: bool,
    /// Frames so far: `ok`, `dropped`, `failed` and `open` together.
    pub sent: u64,
    /// Those that were worked on.
    pub ok: u64,
    /// Those that were left out on purpose, by reason; [`MAX_REASONS`] at most.
    pub dropped: BTreeMap<String, u64>,
    /// Those that could not be worked on, by code; as many at most.
    pub failed: BTreeMap<String, u64>,
    /// Times that a frame was sent again.
    pub retried: u64,
    /// Results that were not awaited any more.
    pub late: u64,
    /// Faces found.
    pub faces: u64,
    /// Frames whose end is not known.
    pub open: u32,
    /// Those of them that no worker has.
    pub waiting: u32,
    /// Milliseconds from a frame's arrival at the client to its result, for half of the frames since the last report at most;
    /// None: there was none.
    #[serde(rename = "p50_ms", serialize_with = "json::short_or_null")]
    pub latency_ms_p50: Option<f32>,
    /// The same for 19 of 20.
    #[serde(rename = "p95_ms", serialize_with = "json::short_or_null")]
    pub latency_ms_p95: Option<f32>,
    /// The workers that it uses, [`MAX_STREAM_WORKERS`] at most.
    pub workers: Vec<StreamWorker>,
    /// How the client chose the workers of its newest frames, [`MAX_REPORTED_DECISIONS`] at most, newest last. A view has
    /// them among those of the whole cluster.
    #[serde(skip)]
    pub decisions: Vec<Decision>,
}

/// A worker as one stream sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StreamWorker {
    /// Its name.
    pub name: String,
    /// Frames of this stream that it has.
    pub in_flight: u32,
    /// Milliseconds that one of its threads spends on a frame of this stream; None when not known.
    #[serde(serialize_with = "json::short_or_null")]
    pub frame_ms: Option<f32>,
    /// Frames of this stream that it has answered.
    pub answered: u64,
}

impl From<StreamReport> for wire::StreamReport {
    fn from(report: StreamReport) -> wire::StreamReport {
        let StreamReport {
            lease,
            name,
            source,
            client,
            priority,
            detector,
            live,
            ended,
            sent,
            ok,
            dropped,
            failed,
            retried,
            late,
            faces,
            open,
            waiting,
            latency_ms_p50,
            latency_ms_p95,
            workers,
            decisions,
        } = report;
        wire::StreamReport {
            lease_id: lease,
            stream_id: name,
            source,
            client,
            priority,
            detector,
            live,
            ended,
            sent,
            ok,
            dropped: tallies(dropped),
            failed: tallies(failed),
            retried,
            late,
            faces,
            open,
            waiting,
            latency_ms_p50: latency_ms_p50.unwrap_or(0.0),
            latency_ms_p95: latency_ms_p95.unwrap_or(0.0),
            workers: workers.into_iter().map(wire::StreamWorker::from).collect(),
            decisions: decisions.into_iter().map(wire::Decision::from).collect(),
        }
    }
}

impl TryFrom<wire::StreamReport> for StreamReport {
    type Error = Invalid;

    fn try_from(message: wire::StreamReport) -> Result<StreamReport, Invalid> {
        let wire::StreamReport {
            lease_id: lease,
            stream_id,
            source,
            client,
            priority,
            detector,
            live,
            ended,
            sent,
            ok,
            dropped,
            failed,
            retried,
            late,
            faces,
            open,
            waiting,
            latency_ms_p50,
            latency_ms_p95,
            workers,
            decisions,
        } = message;
        if lease == 0 {
            return Err(Invalid::new("StreamReport.lease_id", "is 0, which names no stream"));
        }
        at_most("StreamReport.workers", workers.len(), MAX_STREAM_WORKERS)?;
        at_most("StreamReport.decisions", decisions.len(), MAX_REPORTED_DECISIONS)?;
        let dropped = counts("StreamReport.dropped", dropped)?;
        let failed = counts("StreamReport.failed", failed)?;
        let parts = dropped.values().chain(failed.values()).chain([&ok]);
        let sum = parts.fold(u128::from(open), |sum, part| sum + u128::from(*part));
        if sum != u128::from(sent) {
            let problem = format!("{sent} is not the sum of ok, dropped, failed and open, which is {sum}");
            return Err(Invalid::new("StreamReport.sent", problem));
        }
        if waiting > open {
            let problem = format!("{waiting} frames wait, and only {open} are open");
            return Err(Invalid::new("StreamReport.waiting", problem));
        }
        Ok(StreamReport {
            lease,
            name: label("StreamReport.stream_id", stream_id, MAX_LABEL_BYTES)?,
            source: label("StreamReport.source", source, MAX_SOURCE_BYTES)?,
            client: label("StreamReport.client", client, MAX_NAME_BYTES)?,
            priority,
            detector: label("StreamReport.detector", detector, MAX_NAME_BYTES)?,
            live,
            ended,
            sent,
            ok,
            dropped,
            failed,
            retried,
            late,
            faces,
            open,
            waiting,
            latency_ms_p50: measured("StreamReport.latency_ms_p50", latency_ms_p50)?,
            latency_ms_p95: measured("StreamReport.latency_ms_p95", latency_ms_p95)?,
            workers: workers.into_iter().map(StreamWorker::try_from).collect::<Result<_, _>>()?,
            decisions: decisions.into_iter().map(Decision::try_from).collect::<Result<_, _>>()?,
        })
    }
}

impl From<StreamWorker> for wire::StreamWorker {
    fn from(worker: StreamWorker) -> wire::StreamWorker {
        let StreamWorker { name, in_flight, frame_ms, answered } = worker;
        wire::StreamWorker { name, in_flight, frame_ms: frame_ms.unwrap_or(0.0), answered }
    }
}

impl TryFrom<wire::StreamWorker> for StreamWorker {
    type Error = Invalid;

    fn try_from(message: wire::StreamWorker) -> Result<StreamWorker, Invalid> {
        let wire::StreamWorker { name, in_flight, frame_ms, answered } = message;
        let name = label("StreamWorker.name", name, MAX_LABEL_BYTES)?;
        Ok(StreamWorker { name, in_flight, frame_ms: measured("StreamWorker.frame_ms", frame_ms)?, answered })
    }
}

/// There are `count` of a list's entries, of which so many are taken.
pub(super) fn at_most(field: &'static str, count: usize, most: usize) -> Result<(), Invalid> {
    if count > most {
        return Err(Invalid::new(field, format!("has {count} entries; at most {most} are taken")));
    }
    Ok(())
}

fn tallies(counts: BTreeMap<String, u64>) -> Vec<wire::Tally> {
    counts.into_iter().map(|(name, count)| wire::Tally { name, count }).collect()
}

fn counts(field: &'static str, tallies: Vec<wire::Tally>) -> Result<BTreeMap<String, u64>, Invalid> {
    at_most(field, tallies.len(), MAX_REASONS)?;
    let mut counts = BTreeMap::new();
    for wire::Tally { name, count } in tallies {
        let name = label(field, name, MAX_REASON_BYTES)?;
        if let Some(twice) = counts.insert(name.clone(), count) {
            return Err(Invalid::new(field, format!("`{name}` is there twice, with {twice} and {count}")));
        }
    }
    Ok(counts)
}
