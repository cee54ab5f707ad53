//! Why a route begins with the worker that it begins with, for people.

use facefleet_proto::WorkerId;

use crate::policy::{Contender, speeds, work_waiting};

/// A worker as it stood when the policy compared it with others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidacy {
    /// Which worker.
    pub id: WorkerId,
    /// Frames that it holds or is promised, the coming one included.
    pub in_flight: u32,
    /// Milliseconds that one of its threads spends on a frame; None when not known.
    pub frame_ms: Option<f32>,
    /// Detector threads, at least 1.
    pub cores: u32,
    /// Milliseconds until it would have answered all of these frames; None when not known.
    pub answers_in_ms: Option<f32>,
}

/// The comparison behind a route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    /// The first worker of the route.
    pub chosen: Candidacy,
    /// The worker that would have been first without it; None where there was no other.
    pub next: Option<Candidacy>,
}

/// What the last route was chosen from. The contenders are kept as they were, so that the comparison is worked out only when
/// somebody asks for it.
#[derive(Clone, Debug, Default)]
pub(super) struct LastRoute {
    /// The first worker of the route.
    first: Option<Contender>,
    second: Option<Contender>,
    /// The contenders that the policy has looked at, if no more than one worker was wanted. Otherwise `second` is next.
    looked_at: Vec<Contender>,
}

impl LastRoute {
    /// Begins another route: returns an empty list for the contenders that the policy looks at, which is the one of the last
    /// route, so that routes do not allocate.
    pub(super) fn begin(&mut self) -> Vec<Contender> {
        let mut looked_at = std::mem::take(&mut self.looked_at);
        looked_at.clear();
        looked_at
    }

    /// Records which workers were chosen, best first, and which were looked at.
    pub(super) fn record(&mut self, chosen: &[Contender], looked_at: Vec<Contender>) {
        *self = LastRoute { first: chosen.first().cloned(), second: chosen.get(1).cloned(), looked_at };
    }

    /// The comparison; None: the route has no worker.
    pub(super) fn reason(&self) -> Option<Reason> {
        let first = self.first.as_ref()?;
        let next = self.second.as_ref().or_else(|| self.runner_up(first));
        Some(Reason { chosen: Candidacy::of(first), next: next.map(Candidacy::of) })
    }

    /// The worker with the least work for its speed, of those that were looked at beside the first.
    fn runner_up(&self, first: &Contender) -> Option<&Contender> {
        let waits = speeds(&self.looked_at).into_iter().zip(&self.looked_at).filter(|(_, other)| other.id != first.id);
        let waits = waits.map(|(speed, other)| (work_waiting(other, speed), other));
        waits.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, other)| other)
    }
}

impl Candidacy {
    fn of(contender: &Contender) -> Candidacy {
        let Contender { id, cores, frame_ms, backlog, .. } = *contender;
        // The frame that is to come is one more.
        let in_flight = u32::try_from(backlog.saturating_add(1)).unwrap_or(u32::MAX);
        let answers_in_ms = frame_ms.map(|ms| in_flight as f32 * ms / cores as f32).filter(|ms| ms.is_finite());
        Candidacy { id, in_flight, frame_ms, cores, answers_in_ms }
    }
}

#[cfg(test)]
mod tests;
