//! The streams that report to this master.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use facefleet_cluster::rate::Rate;
use facefleet_proto::view::{MAX_STREAMS, StreamReport, StreamView};

/// How long a stream is shown after its end.
const SHOWN_AFTER_END: Duration = Duration::from_secs(10);
/// How long a stream is shown whose client has fallen silent without a word.
const SHOWN_IN_SILENCE: Duration = Duration::from_secs(30);
/// Workers of a stream that are kept: those that have most of its frames. If all were kept, a thousand streams that use a whole
/// cluster each would be tens of megabytes a second for each viewer.
const WORKERS_KEPT: usize = 32;

/// The last report of each stream, oldest stream first.
#[derive(Debug, Default)]
pub(crate) struct Streams(Vec<ReportedStream>);

#[derive(Debug)]
struct ReportedStream {
    report: StreamReport,
    at: Instant,
    /// Counts the frames that ended well.
    rate: Rate,
}

/// What a report adds to the one before.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ReportChange {
    /// Frames that were dropped since the report before, by reason. Empty in the first report of a stream, since nobody knows
    /// when its frames were dropped.
    pub(crate) dropped: BTreeMap<String, u64>,
    /// The 95th percentile of the time that answers took since the report before, in milliseconds; None: there were none.
    pub(crate) p95_ms: Option<f32>,
}

/// [`MAX_STREAMS`] streams are shown already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_STREAMS} streams are shown, which is the most: this one is not, until some of them have ended")]
pub(crate) struct TooManyStreams;

impl Streams {
    /// Takes a report.
    ///
    /// # Errors
    /// There is no room for one more stream.
    pub(crate) fn take(&mut self, mut report: StreamReport, now: Instant) -> Result<ReportChange, TooManyStreams> {
        keep_the_busiest(&mut report);
        let p95_ms = report.latency_ms_p95;
        // A walk over a thousand numbers, by each of a thousand streams once a second, is nothing.
        if let Some(known) = self.0.iter_mut().find(|known| known.report.lease == report.lease) {
            if known.report.ended {
                return Ok(ReportChange::default());
            }
            known.rate.count(report.ok, now);
            let dropped = since(&known.report.dropped, &report.dropped);
            (known.report, known.at) = (report, now);
            return Ok(ReportChange { dropped, p95_ms });
        }
        self.forget(now);
        if self.0.len() >= MAX_STREAMS {
            return Err(TooManyStreams);
        }
        let mut rate = Rate::default();
        rate.count(report.ok, now);
        self.0.push(ReportedStream { report, at: now, rate });
        Ok(ReportChange { dropped: BTreeMap::new(), p95_ms })
    }

    /// The streams that are shown now.
    pub(crate) fn views(&mut self, now: Instant) -> Vec<StreamView> {
        self.forget(now);
        let view = |ReportedStream { report, at, rate }: &ReportedStream| StreamView {
            report: report.clone(),
            frames_per_s: if report.ended { 0.0 } else { rate.per_s() },
            silent: now.saturating_duration_since(*at),
        };
        self.0.iter().map(view).collect()
    }

    fn forget(&mut self, now: Instant) {
        self.0.retain(|known| {
            let shown = if known.report.ended { SHOWN_AFTER_END } else { SHOWN_IN_SILENCE };
            now.saturating_duration_since(known.at) < shown
        });
    }
}

/// Removes the workers beyond [`WORKERS_KEPT`], and the decisions, which are kept elsewhere.
fn keep_the_busiest(report: &mut StreamReport) {
    report.decisions = Vec::new();
    if report.workers.len() > WORKERS_KEPT {
        report.workers.sort_by_key(|worker| Reverse((worker.in_flight, worker.answered)));
        report.workers.truncate(WORKERS_KEPT);
        report.workers.sort_by(|a, b| a.name.cmp(&b.name));
    }
}

/// How many more frames were dropped by the report `after` than by the one `before`, by reason; no zeros.
fn since(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let more = after
        .iter()
        .map(|(reason, count)| (reason.clone(), count.saturating_sub(before.get(reason).copied().unwrap_or(0))));
    more.filter(|(_, count)| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_proto::view::StreamWorker;
    use facefleet_service::clock;

    fn report(lease: u64, ok: u64) -> StreamReport {
        StreamReport { lease, ok, sent: ok, ..StreamReport::default() }
    }

    fn secs(s: f32) -> Duration {
        Duration::from_secs_f32(s)
    }

    #[test]
    fn a_stream_is_as_fast_as_its_last_two_reports_and_stands_still_at_its_end() {
        let (mut streams, start) = (Streams::default(), clock::now());
        streams.take(report(1, 100), start).unwrap();
        streams.take(report(1, 125), start + secs(2.0)).unwrap();
        let view = streams.views(start + secs(2.5)).remove(0);
        assert_eq!((view.frames_per_s, view.silent), (12.5, secs(0.5)));
        streams.take(StreamReport { ended: true, ..report(1, 150) }, start + secs(3.0)).unwrap();
        assert_eq!(streams.views(start + secs(3.0))[0].frames_per_s, 0.0);
    }

    #[test]
    fn a_stream_is_forgotten_after_its_end_or_a_long_silence() {
        let (mut streams, start) = (Streams::default(), clock::now());
        streams.take(report(1, 1), start).unwrap();
        streams.take(report(2, 1), start).unwrap();
        streams.take(StreamReport { ended: true, ..report(2, 9) }, start).unwrap();
        // What was on the way when it ended changes nothing.
        streams.take(report(2, 5), start + secs(5.0)).unwrap();
        let mut shown = |at: f32| -> Vec<(u64, u64)> {
            streams.views(start + secs(at)).iter().map(|view| (view.report.lease, view.report.ok)).collect()
        };
        assert_eq!(shown(9.9), [(1, 1), (2, 9)]);
        assert_eq!(shown(10.0), [(1, 1)]);
        assert_eq!(shown(29.9), [(1, 1)]);
        assert_eq!(shown(30.0), []);
    }

    #[test]
    fn whatever_is_reported_memory_is_bounded() {
        let (mut streams, start) = (Streams::default(), clock::now());
        let worker = |n: u32| StreamWorker { name: n.to_string(), in_flight: n % 7, ..StreamWorker::default() };
        for lease in 1..=MAX_STREAMS as u64 + 10 {
            let report = StreamReport { workers: (0..256).map(worker).collect(), ..report(lease, 1) };
            assert_eq!(streams.take(report, start).is_err(), lease > MAX_STREAMS as u64);
        }
        let views = streams.views(start);
        assert_eq!((views.len(), views[0].report.workers.len()), (MAX_STREAMS, WORKERS_KEPT));
        assert!(views[0].report.workers.iter().all(|worker| worker.in_flight == 6));
        assert_eq!(
            streams.take(report(5000, 1), start + SHOWN_IN_SILENCE),
            Ok(ReportChange::default()),
            "there is room again"
        );
    }

    #[test]
    fn drops_count_from_the_first_report_on() {
        let (mut streams, start) = (Streams::default(), clock::now());
        let report = |old, full| {
            let dropped = [("stale_client", old), ("queue_full", full)].map(|(name, count)| (name.to_owned(), count));
            StreamReport { dropped: dropped.into(), latency_ms_p95: Some(9.0), ..report(1, 0) }
        };
        assert_eq!(streams.take(report(100, 0), start).unwrap().dropped, BTreeMap::new());
        let change = streams.take(report(103, 0), start + secs(1.0)).unwrap();
        assert_eq!((change.dropped, change.p95_ms), ([("stale_client".to_owned(), 3)].into(), Some(9.0)));
    }
}
