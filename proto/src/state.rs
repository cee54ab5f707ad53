//! The heartbeat of a worker.

use crate::invalid::{measure, measured};
use crate::{Invalid, StreamLeaseId, Throttling, WorkerId, wire};

/// The most stream leases in one heartbeat, which is far more than the streams that a worker takes.
pub const MAX_STREAM_LEASES: usize = 4096;

/// The heartbeat that a worker sends to its master once a second.
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    /// The number that the master gave to the worker.
    pub id: WorkerId,
    /// The worker's generation, as in [`crate::Identity`].
    pub generation: u64,
    /// The life of the master that gave the number; 0 from an old worker, which does not say.
    pub epoch: u64,
    /// How busy the worker is.
    pub load: Load,
    /// The fixed fields that nothing else in the heartbeat has.
    pub legacy: LegacyState,
    /// The numbers of the streams that are open at the worker, at most [`MAX_STREAM_LEASES`].
    pub leases: Vec<StreamLeaseId>,
}

/// How busy a worker is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// Load of all cores together, in percent.
    pub cpu_percent: f32,
    /// Memory in use, in percent of the machine's. None when not known.
    pub memory_percent: Option<f32>,
    /// Temperature of the hottest sensor, in degrees Celsius. None when not known.
    pub temperature_c: Option<f32>,
    /// Frames that are taken and not answered yet.
    pub in_flight: u32,
    /// Frames that are taken and wait for a detector thread.
    pub queued: u32,
    /// Milliseconds that one detector thread is expected to spend on a frame: a moving average that ages towards the self-test's figure
    /// while there are no frames, and rises at once when something begins to hold the machine back. None before the first frame.
    pub frame_ms: Option<f32>,
    /// The median time of the newest frames on a detector thread, in milliseconds. None before the first frame.
    pub frame_ms_p50: Option<f32>,
    /// The 95th percentile of the times of the newest frames on a detector thread, in milliseconds. None before the first frame.
    pub frame_ms_p95: Option<f32>,
    /// Frames that were analyzed since the worker started.
    pub frames_ok: u64,
    /// Frames that were dropped since the worker started, for their age or for want of room.
    pub frames_dropped: u64,
    /// Frames that could not be analyzed since the worker started.
    pub frames_failed: u64,
    /// Whether the worker accepts no new streams and finishes what it holds.
    pub draining: bool,
    /// Whether the worker drains because an administrator took it out of service. It stays and can be put back into service.
    pub resting: bool,
    /// Frames per second by the self-test, as in [`crate::Join`]. The result may be known only after the worker has joined.
    pub frames_per_s: Option<f32>,
    /// What holds the worker's machine back.
    pub throttling: Throttling,
}

/// The fixed fields of a heartbeat that our scheduler does not use. They are kept for the journal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LegacyState {
    /// The task that the worker works on.
    pub task_id: i32,
    /// Performance of the worker's input and output.
    pub io_perf: f32,
    /// Performance of the worker's processor.
    pub pro_perf: f32,
    /// The start of the task.
    pub task_st: i32,
    /// The end of the task.
    pub task_ed: i32,
    /// The time by the sender's clock, in seconds since 1970 from our workers.
    pub utx: i64,
}

impl TryFrom<wire::NodeState> for Heartbeat {
    type Error = Invalid;

    fn try_from(message: wire::NodeState) -> Result<Heartbeat, Invalid> {
        let wire::NodeState {
            id,
            cpu_usage,
            task_id,
            io_perf,
            pro_perf,
            task_st,
            task_ed,
            utx,
            generation,
            in_flight,
            queued,
            frame_ms,
            frames_ok,
            frames_dropped,
            frames_failed,
            memory_usage,
            temperature_c,
            draining,
            epoch,
            frames_per_s,
            throttled,
            lease_ids: leases,
            frame_ms_p50,
            frame_ms_p95,
            resting,
        } = message;
        if leases.len() > MAX_STREAM_LEASES {
            let problem = format!("names {} leases; at most {MAX_STREAM_LEASES} are taken", leases.len());
            return Err(Invalid::new("NodeState.lease_ids", problem));
        }
        if !(io_perf.is_finite() && pro_perf.is_finite()) {
            return Err(Invalid::new("NodeState.io_perf/pro_perf", "is not a finite number"));
        }
        if !temperature_c.is_finite() {
            return Err(Invalid::new("NodeState.temperature_c", format!("{temperature_c} is not a temperature")));
        }
        let load = Load {
            cpu_percent: measure("NodeState.cpu_usage", cpu_usage)?,
            memory_percent: measured("NodeState.memory_usage", memory_usage)?,
            temperature_c: (temperature_c != 0.0).then_some(temperature_c),
            in_flight,
            queued,
            frame_ms: measured("NodeState.frame_ms", frame_ms)?,
            frame_ms_p50: measured("NodeState.frame_ms_p50", frame_ms_p50)?,
            frame_ms_p95: measured("NodeState.frame_ms_p95", frame_ms_p95)?,
            frames_ok,
            frames_dropped,
            frames_failed,
            draining,
            resting,
            frames_per_s: measured("NodeState.frames_per_s", frames_per_s)?,
            throttling: Throttling::from_bits(throttled),
        };
        let legacy = LegacyState { task_id, io_perf, pro_perf, task_st, task_ed, utx };
        Ok(Heartbeat { id: WorkerId::from_wire("NodeState.id", id)?, generation, epoch, load, legacy, leases })
    }
}

impl From<Heartbeat> for wire::NodeState {
    fn from(heartbeat: Heartbeat) -> wire::NodeState {
        let Heartbeat { id, generation, epoch, load, legacy, leases } = heartbeat;
        let Load {
            cpu_percent,
            memory_percent,
            temperature_c,
            in_flight,
            queued,
            frame_ms,
            frame_ms_p50,
            frame_ms_p95,
            frames_ok,
            frames_dropped,
            frames_failed,
            draining,
            resting,
            frames_per_s,
            throttling,
        } = load;
        let LegacyState { task_id, io_perf, pro_perf, task_st, task_ed, utx } = legacy;
        wire::NodeState {
            id: id.to_wire(),
            cpu_usage: cpu_percent,
            task_id,
            io_perf,
            pro_perf,
            task_st,
            task_ed,
            utx,
            generation,
            in_flight,
            queued,
            frame_ms: frame_ms.unwrap_or(0.0),
            frames_ok,
            frames_dropped,
            frames_failed,
            memory_usage: memory_percent.unwrap_or(0.0),
            temperature_c: temperature_c.unwrap_or(0.0),
            draining,
            epoch,
            frames_per_s: frames_per_s.unwrap_or(0.0),
            throttled: throttling.bits(),
            lease_ids: leases,
            frame_ms_p50: frame_ms_p50.unwrap_or(0.0),
            frame_ms_p95: frame_ms_p95.unwrap_or(0.0),
            resting,
        }
    }
}
