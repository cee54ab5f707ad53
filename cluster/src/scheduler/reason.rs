//! Why a route begins with the worker that it begins with, for people.

use facefleet_proto::view::{Choice, Decision};

use super::Scheduler;
use crate::policy::{Contender, speeds, work_waiting};

/// What there was to choose from. Kept as it is: who would have been next is worked out when somebody asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Reason {
    /// The first two of the route.
    chosen: Option<Contender>,
    second: Option<Contender>,
    /// Those whom the policy has looked at, if no more than one was wanted: otherwise the second is next.
    looked_at: Vec<Contender>,
}

impl Reason {
    /// Another route begins: room for those whom the policy looks at, the same each time.
    pub(super) fn begin(&mut self) -> Vec<Contender> {
        let mut room = std::mem::take(&mut self.looked_at);
        room.clear();
        room
    }

    /// These were chosen, best first, of those that were looked at.
    pub(super) fn note(&mut self, chosen: &[Contender], looked_at: Vec<Contender>) {
        *self = Reason { chosen: chosen.first().cloned(), second: chosen.get(1).cloned(), looked_at };
    }

    /// Who would have been chosen in the place of the first: of several, the one that has the least work for its speed.
    fn next(&self, chosen: &Contender) -> Option<&Contender> {
        let waits = speeds(&self.looked_at).into_iter().zip(&self.looked_at).filter(|(_, other)| other.id != chosen.id);
        let waits = waits.map(|(speed, other)| (work_waiting(other, speed), other));
        let least = waits.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, other)| other);
        self.second.as_ref().or(least)
    }
}

impl Scheduler {
    /// Why the last route begins with the worker that it begins with; None: it offers nobody.
    pub fn reason(&self) -> Option<Decision> {
        let chosen = self.reason.chosen.as_ref()?;
        let next = self.reason.next(chosen).and_then(|next| self.choice(next));
        Some(Decision { frame: None, chosen: self.choice(chosen)?, next })
    }

    fn choice(&self, contender: &Contender) -> Option<Choice> {
        let Contender { id, cores, frame_ms, backlog, .. } = contender;
        // The frame that is to come is one more.
        let in_flight = u32::try_from(backlog.saturating_add(1)).unwrap_or(u32::MAX);
        let answers_in_ms = frame_ms.map(|ms| in_flight as f32 * ms / *cores as f32).filter(|ms| ms.is_finite());
        let worker = self.registry.get(*id)?.join.identity.name.clone();
        Some(Choice { worker, in_flight, frame_ms: *frame_ms, cores: *cores, answers_in_ms })
    }
}

#[cfg(test)]
mod tests;
