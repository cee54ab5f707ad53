//! How a worker is.

use crate::invalid::{measure, measured};
use crate::{Invalid, Throttling, WorkerId, wire};

/// Most leases that one heartbeat names: far more streams than a worker takes.
pub const MAX_LEASES: usize = 4096;

/// What a worker pushes to the master, once a second.
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    /// The number that the master gave it.
    pub id: WorkerId,
    /// As in [`crate::Identity`].
    pub generation: u64,
    /// The life of the master that gave the number; 0 for an old worker, which does not say.
    pub epoch: u64,
    /// How busy it is.
    pub load: Load,
    /// What only the fixed fields say.
    pub legacy: LegacyState,
    /// The leases of the streams that are open there, [`MAX_LEASES`] at most.
    pub leases: Vec<u64>,
}

/// How busy a worker is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// Percent of the whole machine.
    pub cpu_percent: f32,
    /// Percent of the machine's memory in use; None when not known.
    pub memory_percent: Option<f32>,
    /// Degrees Celsius of the hottest sensor; None when not known.
    pub temperature_c: Option<f32>,
    /// Frames taken and not answered yet.
    pub in_flight: u32,
    /// Those of them that wait for a detector thread.
    pub queued: u32,
    /// Milliseconds that one detector thread spends on a frame, a moving average; None before the first frame. It rises at
    /// once when something begins to hold the machine back.
    pub frame_ms: Option<f32>,
    /// Milliseconds that half of the newest frames took at most on one detector thread; None before the first frame.
    pub frame_ms_p50: Option<f32>,
    /// The same for 19 of 20.
    pub frame_ms_p95: Option<f32>,
    /// Frames answered well since the worker started.
    pub frames_ok: u64,
    /// Frames dropped since then, for their age or for want of room.
    pub frames_dropped: u64,
    /// Frames that could not be worked on.
    pub frames_failed: u64,
    /// It finishes what it holds and will leave.
    pub draining: bool,
    /// It drains because an administrator sent it out of service, and comes back when it is told to.
    pub resting: bool,
    /// As in [`crate::Join`]; it may be known only after the worker has joined.
    pub frames_per_s: Option<f32>,
    /// What holds its machine back.
    pub throttling: Throttling,
}

/// The fixed fields of a heartbeat that our scheduler does not use; they are kept for the journal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LegacyState {
    /// The task it works on.
    pub task_id: i32,
    /// Performance of its input and output.
    pub io_perf: f32,
    /// Performance of its processor.
    pub pro_perf: f32,
    /// Start of the task.
    pub task_st: i32,
    /// End of the task.
    pub task_ed: i32,
    /// The sender's clock.
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
        if leases.len() > MAX_LEASES {
            let problem = format!("names {} leases; at most {MAX_LEASES} are taken", leases.len());
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
