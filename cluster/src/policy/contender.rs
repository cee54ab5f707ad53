//! A worker as policies see it.

use facefleet_proto::WorkerId;

/// What a policy knows of one worker that may be chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Contender {
    /// The worker's number.
    pub id: WorkerId,
    /// The weight that the worker claimed when it joined, at least 1.
    pub weight: u32,
    /// Detector threads, at least 1.
    pub cores: u32,
    /// Milliseconds that one detector thread spends on a frame, a moving average; None when the worker has not measured it.
    /// Whatever slows the machine down is part of it.
    pub frame_ms: Option<f32>,
    /// The factor by which a worker counts for less than its weight while something slows it down (heat, its power supply): 1, or
    /// more. Less work is what lets it recover.
    pub slowdown: f32,
    /// Frames that the worker held in its last heartbeat, and frames that were promised to it since.
    pub backlog: u64,
    /// How busy the worker's machine is. The processor is busy with other programs, too, and looks idle between two frames, so
    /// this breaks ties and no more.
    pub cpu_percent: f32,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A contender that is idle and as fast as its weight says.
    pub(crate) fn contender(id: u32, weight: u32) -> Contender {
        Contender {
            id: WorkerId(id),
            weight,
            cores: 1,
            frame_ms: Some(1.0 / weight as f32),
            slowdown: 1.0,
            backlog: 0,
            cpu_percent: 0.0,
        }
    }

    /// Contenders with these weights, by id.
    pub(crate) fn contenders(weights: &[u32]) -> Vec<Contender> {
        weights.iter().zip(0..).map(|(weight, id)| contender(id, *weight)).collect()
    }
}
