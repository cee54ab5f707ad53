//! Why a route begins with the worker that it begins with, for people.

use std::cell::RefCell;

use facefleet_proto::view::{Choice, Decision};

use super::Scheduler;
use crate::policy::{Contender, speeds};

/// The best of a route, and who would have been next.
#[derive(Clone, Debug)]
pub(super) struct Reason {
    chosen: Contender,
    next: Option<Contender>,
}

/// Those whom a policy has looked at. They are noted only where it gives no more than one: otherwise the second is next.
#[derive(Default)]
pub(super) struct LookedAt(RefCell<Vec<Contender>>);

impl LookedAt {
    pub(super) fn note(&self, contender: &Contender) {
        self.0.borrow_mut().push(contender.clone());
    }

    /// Why these were chosen, best first; None: nobody was.
    pub(super) fn reason(self, chosen: &[(Contender, f64)]) -> Option<Reason> {
        let best = &chosen.first()?.0;
        let next = chosen.get(1).map(|(next, _)| next.clone()).or_else(|| self.next_to(best));
        Some(Reason { chosen: best.clone(), next })
    }

    /// Of the others, the one that has the least work for its speed.
    #[expect(clippy::cast_precision_loss, reason = "a backlog of 2^53 frames is none")]
    fn next_to(self, chosen: &Contender) -> Option<Contender> {
        let mut others = self.0.into_inner();
        others.retain(|contender| contender.id != chosen.id);
        let waits = speeds(&others).into_iter().zip(&others).map(|(speed, c)| (c.backlog as f64 + 1.0) / speed);
        let least = waits.enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(at, _)| at);
        least.map(|at| others.swap_remove(at))
    }
}

impl Scheduler {
    /// Why the last route begins with the worker that it begins with; None: it offers nobody.
    pub fn reason(&self) -> Option<Decision> {
        let Reason { chosen, next } = self.reason.as_ref()?;
        let next = next.as_ref().and_then(|next| self.choice(next));
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
