//! The report of a client about one of its streams.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Decision, MAX_LABEL_BYTES, json};
use crate::invalid::{label, measured};
use crate::{Invalid, MAX_NAME_BYTES, wire};

/// The length of the longest description of a stream's source, in bytes.
pub const MAX_SOURCE_BYTES: usize = 128;
/// The most reasons for dropped frames in a report, and the most reasons for failed frames.
pub const MAX_REASONS: usize = 32;
/// The length of the longest reason, in bytes.
pub const MAX_REASON_BYTES: usize = 64;
/// The most workers of one stream in a report.
pub const MAX_STREAM_WORKERS: usize = 256;
/// The most decisions in one report.
pub const MAX_REPORTED_DECISIONS: usize = 4;

/// A client's report about one of its streams, which comes about once a second, and once more when the stream has ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StreamReport {
    /// The number of the stream, as in [`crate::RouteQuery`]. It is never 0.
    #[serde(rename = "id", serialize_with = "json::hex")]
    pub lease: u64,
    /// The client's name for the stream.
    pub name: String,
    /// The source that the stream reads: the name of a file, a camera or a host.
    pub source: String,
    /// The machine on which the client runs.
    pub client: String,
    /// The priority of the stream, as in [`crate::AnalyzeOpen`].
    pub priority: i32,
    /// The name of the detector. Empty: each worker's own.
    pub detector: String,
    /// Whether frames can get too old, as a camera's do.
    pub live: bool,
    /// Whether the stream has ended and this is its last report.
    pub ended: bool,
    /// The number of frames so far, which is that of `ok`, `dropped`, `failed` and `open` together.
    pub sent: u64,
    /// The number of frames that were analyzed.
    pub ok: u64,
    /// The number of frames that were left out on purpose, by reason. There are at most [`MAX_REASONS`] reasons.
    pub dropped: BTreeMap<String, u64>,
    /// The number of frames that could not be analyzed, by reason. There are at most [`MAX_REASONS`] reasons.
    pub failed: BTreeMap<String, u64>,
    /// How often a frame was sent again.
    pub retried: u64,
    /// The number of results that came when they were not awaited any more.
    pub late: u64,
    /// The number of faces that were found.
    pub faces: u64,
    /// The number of frames whose outcome is not known yet.
    pub open: u32,
    /// The number of open frames that no worker has.
    pub waiting: u32,
    /// The median time from a frame's arrival at the client to its result, in milliseconds, over the frames since the last report. None
    /// when there was none.
    #[serde(rename = "p50_ms", serialize_with = "json::short_or_null")]
    pub latency_ms_p50: Option<f32>,
    /// The 95th percentile of the time from a frame's arrival at the client to its result, in milliseconds, over the frames since the
    /// last report. None when there was none.
    #[serde(rename = "p95_ms", serialize_with = "json::short_or_null")]
    pub latency_ms_p95: Option<f32>,
    /// The workers that the stream uses, at most [`MAX_STREAM_WORKERS`].
    pub workers: Vec<StreamWorker>,
    /// How the client chose the workers of its newest frames, at most [`MAX_REPORTED_DECISIONS`] and the newest last. The JSON of a
    /// stream does not have them, because a view lists the decisions of the whole cluster.
    #[serde(skip)]
    pub decisions: Vec<Decision>,
}

/// A worker as one stream sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StreamWorker {
    /// The worker's name.
    pub name: String,
    /// The frames of this stream that the worker has.
    pub in_flight: u32,
    /// Milliseconds that one of the worker's threads spends on a frame of this stream. None when not known.
    #[serde(serialize_with = "json::short_or_null")]
    pub frame_ms: Option<f32>,
    /// The frames of this stream that the worker has answered.
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

/// Checks that a list of `count` entries has at most `max`.
pub(super) fn at_most(field: &'static str, count: usize, max: usize) -> Result<(), Invalid> {
    if count > max {
        return Err(Invalid::new(field, format!("has {count} entries; at most {max} are taken")));
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
