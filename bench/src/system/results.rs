//! The figures, for people and for programs.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use facefleet_vision::Size;
use serde::Serialize;

use crate::alone::Alone;
use crate::in_worker::InWorker;
use crate::times::median_ms;

use super::programs::{Cpu, Run};

/// What is around the detector may cost this much of its time.
const GOAL_PERCENT: f64 = 25.0;

/// What was measured, each time by itself.
pub(crate) struct Measured {
    pub(crate) alone: Alone,
    pub(crate) boxes: InWorker,
    pub(crate) picture: InWorker,
    pub(crate) runs: Vec<Run>,
}

/// What it comes to. Times are medians in milliseconds for a frame.
#[derive(Serialize)]
pub(crate) struct Results {
    video: String,
    frames: usize,
    rounds: usize,
    source_size: String,
    detector_size: String,
    /// The core that all of it ran on; None: wherever the system liked.
    core: Option<u32>,
    rustface_alone_ms: f64,
    boxes: StagesMs,
    boxes_and_picture: StagesMs,
    system: System,
    /// What is around the detector, in percent of it; None where gRPC could not be measured.
    boxes_overhead_percent: Option<f64>,
    boxes_and_picture_overhead_percent: Option<f64>,
    goal_percent: f64,
}

/// The worker's stages.
#[derive(Serialize)]
struct StagesMs {
    decode: f64,
    resize: f64,
    detect: f64,
    draw: f64,
    encode: f64,
    /// The whole frame.
    total: f64,
}

/// The programs.
#[derive(Serialize)]
struct System {
    frames_per_s: f64,
    frame_ms: f64,
    /// As the worker measured it among all the others on the core.
    detect_ms: f64,
    /// Processor time of the worker besides its detector thread.
    worker_grpc_ms: Option<f64>,
    /// Processor time of the whole client, without ffmpeg.
    client_ms: Option<f64>,
}

impl Results {
    /// `sizes` are those of the frames as they were sent and as the detector saw them, and `core` the one that all of it ran
    /// on.
    pub(crate) fn new(
        video: &Path,
        frames: usize,
        [source, seen]: [Size; 2],
        core: Option<u32>,
        measured: &Measured,
    ) -> Results {
        let Measured { alone, boxes, picture, runs } = measured;
        let (boxes, boxes_and_picture, system) = (StagesMs::new(boxes), StagesMs::new(picture), System::new(runs));
        let overhead = |stages: &StagesMs| Some((stages.around() + system.grpc_ms()?) / stages.detect * 100.0);
        Results {
            video: video.display().to_string(),
            frames,
            rounds: runs.len(),
            source_size: source.to_string(),
            detector_size: seen.to_string(),
            core,
            rustface_alone_ms: median_ms(alone.times.iter().copied()),
            boxes_overhead_percent: overhead(&boxes),
            boxes_and_picture_overhead_percent: overhead(&boxes_and_picture),
            boxes,
            boxes_and_picture,
            system,
            goal_percent: GOAL_PERCENT,
        }
    }
}

impl StagesMs {
    fn new(worker: &InWorker) -> StagesMs {
        StagesMs {
            decode: worker.stage_ms(|s| s.decode),
            resize: worker.stage_ms(|s| s.resize),
            detect: worker.stage_ms(|s| s.detect),
            draw: worker.stage_ms(|s| s.draw),
            encode: worker.stage_ms(|s| s.encode),
            total: median_ms(worker.totals.iter().copied()),
        }
    }

    /// Everything but the detector.
    fn around(&self) -> f64 {
        self.decode + self.resize + self.draw + self.encode
    }
}

impl System {
    fn new(runs: &[Run]) -> System {
        let frame_ms = median_ms(runs.iter().map(|run| run.frame));
        let cpu = |part: fn(&Cpu) -> Duration| {
            let parts: Option<Vec<Duration>> = runs.iter().map(|run| run.cpu.as_ref().map(part)).collect();
            parts.map(median_ms)
        };
        System {
            frames_per_s: 1e3 / frame_ms,
            frame_ms,
            detect_ms: median_ms(runs.iter().flat_map(|run| run.detect.iter().copied())),
            worker_grpc_ms: cpu(|cpu| cpu.worker),
            client_ms: cpu(|cpu| cpu.client),
        }
    }

    /// Both ends of the wire.
    fn grpc_ms(&self) -> Option<f64> {
        Some(self.worker_grpc_ms? + self.client_ms?)
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Results { video, frames, rounds, source_size, detector_size, core, system, .. } = self;
        writeln!(f, "{video}: {frames} frames of {source_size}, detected at {detector_size}, {rounds} times")?;
        match core {
            Some(core) => writeln!(f, "everything on core {core}; medians, ms a frame\n")?,
            None => writeln!(f, "not kept on one core (there is no taskset here); medians, ms a frame\n")?,
        }
        let head = ["decode", "resize", "detect", "draw", "encode", "total"].map(|stage| format!("{stage:>8}"));
        writeln!(f, "{:26}{}", "", head.concat())?;
        let row = |name: &str, times: [Option<f64>; 6]| {
            let times = times.map(|time| time.map_or_else(|| " ".repeat(8), |ms| format!("{ms:8.2}")));
            format!("{name:26}{}", times.concat())
        };
        writeln!(f, "{}", row("rustface alone", [None, None, Some(self.rustface_alone_ms), None, None, None]))?;
        for (name, stages) in [("worker, boxes", &self.boxes), ("worker, boxes and picture", &self.boxes_and_picture)] {
            let &StagesMs { decode, resize, detect, draw, encode, total } = stages;
            writeln!(f, "{}", row(name, [decode, resize, detect, draw, encode, total].map(Some)))?;
        }
        let &System { frames_per_s, frame_ms, detect_ms, worker_grpc_ms, client_ms } = system;
        let programs = row("master, worker, client", [None, None, Some(detect_ms), None, None, Some(frame_ms)]);
        writeln!(f, "{programs}   = {frames_per_s:.1} frames/s\n")?;
        writeln!(f, "the worker besides its detector thread: {}", cpu(worker_grpc_ms))?;
        writeln!(f, "the client without its ffmpeg: {}", cpu(client_ms))?;
        for (name, percent) in
            [("boxes", self.boxes_overhead_percent), ("boxes and picture", self.boxes_and_picture_overhead_percent)]
        {
            let percent = percent.map_or_else(|| "not known here".into(), |percent| format!("{percent:.1} % of it"));
            writeln!(f, "all that is around the detector, {name}: {percent} (goal: at most {GOAL_PERCENT} %)")?;
        }
        Ok(())
    }
}

fn cpu(time: Option<f64>) -> String {
    time.map_or_else(|| "not told by this system".into(), |ms| format!("{ms:.2} ms of processor time a frame"))
}
