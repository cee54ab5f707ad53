//! The command `capacity`: how many cameras a cluster can serve, and how reliable that number is.

use std::collections::BTreeMap;
use std::net::IpAddr;

use comfy_table::{CellAlignment, Table, presets};
use facefleet_proto::{Health, Load, Node, Nodes};
use serde::Serialize;

/// The largest utilization that is planned for. The frames of several cameras arrive at random times, so the closer a worker
/// is to full utilization, the longer frames wait, and live frames become too old.
const BUSY_AT_MOST: f64 = 0.8;

/// How many cameras a cluster can serve. Programs read this as JSON: new keys may be added, existing ones never change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Capacity {
    /// The number of cameras that the cluster can serve at the same time.
    pub cameras: u64,
    /// Frames per second of each camera.
    pub fps: f32,
    /// Frames per second of all counted workers together, at full utilization.
    pub frames_per_s: f64,
    /// The share of `frames_per_s` that cameras may use.
    pub busy_at_most: f64,
    /// All workers, ordered by id.
    pub workers: Vec<Worker>,
    /// The assumptions behind the answer, for people to read.
    pub assumed: Vec<String>,
}

/// What one worker contributes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Worker {
    /// The id that the master gave the worker.
    pub id: u32,
    /// The worker's name.
    pub name: String,
    /// `healthy`, `draining` or `lost`.
    pub state: &'static str,
    /// The number of detector threads.
    pub cores: u32,
    /// Frames per second at full utilization; 0 if the worker is not counted.
    pub frames_per_s: f64,
    /// How the speed is known.
    pub how: How,
    /// What throttles the worker's machine now.
    pub held_back_by: Vec<&'static str>,
}

/// How the speed of a worker is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Measured on the frames that the worker processes now.
    FramesNow,
    /// Measured on the last frames that the worker processed.
    LastFrames,
    /// Measured by the worker's self-test; it has had no frames since it started.
    SelfTest,
    /// Unknown: the worker has had no frames and its self-test has no result yet.
    Unknown,
    /// Irrelevant: the worker takes no new frames.
    NotCounted,
}

impl How {
    fn words(self) -> &'static str {
        match self {
            How::FramesNow => "measured now, from its frames",
            How::LastFrames => "measured, from its last frames",
            How::SelfTest => "from its self-test",
            How::Unknown => "not known yet, not counted",
            How::NotCounted => "takes no new frames, not counted",
        }
    }
}

impl Capacity {
    /// Calculates how many cameras with `fps` frames per second these workers can serve. `fps` must be above 0.
    pub fn of(nodes: &Nodes, fps: f32) -> Capacity {
        let workers: Vec<Worker> = nodes.nodes.iter().map(Worker::of).collect();
        let frames_per_s: f64 = workers.iter().map(|worker| worker.frames_per_s).sum();
        let cameras = (frames_per_s * BUSY_AT_MOST / f64::from(fps)).floor() as u64;
        let assumed = assumptions(&workers, &nodes.nodes);
        Capacity { cameras, fps, frames_per_s, busy_at_most: BUSY_AT_MOST, workers, assumed }
    }

    /// Formats the answer as text for people.
    pub fn text(&self) -> String {
        let Capacity { cameras, fps, frames_per_s, busy_at_most, workers, assumed } = self;
        if workers.is_empty() {
            return "this cluster can serve no cameras: no worker has joined yet".to_owned();
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["ID", "NAME", "STATE", "CORES", "FRAMES/S", "HOW THAT IS KNOWN"]);
        for Worker { id, name, state, cores, frames_per_s, how, held_back_by } in workers {
            let held_back = match &held_back_by[..] {
                [] => String::new(),
                by => format!("; throttled: {}", by.join(",")),
            };
            let speed = if *frames_per_s > 0.0 { format!("{frames_per_s:.1}") } else { "-".to_owned() };
            let how = format!("{}{held_back}", how.words());
            table.add_row([id.to_string(), name.clone(), (*state).to_owned(), cores.to_string(), speed, how]);
        }
        for number in [0, 3, 4] {
            table.column_mut(number).expect("there are six columns").set_cell_alignment(CellAlignment::Right);
        }
        let percent = busy_at_most * 100.0;
        let assumed: String = assumed.iter().map(|line| format!("\n- {line}")).collect();
        format!(
            "this cluster can serve {cameras} camera{} at {fps} frames/s: {percent:.0} % of {frames_per_s:.1} frames/s\n\n\
             {table}\n\nassumed:{assumed}",
            if *cameras == 1 { "" } else { "s" },
        )
    }

    /// Formats the answer as one JSON object for programs.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers and texts are always JSON")
    }
}

impl Worker {
    fn of(node: &Node) -> Worker {
        let Node { id, identity, cores, health, load, .. } = node;
        let (how, frames_per_s) = match (health, load) {
            (Health::Draining | Health::Lost, _) => (How::NotCounted, 0.0),
            (Health::Healthy, None) => (How::Unknown, 0.0),
            (Health::Healthy, Some(load)) => speed(load, *cores),
        };
        Worker {
            id: id.0,
            name: identity.name.clone(),
            state: health.name(),
            cores: *cores,
            frames_per_s,
            how,
            held_back_by: load.as_ref().map_or_else(Vec::new, |load| load.throttling.now()),
        }
    }
}

/// Returns a worker's speed in frames per second, and how it is known. Real frames tell more than the self-test, which does
/// not know what has slowed the machine down since.
fn speed(load: &Load, cores: u32) -> (How, f64) {
    match (load.frame_ms, load.frames_per_s) {
        (Some(frame_ms), _) => {
            let how = if load.in_flight > 0 { How::FramesNow } else { How::LastFrames };
            (how, f64::from(cores) * 1e3 / f64::from(frame_ms))
        }
        (None, Some(measured)) => (How::SelfTest, f64::from(measured) / f64::from(load.throttling.slowdown())),
        (None, None) => (How::Unknown, 0.0),
    }
}

fn assumptions(workers: &[Worker], nodes: &[Node]) -> Vec<String> {
    let is_known_by = |hows: &[How]| workers.iter().any(|worker| hows.contains(&worker.how));
    let mut assumed = vec![format!(
        "no worker is used for more than {:.0} % of the time, so that frames hardly wait, and every camera may use all workers",
        BUSY_AT_MOST * 100.0
    )];
    if is_known_by(&[How::FramesNow, How::LastFrames]) {
        assumed.push(
            "the cameras send frames like those that were measured, with the same settings, and a frame takes no longer \
             when all threads are busy"
                .to_owned(),
        );
    }
    if is_known_by(&[How::SelfTest]) {
        assumed.push(
            "where only a self-test is known: 640x360 frames, the worker's default detector, boxes and no pictures"
                .to_owned(),
        );
    }
    let is_held_back = |worker: &Worker| worker.how == How::SelfTest && !worker.held_back_by.is_empty();
    if workers.iter().any(is_held_back) {
        assumed.push("a throttled worker reaches two thirds of the speed of its self-test".to_owned());
    }
    let mut at: BTreeMap<IpAddr, usize> = BTreeMap::new();
    for (_, node) in workers.iter().zip(nodes).filter(|(worker, _)| worker.frames_per_s > 0.0) {
        *at.entry(node.address.ip()).or_default() += 1;
    }
    for (ip, count) in at.into_iter().filter(|(_, count)| *count > 1) {
        assumed.push(format!(
            "the {count} workers at {ip} do not share a processor, or were all busy when they were measured"
        ));
    }
    assumed
}

#[cfg(test)]
mod tests;
