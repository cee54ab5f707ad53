//! `facefleet-client capacity`: how many cameras a cluster carries, and how that is known.

use std::collections::BTreeMap;
use std::net::IpAddr;

use comfy_table::{CellAlignment, Table, presets};
use facefleet_proto::{Health, Load, Node, Nodes};
use serde::Serialize;

/// Part of a worker's time that is given away. Frames of several cameras come when they come: the nearer a worker is to
/// having no pause at all, the longer they wait, and live ones grow stale.
const BUSY_AT_MOST: f64 = 0.8;

/// What a cluster carries. As JSON its keys may grow in number, and never change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Capacity {
    /// Cameras that it carries at once.
    pub cameras: u64,
    /// Frames a second that each of them sends.
    pub fps: f32,
    /// Frames a second that all counted workers do together, without a pause.
    pub frames_per_s: f64,
    /// Part of that which is given to cameras.
    pub busy_at_most: f64,
    /// Every worker, by id.
    pub workers: Vec<Worker>,
    /// What the answer takes for granted, for people.
    pub assumed: Vec<String>,
}

/// What one worker adds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Worker {
    /// Its number at the master.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// `healthy`, `draining` or `lost`.
    pub state: &'static str,
    /// Detector threads.
    pub cores: u32,
    /// Frames a second that it does without a pause; 0 when it is not counted.
    pub frames_per_s: f64,
    /// How that is known.
    pub how: How,
    /// What holds its machine back now.
    pub held_back_by: Vec<&'static str>,
}

/// How the speed of a worker is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// From the frames that it works on now.
    FramesNow,
    /// From the frames that it had last.
    LastFrames,
    /// From what it measured of itself; it has had no frames since it started.
    SelfTest,
    /// It is not: it has had no frames and has not measured itself (yet).
    Unknown,
    /// It does not matter: it takes no new frames.
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
    /// What these workers carry of cameras with `fps` frames a second, which is above 0.
    pub fn of(nodes: &Nodes, fps: f32) -> Capacity {
        let workers: Vec<Worker> = nodes.nodes.iter().map(Worker::of).collect();
        let frames_per_s: f64 = workers.iter().map(|worker| worker.frames_per_s).sum();
        let cameras = (frames_per_s * BUSY_AT_MOST / f64::from(fps)).floor() as u64;
        let assumed = assumptions(&workers, &nodes.nodes);
        Capacity { cameras, fps, frames_per_s, busy_at_most: BUSY_AT_MOST, workers, assumed }
    }

    /// For people.
    pub fn text(&self) -> String {
        let Capacity { cameras, fps, frames_per_s, busy_at_most, workers, assumed } = self;
        if workers.is_empty() {
            return "this cluster carries no camera: no worker has joined yet".to_owned();
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["ID", "NAME", "STATE", "CORES", "FRAMES/S", "HOW THAT IS KNOWN"]);
        for Worker { id, name, state, cores, frames_per_s, how, held_back_by } in workers {
            let held_back = match &held_back_by[..] {
                [] => String::new(),
                by => format!("; held back: {}", by.join(",")),
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
            "this cluster carries {cameras} camera{} at {fps} frames/s: {percent:.0} % of {frames_per_s:.1} frames/s\n\n\
             {table}\n\nassumed:{assumed}",
            if *cameras == 1 { "" } else { "s" },
        )
    }

    /// For programs: one JSON object.
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

/// Real frames tell more than a self-test, which knows nothing of what has slowed the machine down since.
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
        "no worker is busy for more than {:.0} % of the time, so that frames hardly wait, and each camera may use them all",
        BUSY_AT_MOST * 100.0
    )];
    if is_known_by(&[How::FramesNow, How::LastFrames]) {
        assumed.push(
            "the cameras send frames like those that the workers had, ask for the same of them, and a frame takes no \
             longer when all threads are busy"
                .to_owned(),
        );
    }
    if is_known_by(&[How::SelfTest]) {
        assumed.push(
            "where only a self-test is known: 640x360 frames, the worker's own detector, boxes and no pictures"
                .to_owned(),
        );
    }
    let is_held_back = |worker: &Worker| worker.how == How::SelfTest && !worker.held_back_by.is_empty();
    if workers.iter().any(is_held_back) {
        assumed.push("a worker that is held back does two thirds of its self-test".to_owned());
    }
    let mut at: BTreeMap<IpAddr, usize> = BTreeMap::new();
    for (_, node) in workers.iter().zip(nodes).filter(|(worker, _)| worker.frames_per_s > 0.0) {
        *at.entry(node.address.ip()).or_default() += 1;
    }
    for (ip, count) in at.into_iter().filter(|(_, count)| *count > 1) {
        assumed.push(format!(
            "the {count} workers at {ip} did not share a processor, or were busy together when they were measured"
        ));
    }
    assumed
}

#[cfg(test)]
mod tests;
