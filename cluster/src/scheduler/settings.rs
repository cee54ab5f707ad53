//! A scheduler whose settings change while it runs.

use std::time::{Duration, Instant};

use facefleet_proto::Health;

use super::Scheduler;
use crate::admission::{Limit, Ticket};
use crate::settings::Settings;

impl Scheduler {
    /// What is so now.
    pub fn settings(&self) -> Settings {
        let (admission, _) = self.admission_and_waiting();
        Settings { policy: self.policy, admission, resting: self.registry.resting().clone() }
    }

    /// What is so from now on; a stream that has to wait to be let in does so for `max_wait` at most. Returns the calls that
    /// wait no more and are to be told.
    pub fn set(&mut self, settings: Settings, max_wait: Duration, now: Instant) -> Vec<Ticket> {
        let Settings { policy, admission, resting } = settings;
        if policy != self.policy {
            self.policy = policy;
            self.groups.set_policy(policy, self.registry.workers());
            self.hidden.set_policy(policy, self.registry.workers());
        }
        for id in self.registry.set_resting(resting) {
            self.hidden.leave(id);
            // A lost one comes back with its next heartbeat, if it does.
            if self.registry.get(id).is_some_and(|worker| worker.health(now) != Health::Lost) {
                self.group(id);
            }
        }
        self.set_admission(admission.order().map(|order| Limit { order, max_wait }), now)
    }
}

#[cfg(test)]
mod tests;
