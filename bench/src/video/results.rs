//! The figures, for people and for programs.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::HD;
use super::annotated::{Annotated, Cost};
use super::wire::{Side, Wire};
use crate::times::median_ms;

/// Most bytes of a frame of [`HD`] that is sent.
const BYTES_GOAL: f64 = 40e3;
/// Most processor time of the client's ffmpeg for a frame of [`HD`], in times that of decoding it.
const READING_GOAL: f64 = 1.6;
/// Most time of an annotated video, in times that of encoding it.
const ANNOTATED_GOAL: f64 = 1.25;

/// What was measured. Times are medians in milliseconds for a frame.
#[derive(Serialize)]
pub(super) struct Results {
    video: String,
    rounds: u32,
    /// The core on which frames were read; None: wherever the system liked.
    core: Option<u32>,
    sizes: Vec<Row>,
    annotated: Video,
}

/// Frames of one size.
#[derive(Serialize)]
struct Row {
    size: String,
    frames: u32,
    /// Processor time of decoding alone.
    decode_cpu_ms: f64,
    large: Way,
    small: Way,
}

/// One way to send frames.
#[derive(Serialize)]
struct Way {
    frame_bytes: f64,
    /// Processor time of the client's ffmpeg.
    ffmpeg_cpu_ms: f64,
    worker_decode_ms: f64,
    worker_resize_ms: f64,
}

/// An annotated video of size [`HD`].
#[derive(Serialize)]
struct Video {
    frames: u32,
    ffmpeg: Times,
    local: Times,
    elsewhere: Times,
}

#[derive(Serialize)]
struct Times {
    wall_ms: f64,
    cpu_ms: f64,
}

impl Results {
    pub(super) fn new(video: &Path, rounds: u32, core: Option<u32>, wires: &[Wire], annotated: &Annotated) -> Results {
        let &Annotated { frames, ref encoded, ref local, ref elsewhere, .. } = annotated;
        let times = |costs: &[Cost]| Times {
            wall_ms: median_ms(costs.iter().map(|cost| cost.wall / frames)),
            cpu_ms: median_ms(costs.iter().map(|cost| cost.cpu / frames)),
        };
        Results {
            video: video.display().to_string(),
            rounds,
            core,
            sizes: wires.iter().map(Row::new).collect(),
            annotated: Video { frames, ffmpeg: times(encoded), local: times(local), elsewhere: times(elsewhere) },
        }
    }
}

impl Row {
    fn new(wire: &Wire) -> Row {
        let &Wire { size, frames, ref bare, ref large, ref small, .. } = wire;
        let a_frame = |times: &[Duration]| median_ms(times.iter().map(|time| *time / frames));
        let way = |side: &Side| Way {
            frame_bytes: side.bytes as f64 / f64::from(frames),
            ffmpeg_cpu_ms: a_frame(&side.reading),
            worker_decode_ms: side.worker.stage_ms(|stages| stages.decode),
            worker_resize_ms: side.worker.stage_ms(|stages| stages.resize),
        };
        Row { size: size.to_string(), frames, decode_cpu_ms: a_frame(bare), large: way(large), small: way(small) }
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Results { video, rounds, core, sizes, annotated } = self;
        writeln!(f, "{video}, scaled to each size and with grain; {rounds} rounds, medians for a frame")?;
        match core {
            Some(core) => writeln!(f, "frames are read on core {core}\n")?,
            None => writeln!(f, "frames are not read on one core (there is no taskset here)\n")?,
        }
        let row = |f: &mut fmt::Formatter<'_>, name: &str, cell: &dyn Fn(&Row) -> String| {
            let cells: String = sizes.iter().map(|row| format!("{:>11}", cell(row))).collect();
            writeln!(f, "{name:42}{cells}")
        };
        row(f, "", &|row| row.size.clone())?;
        row(f, "frames", &|row| row.frames.to_string())?;
        row(f, "kB sent, full size", &|row| format!("{:.1}", row.large.frame_bytes / 1e3))?;
        row(f, "kB sent, small", &|row| format!("{:.1}", row.small.frame_bytes / 1e3))?;
        row(f, "CPU ms, ffmpeg decodes", &|row| format!("{:.2}", row.decode_cpu_ms))?;
        row(f, "CPU ms, client's ffmpeg, full size", &|row| format!("{:.2}", row.large.ffmpeg_cpu_ms))?;
        row(f, "CPU ms, client's ffmpeg, small", &|row| format!("{:.2}", row.small.ffmpeg_cpu_ms))?;
        row(f, "client's ffmpeg / decoding, full size", &|row| format!("{:.2}", row.reading(&row.large)))?;
        row(f, "client's ffmpeg / decoding, small", &|row| format!("{:.2}", row.reading(&row.small)))?;
        row(f, "ms, worker decodes, full size", &|row| format!("{:.2}", row.large.worker_decode_ms))?;
        row(f, "ms, worker decodes, small", &|row| format!("{:.2}", row.small.worker_decode_ms))?;
        row(f, "ms, worker resizes, full size", &|row| format!("{:.2}", row.large.worker_resize_ms))?;
        row(f, "ms, worker resizes, small", &|row| format!("{:.2}", row.small.worker_resize_ms))?;

        let Video { frames, ffmpeg, local, elsewhere } = annotated;
        writeln!(f, "\nannotated video: {frames} frames of {HD}, with the start of the programs")?;
        writeln!(f, "{:42}{:>11}{:>11}{:>11}{:>11}", "", "ms", "/ ffmpeg", "CPU ms", "/ ffmpeg")?;
        for (name, times) in [
            ("ffmpeg alone encodes it", ffmpeg),
            ("client --local", local),
            ("client, workers are other machines", elsewhere),
        ] {
            let Times { wall_ms, cpu_ms } = times;
            let [wall, cpu] = [wall_ms / ffmpeg.wall_ms, cpu_ms / ffmpeg.cpu_ms];
            writeln!(f, "{name:42}{wall_ms:11.1}{wall:11.2}{cpu_ms:11.1}{cpu:11.2}")?;
        }

        let hd = sizes.iter().find(|row| row.size == HD.to_string()).expect("one of the sizes is that of the goal");
        writeln!(f, "\nat {HD:36}{:>11}{:>11}", "here", "goal")?;
        for (name, here, goal) in [
            ("kB sent", hd.small.frame_bytes / 1e3, BYTES_GOAL / 1e3),
            ("client's ffmpeg / decoding", hd.reading(&hd.small), READING_GOAL),
            ("time of client --local / ffmpeg", local.wall_ms / ffmpeg.wall_ms, ANNOTATED_GOAL),
        ] {
            writeln!(f, "{name:39}{here:11.2}{:>11}", format!("≤ {goal}"))?;
        }
        Ok(())
    }
}

impl Row {
    /// Processor time of the client's ffmpeg, in times that of decoding.
    fn reading(&self, way: &Way) -> f64 {
        way.ffmpeg_cpu_ms / self.decode_cpu_ms
    }
}
