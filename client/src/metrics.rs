//! Metrics of a run for Prometheus, with `--http`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use facefleet_proto::{DropReason, FailureCode};
use facefleet_service::metrics::{FRAME_SECONDS, Histogram, Kind, Metrics, Samples, histogram};

use facefleet_stream::ledger::Counts;

/// Measurements of one stream that its ledger does not have. Clones belong to the same stream.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    stream: usize,
    run: Arc<Run>,
}

/// Measurements of all streams of a run.
#[derive(Debug)]
struct Run {
    latency: Histogram,
    /// The number of workers in use, by stream.
    workers: Vec<AtomicUsize>,
}

impl Seen {
    /// Creates one value per stream of a run.
    pub(crate) fn by(streams: usize) -> Vec<Seen> {
        let help = "Seconds from a frame's arrival at the client to its result.";
        let latency = histogram("facefleet_client_frame_seconds", help, FRAME_SECONDS);
        let workers = std::iter::repeat_with(AtomicUsize::default).take(streams).collect();
        let run = Arc::new(Run { latency, workers });
        (0..streams).map(|stream| Seen { stream, run: run.clone() }).collect()
    }

    /// Records that the result of a frame arrived `after` the frame was read.
    pub(crate) fn done(&self, after: Duration) {
        self.run.latency.observe(after.as_secs_f64());
    }

    /// Records how many workers take frames of the stream now.
    pub(crate) fn uses(&self, workers: usize) {
        self.run.workers[self.stream].store(workers, Ordering::Relaxed);
    }
}

/// Returns all metrics of a run: those of its ledgers, of which `counts` returns the sum, and those of `seen`.
pub(crate) fn of(seen: &Seen, counts: impl Fn() -> Counts + Clone + Send + Sync + 'static) -> Metrics {
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    metrics.add(seen.run.latency.clone());
    let ledger = counts.clone();
    let help = "Frames by how they ended, and why.";
    metrics.read(Kind::Counter, "facefleet_client_frames_total", help, ["outcome", "reason"], move || ends(&ledger()));
    let counter = |name, help, count: fn(&Counts) -> u64| {
        let counts = counts.clone();
        metrics.read(Kind::Counter, name, help, [], move || vec![([], count(&counts()) as f64)]);
    };
    counter("facefleet_client_frames_sent_total", "Frames that the source gave.", |counts| counts.sent);
    counter("facefleet_client_frames_retried_total", "Times that a frame was sent again.", |counts| counts.retried);
    counter("facefleet_client_late_answers_total", "Answers that nobody awaited any more.", |counts| counts.late);
    counter("facefleet_client_faces_total", "Faces found.", |counts| counts.faces);
    let open = counts.clone();
    metrics.gauge("facefleet_client_frames_open", "Frames whose end is not known.", move || {
        let counts = open();
        counts.sent.saturating_sub(counts.ended()) as f64
    });
    let run = seen.run.clone();
    metrics.gauge(
        "facefleet_client_workers_in_use",
        "Workers that take frames; one for each stream that uses it.",
        move || run.workers.iter().map(|workers| workers.load(Ordering::Relaxed) as f64).sum(),
    );
    metrics
}

/// Returns one sample for each way in which a frame can end. Reasons that this release does not know, as a newer or a
/// hostile worker may send them, share one label.
fn ends(counts: &Counts) -> Samples<2> {
    let Counts { ok, dropped, failed, .. } = counts;
    let by_label = |outcome, labels: &'static [&'static str], counts: Vec<(&'static str, u64)>| {
        labels.iter().map(move |label| {
            let sum: u64 = counts.iter().filter(|(of, _)| of == label).map(|(_, count)| count).sum();
            ([outcome, *label], sum as f64)
        })
    };
    let dropped = dropped.iter().map(|(reason, count)| (reason.label(), *count)).collect();
    let failed = failed.iter().map(|(code, count)| (code.label(), *count)).collect();
    std::iter::once((["ok", ""], *ok as f64))
        .chain(by_label("dropped", DropReason::LABELS, dropped))
        .chain(by_label("failed", FailureCode::LABELS, failed))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_what_the_ledger_says_and_no_strangers_words() {
        let counts = Counts {
            sent: 20,
            ok: 7,
            dropped: [(DropReason::StaleClient, 2)].into(),
            failed: [(FailureCode::Corrupt, 1), ("evil\n".into(), 3), ("worse".into(), 4)].into(),
            retried: 5,
            late: 6,
            faces: 8,
            ..Counts::default()
        };
        let seen = Seen::by(2);
        seen[0].uses(3);
        seen[1].uses(2);
        seen[0].uses(1);
        seen[1].done(Duration::from_millis(30));
        let text = of(&seen[0], move || counts.clone()).text();
        for line in [
            "facefleet_client_frames_total{outcome=\"ok\",reason=\"\"} 7",
            "facefleet_client_frames_total{outcome=\"dropped\",reason=\"stale_client\"} 2",
            "facefleet_client_frames_total{outcome=\"failed\",reason=\"corrupt\"} 1",
            "facefleet_client_frames_total{outcome=\"failed\",reason=\"other\"} 7",
            "facefleet_client_frames_total{outcome=\"failed\",reason=\"truncated\"} 0",
            "facefleet_client_frames_sent_total 20",
            "facefleet_client_frames_open 3",
            "facefleet_client_workers_in_use 3",
            "facefleet_client_frame_seconds_bucket{le=\"0.025\"} 0",
            "facefleet_client_frame_seconds_bucket{le=\"0.05\"} 1",
        ] {
            assert!(text.lines().any(|told| told == line), "`{line}` in:\n{text}");
        }
        assert!(!text.contains("evil") && !text.contains("worse"));
        for reason in DropReason::LABELS.iter().chain(FailureCode::LABELS) {
            assert!(text.contains(&format!("reason=\"{reason}\"}}")), "no series for {reason} in:\n{text}");
        }
    }
}
