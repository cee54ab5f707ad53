//! The view of one worker that people are shown.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::json;
use crate::{Health, Load, Node};

/// A worker, with what the master knows of it beside its registration and its last heartbeat.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerView {
    /// The worker in the master's list.
    pub node: Node,
    /// Frames that the worker has answered a second, over the last two heartbeats; 0 when it is lost.
    pub frames_per_s: f32,
    /// Whether the worker is in service and slower than it should be: its machine is held back by heat or power, or frames take three
    /// times as long as in its self-test.
    pub slow: bool,
    /// Whether the worker has a live view that can be reached.
    pub live: bool,
}

/// The state of a worker in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkerState {
    /// The worker gets routes.
    Healthy,
    /// The worker gets routes and is slower than it should be.
    Slow,
    /// The worker finishes what it holds and will leave.
    Draining,
    /// The worker was taken out of service by an administrator, and stays.
    Resting,
    /// The worker missed its heartbeats.
    Lost,
}

impl WorkerState {
    /// The name of the state, one lower-case word.
    pub fn name(self) -> &'static str {
        match self {
            WorkerState::Healthy => "healthy",
            WorkerState::Slow => "slow",
            WorkerState::Draining => "draining",
            WorkerState::Resting => "resting",
            WorkerState::Lost => "lost",
        }
    }
}

impl WorkerView {
    /// The worst state that applies to the worker.
    pub fn state(&self) -> WorkerState {
        match self.node.health {
            Health::Lost => WorkerState::Lost,
            Health::Draining if self.node.load.as_ref().is_some_and(|load| load.resting) => WorkerState::Resting,
            Health::Draining => WorkerState::Draining,
            Health::Healthy if self.slow => WorkerState::Slow,
            Health::Healthy => WorkerState::Healthy,
        }
    }
}

/// The worker in the JSON of the page.
#[derive(Serialize)]
struct Json<'a> {
    id: u32,
    name: &'a str,
    address: SocketAddr,
    version: &'a str,
    cores: u32,
    detectors: &'a [String],
    state: WorkerState,
    #[serde(serialize_with = "json::ms")]
    silent_ms: Duration,
    #[serde(serialize_with = "json::short_or_null")]
    cpu_percent: Option<f32>,
    #[serde(serialize_with = "json::short_or_null")]
    memory_percent: Option<f32>,
    #[serde(serialize_with = "json::short_or_null")]
    temperature_c: Option<f32>,
    held_back_by: Vec<&'static str>,
    #[serde(serialize_with = "json::short")]
    frames_per_s: f32,
    #[serde(serialize_with = "json::short_or_null")]
    p50_ms: Option<f32>,
    #[serde(serialize_with = "json::short_or_null")]
    p95_ms: Option<f32>,
    in_flight: u32,
    queued: u32,
    frames_ok: u64,
    frames_dropped: u64,
    frames_failed: u64,
    slots: u32,
    slots_taken: u32,
    live: bool,
}

impl Serialize for WorkerView {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let WorkerView { node, frames_per_s, slow: _, live } = self;
        let before_the_first = Load::default();
        let load = node.load.as_ref().unwrap_or(&before_the_first);
        let json = Json {
            id: node.id.0,
            name: &node.identity.name,
            address: node.address,
            version: &node.version,
            cores: node.cores,
            detectors: &node.detectors,
            state: self.state(),
            silent_ms: node.silent,
            cpu_percent: node.load.as_ref().map(|load| load.cpu_percent),
            memory_percent: load.memory_percent,
            temperature_c: load.temperature_c,
            held_back_by: load.throttling.now(),
            frames_per_s: *frames_per_s,
            p50_ms: load.frame_ms_p50,
            p95_ms: load.frame_ms_p95,
            in_flight: load.in_flight,
            queued: load.queued,
            frames_ok: load.frames_ok,
            frames_dropped: load.frames_dropped,
            frames_failed: load.frames_failed,
            slots: node.slots,
            slots_taken: node.slots_taken,
            live: *live,
        };
        json.serialize(out)
    }
}
