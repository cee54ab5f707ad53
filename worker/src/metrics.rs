//! What the worker tells Prometheus.

use std::time::Duration;

use facefleet_service::metrics::{FRAME_SECONDS, Histogram, HistogramVec, Kind, Metrics, Outcomes, histograms};
use facefleet_vision::Stages;

use crate::frame::Verdict;
use crate::grpc::Streams;
use crate::live::Live;
use crate::stats::Stats;

/// What is counted as frames end, which takes a few additions and no lock.
#[derive(Debug)]
pub(crate) struct Frames {
    outcomes: Outcomes,
    /// The six below.
    stages: HistogramVec,
    queue: Histogram,
    decode: Histogram,
    resize: Histogram,
    detect: Histogram,
    draw: Histogram,
    encode: Histogram,
}

impl Default for Frames {
    fn default() -> Frames {
        let names = ["queue", "decode", "resize", "detect", "draw", "encode"];
        let help =
            "Seconds that a frame waited for a detector thread (queue), and that each step took which it needed.";
        let (each, stages) = histograms("facefleet_worker_stage_seconds", help, FRAME_SECONDS, "stage", names);
        let [queue, decode, resize, detect, draw, encode] = each;
        let outcomes = Outcomes::new("facefleet_worker_frames_total", "Frames by how they ended, and why.");
        Frames { outcomes, stages, queue, decode, resize, detect, draw, encode }
    }
}

impl Frames {
    /// A frame has ended.
    pub(crate) fn ended(&self, verdict: &Verdict) {
        match verdict {
            Verdict::Dropped(reason) => self.outcomes.dropped(reason),
            Verdict::Failed(failure) => self.outcomes.failed(failure.code()),
            Verdict::Done { report, queued } => {
                self.outcomes.ok();
                self.queue.observe(queued.as_secs_f64());
                let Stages { decode, resize, detect, draw, encode } = report.stages;
                took(&self.decode, decode);
                took(&self.resize, resize);
                took(&self.detect, detect);
                took(&self.draw, draw);
                took(&self.encode, encode);
            }
        }
    }
}

fn took(histogram: &Histogram, time: Duration) {
    if !time.is_zero() {
        histogram.observe(time.as_secs_f64());
    }
}

/// All that the worker tells.
pub(crate) fn of(stats: &Stats, streams: &Streams, live: &Live) -> Metrics {
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    let Frames { outcomes, stages, .. } = stats.frames();
    metrics.add(outcomes.clone());
    metrics.add(stages.clone());
    let gauge = |name, help, now: fn(&Stats) -> u32| {
        let stats = stats.clone();
        metrics.gauge(name, help, move || now(&stats).into());
    };
    gauge("facefleet_worker_frames_in_flight", "Frames that are taken and not answered.", |stats| {
        stats.load().in_flight
    });
    gauge("facefleet_worker_frames_queued", "Those of them that wait for a detector thread.", |stats| {
        stats.load().queued
    });
    let streams = streams.clone();
    metrics.gauge("facefleet_worker_streams_open", "Streams that clients have open.", move || streams.open() as f64);
    let watched = live.clone();
    let help = "Those who look at a stream's live view.";
    metrics.gauge("facefleet_worker_live_watchers", help, move || watched.watchers() as f64);
    let drawn = live.clone();
    let help = "Pictures that were drawn for them.";
    let name = "facefleet_worker_live_pictures_total";
    metrics.read(Kind::Counter, name, help, [], move || vec![([], drawn.drawn() as f64)]);
    metrics
}

#[cfg(test)]
mod tests {
    use facefleet_vision::{FrameError, Report};

    use super::*;
    use crate::duty::OnDuty;
    use crate::frame::{Failure, QUEUE_FULL, STALE};

    #[test]
    fn every_end_has_a_word_of_its_own_and_steps_that_were_not_needed_do_not_count() {
        let (stats, streams) = (Stats::default(), Streams::new(1, OnDuty::new()));
        let stages = Stages { detect: Duration::from_millis(3), ..Stages::default() };
        let report = Report { stages, ..Report::default() };
        stats.ended(&Verdict::Done { report, queued: Duration::ZERO });
        stats.ended(&Verdict::Dropped(STALE));
        stats.ended(&Verdict::Dropped(QUEUE_FULL));
        stats.forgotten();
        stats.ended(&Verdict::Failed(Failure::ThreadGone));
        stats.ended(&Verdict::Failed(FrameError::Empty.into()));
        let text = of(&stats, &streams, &Live::default()).text();
        let ends: Vec<&str> =
            text.lines().filter(|l| l.starts_with("facefleet_worker_frames_total") && !l.ends_with(" 0")).collect();
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
