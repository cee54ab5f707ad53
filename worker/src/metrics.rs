//! The worker's metrics for Prometheus.

use facefleet_service::metrics::{Kind, Metrics};

use crate::grpc::Streams;
use crate::live::Live;
use crate::stats::Stats;

/// All metrics of a worker.
pub(crate) fn of(stats: &Stats, streams: &Streams, live: &Live) -> Metrics {
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    stats.frames().add_to(&metrics);
    let gauge = |name, help, now: fn(&Stats) -> u32| {
        let stats = stats.clone();
        metrics.gauge(name, help, move || now(&stats).into());
    };
    gauge("facefleet_worker_frames_in_flight", "Frames that are taken and not answered.", |stats| stats.in_flight());
    gauge("facefleet_worker_frames_queued", "Frames that are taken and wait for a detector thread.", |stats| {
        stats.queued()
    });
    let streams = streams.clone();
    metrics.gauge("facefleet_worker_streams_open", "Streams that clients have open.", move || streams.open() as f64);
    let watched = live.clone();
    let help = "Viewers that look at the live view of a stream.";
    metrics.gauge("facefleet_worker_live_watchers", help, move || watched.watchers() as f64);
    let drawn = live.clone();
    let help = "Pictures that were drawn for viewers.";
    let name = "facefleet_worker_live_pictures_total";
    metrics.read(Kind::Counter, name, help, [], move || vec![([], drawn.drawn() as f64)]);
    metrics
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use facefleet_proto::{DropReason, FailureCode};
    use facefleet_vision::{FrameError, Report, Stages};

    use super::*;
    use crate::duty::DutyState;
    use crate::frame::{Failure, Verdict};

    #[test]
    fn every_end_has_a_word_of_its_own_and_steps_that_were_not_needed_do_not_count() {
        let (stats, streams) = (Stats::default(), Streams::new(1, DutyState::new()));
        let stages = Stages { detect: Duration::from_millis(3), ..Stages::default() };
        let report = Report { stages, ..Report::default() };
        stats.ended(&Verdict::Done { report, queued: Duration::ZERO });
        stats.ended(&Verdict::Dropped(DropReason::StaleWorker));
        stats.ended(&Verdict::Dropped(DropReason::QueueFull));
        stats.forgotten();
        stats.ended(&Verdict::Failed(Failure::ThreadGone));
        stats.ended(&Verdict::Failed(FrameError::Empty.into()));
        let text = of(&stats, &streams, &Live::default()).text();
        let ends: Vec<&str> =
            text.lines().filter(|l| l.starts_with("facefleet_worker_frames_total") && !l.ends_with(" 0")).collect();
        for reason in DropReason::LABELS.iter().chain(FailureCode::LABELS) {
            assert!(text.contains(&format!("reason=\"{reason}\"}}")), "no series for {reason} in:\n{text}");
        }
        assert!(ends.len() == 6 && ends.iter().all(|line| line.ends_with(" 1") && !line.contains("other")), "{ends:?}");
        for line in [
            "facefleet_worker_stage_seconds_count{stage=\"queue\"} 1",
            "facefleet_worker_stage_seconds_bucket{stage=\"detect\",le=\"0.0025\"} 0",
            "facefleet_worker_stage_seconds_bucket{stage=\"detect\",le=\"0.005\"} 1",
            "facefleet_worker_stage_seconds_count{stage=\"encode\"} 0",
            "facefleet_worker_frames_in_flight 0",
            "facefleet_worker_streams_open 0",
            "facefleet_worker_live_watchers 0",
            "facefleet_worker_live_pictures_total 0",
        ] {
            assert!(text.lines().any(|told| told == line), "`{line}` in:\n{text}");
        }
    }
}
