//! Frames through the programs: one master, one worker of one thread, one client.

use std::path::Path;
use std::time::Duration;

use facefleet_e2e::Cluster;
use facefleet_service::clock;
use serde_json::Value;

use crate::{Error, cpu};

/// What the worker's detector threads are called.
const DETECTOR_THREADS: &str = "detect";

/// One run.
pub(crate) struct Run {
    /// Time from one frame's result to the next, in the middle of it all: the start of the programs is not in it.
    pub(crate) frame: Duration,
    /// What the worker says its detector took, a frame each.
    pub(crate) detect: Vec<Duration>,
    /// None where the system does not tell.
    pub(crate) cpu: Option<Cpu>,
}

/// Processor time for a frame, on average.
#[derive(Clone, Copy)]
pub(crate) struct Cpu {
    /// The worker, but for its detector thread: gRPC, and heartbeats.
    pub(crate) worker: Duration,
    /// The client without ffmpeg: gRPC, reading frames and writing results.
    pub(crate) client: Duration,
}

/// Sends the first `frames` frames of the video through a cluster.
pub(crate) fn run(video: &Path, frames: usize) -> Result<Run, Error> {
    let cluster = Cluster::start(1)?;
    let worker = cluster.workers[0].process.id();
    let besides_detecting = || cpu::of_process(worker)?.checked_sub(cpu::of_threads(worker, DETECTOR_THREADS)?);
    let worker_before = besides_detecting();
    let limit = frames.to_string();
    let mut client = cluster.run(&[&video.to_string_lossy(), "--limit", &limit, "--json", "-"])?;
    let id = client.id();
    let (mut lines, mut first, mut client_cpu) = (Vec::with_capacity(frames), None, None);
    let end = client.wait_for("write a line for each frame", |line| {
        first.get_or_insert_with(clock::now);
        lines.push(line.to_owned());
        client_cpu = cpu::of_process(id).or(client_cpu);
        (lines.len() == frames).then(clock::now)
    })?;
    let worker_cpu = besides_detecting().zip(worker_before).and_then(|(after, before)| after.checked_sub(before));
    client.end()?;

    let count = u32::try_from(frames).expect("the command line takes no more");
    let start = first.expect("there was a last line, and so a first one");
    let cpu = worker_cpu.zip(client_cpu);
    Ok(Run {
        frame: (end - start) / (count - 1),
        detect: lines.iter().map(|line| detect_time(line)).collect::<Result<_, _>>()?,
        cpu: cpu.map(|(worker, client)| Cpu { worker: worker / count, client: client / count }),
    })
}

fn detect_time(line: &str) -> Result<Duration, Error> {
    let line: Value = serde_json::from_str(line)?;
    let ms = line["stages_ms"]["detect"].as_f64().unwrap_or_default();
    Ok(Duration::from_secs_f64(ms / 1e3))
}
