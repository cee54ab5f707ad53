//! Settings that change while the scheduler runs.

use std::time::Instant;

use facefleet_proto::Health;

use super::Scheduler;
use crate::admission::Limit;
use crate::settings::Settings;

impl Scheduler {
    /// The settings that are in effect.
    pub fn settings(&self) -> Settings {
        let Scheduler { policy, admitting, registry, .. } = self;
        Settings { policy: *policy, admission: admitting.name(), resting: registry.resting().clone() }
    }

    /// Puts settings into effect.
    ///
    /// Another policy starts with the workers that are in. When admission is switched off, [`Scheduler::admit`] returns the
    /// calls that wait. When the order changes, streams that hold slots keep them, and those that wait do so by the new order.
    /// When admission is switched on, streams that run take slots as soon as their workers name them, within a heartbeat, and
    /// until then nobody begins.
    pub fn set(&mut self, settings: Settings, now: Instant) {
        let Settings { policy, admission, resting } = settings;
        if policy != self.policy {
            self.policy = policy;
            self.groups.set_policy(policy, self.registry.workers());
            self.hidden.set_policy(policy, self.registry.workers());
        }
        for id in self.registry.set_resting(resting) {
            self.hidden.leave(id);
            // A lost worker comes back with its next heartbeat, if it does.
            if self.registry.get(id).is_some_and(|worker| worker.health(now) != Health::Lost) {
                self.group(id);
            }
        }
        self.set_limit(admission.order().map(|order| Limit { order, max_wait: self.max_wait }), now);
    }

    /// Limits how many streams are let in; None: all are.
    pub(super) fn set_limit(&mut self, limit: Option<Limit>, now: Instant) {
        if self.admitting.set_limit(limit, now) {
            let healthy = self.registry.workers().filter(|worker| worker.health(now) == Health::Healthy);
            healthy.for_each(|worker| self.admitting.offer(worker));
        }
    }
}

#[cfg(test)]
mod tests;
