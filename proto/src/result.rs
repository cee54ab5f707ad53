//! The report of a client about a stream that has ended.

use std::time::Duration;

use crate::{StreamLeaseId, WorkerId, wire};

/// The report of a client whose stream has ended. It frees the stream's place, and says how fast a worker was that the stream used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskResult {
    /// The worker that was used. None when the report only frees the place.
    pub worker: Option<WorkerId>,
    /// The average time that one of the worker's detector threads spent on a frame. None when not known.
    pub frame_time: Option<Duration>,
    /// The number of frames that the worker analyzed.
    pub frames: u32,
    /// The number of the stream, as in [`crate::RouteQuery`].
    pub lease: Option<StreamLeaseId>,
    /// The life of the master that gave the worker's id; 0 for an old client, which does not say.
    pub epoch: u64,
}

impl From<wire::TaskResult> for TaskResult {
    /// Converts any message. None is invalid, because nobody knows what an old client means by its numbers.
    fn from(message: wire::TaskResult) -> TaskResult {
        let wire::TaskResult { id, task_id: _, time_cost, performance, lease_id, epoch } = message;
        let cost_ms = u64::try_from(time_cost).unwrap_or(0);
        TaskResult {
            worker: u32::try_from(id).ok().map(WorkerId),
            frame_time: (cost_ms > 0).then(|| Duration::from_millis(cost_ms)),
            frames: u32::try_from(performance).unwrap_or(0),
            lease: (lease_id != 0).then_some(lease_id),
            epoch,
        }
    }
}

impl From<TaskResult> for wire::TaskResult {
    fn from(result: TaskResult) -> wire::TaskResult {
        let TaskResult { worker, frame_time, frames, lease, epoch } = result;
        // A time below 1 ms is rounded up, because 0 would say that it is not known.
        let cost_ms = frame_time.map_or(0, |time| time.as_millis().max(1));
        wire::TaskResult {
            id: worker.map_or(-1, WorkerId::to_wire),
            task_id: 0,
            time_cost: i32::try_from(cost_ms).unwrap_or(i32::MAX),
            performance: i32::try_from(frames).unwrap_or(i32::MAX),
            lease_id: lease.unwrap_or(0),
            epoch,
        }
    }
}
