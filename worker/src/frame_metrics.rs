//! Metrics of how frames ended and how long their stages took.

use std::time::Duration;

use facefleet_proto::{DropReason, FailureCode};
use facefleet_service::metrics::{FRAME_SECONDS, Histogram, HistogramVec, Metrics, Outcomes, histograms};
use facefleet_vision::Stages;

use crate::frame::Verdict;

/// Counters and histograms of frames as they end. Counting a frame takes a few atomic additions and no lock.
#[derive(Debug)]
pub(crate) struct FrameMetrics {
    outcomes: Outcomes,
    /// The family of the six histograms below.
    stages: HistogramVec,
    queue: Histogram,
    decode: Histogram,
    resize: Histogram,
    detect: Histogram,
    draw: Histogram,
    encode: Histogram,
}

impl Default for FrameMetrics {
    fn default() -> FrameMetrics {
        let names = ["queue", "decode", "resize", "detect", "draw", "encode"];
        let help =
            "Seconds that a frame waited for a detector thread (queue), and that each step took which it needed.";
        let (each, stages) = histograms("facefleet_worker_stage_seconds", help, FRAME_SECONDS, "stage", names);
        let [queue, decode, resize, detect, draw, encode] = each;
        let help = "Frames by how they ended, and why.";
        let outcomes = Outcomes::new("facefleet_worker_frames_total", help, DropReason::LABELS, FailureCode::LABELS);
        FrameMetrics { outcomes, stages, queue, decode, resize, detect, draw, encode }
    }
}

impl FrameMetrics {
    /// Registers the counters and histograms with the program's metrics.
    ///
    /// # Panics
    /// They are registered already.
    pub(crate) fn add_to(&self, metrics: &Metrics) {
        metrics.add(self.outcomes.clone());
        metrics.add(self.stages.clone());
    }

    /// Counts a frame by how it ended, and the stages of a good one by how long each took.
    pub(crate) fn ended(&self, verdict: &Verdict) {
        match verdict {
            Verdict::Dropped(reason) => self.outcomes.dropped(reason.label()),
            Verdict::Failed(failure) => self.outcomes.failed(failure.code().label()),
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

/// Observes the time of a stage. A stage that a frame did not need took no time and is not counted.
fn took(histogram: &Histogram, time: Duration) {
    if !time.is_zero() {
        histogram.observe(time.as_secs_f64());
    }
}
