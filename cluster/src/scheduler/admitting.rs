//! A scheduler that lets in as many streams as its workers have slots.

use std::time::Instant;

use facefleet_proto::{Health, Heartbeat, RouteQuery, WorkerId};

use super::Scheduler;
use crate::admission::{Admission, AdmissionName, Answer, Asking, Limit, Place, Ticket};
use crate::registry::Worker;

impl Scheduler {
    /// Streams beyond the slots wait; None: everybody is let in. Streams that hold slots keep them, and who waits does so by
    /// the new order. Those that run already take slots when their workers name them, within a heartbeat, and until then
    /// nobody begins. Returns the calls that wait no more and are to be told.
    pub fn set_admission(&mut self, limit: Option<Limit>, now: Instant) -> Vec<Ticket> {
        match (&mut self.admission, limit) {
            (Some(admission), Some(limit)) => admission.set_limit(limit),
            (None, Some(limit)) => {
                self.admission = Some(Admission::new(limit, self.next_number, now));
                let here = self.registry.workers().filter(|worker| worker.health(now) == Health::Healthy);
                here.map(|worker| worker.id).collect::<Vec<_>>().into_iter().for_each(|id| self.offer_slots(id));
            }
            (_, None) => {
                let Some(admission) = self.admission.take() else { return Vec::new() };
                self.next_number = admission.next_number();
                return admission.close();
            }
        }
        Vec::new()
    }

    /// A stream asks to be let in, or, being in, for more workers. None: everybody is.
    pub fn ask(&mut self, query: &RouteQuery, now: Instant) -> Option<Answer> {
        let RouteQuery { task_sz, priority, detector, lease, waited, .. } = query;
        let (detector, waited) = (detector.clone(), *waited);
        let asking = Asking { lease: *lease, detector, priority: *priority, size: *task_sz, waited };
        Some(self.admission.as_mut()?.ask(asking, now))
    }

    /// See [`Admission::admit`]. To be called after whatever may have freed a slot.
    pub fn admit(&mut self, now: Instant) -> Vec<Ticket> {
        self.admission.as_mut().map_or_else(Vec::new, |admission| admission.admit(now))
    }

    /// See [`Admission::collect`].
    pub fn collect(&mut self, ticket: Ticket, now: Instant) -> Option<Place> {
        self.admission.as_mut()?.collect(ticket, now)
    }

    /// Whether a call still waits that was told to look and has no slot. One that does not has to ask again: everybody has been
    /// let in for a while.
    pub fn is_waiting(&self, ticket: Ticket) -> bool {
        self.admission.as_ref().is_some_and(|admission| admission.is_waiting(ticket))
    }

    /// See [`Admission::cancel`].
    pub fn cancel(&mut self, ticket: Ticket) {
        self.admission.iter_mut().for_each(|admission| admission.cancel(ticket));
    }

    /// Who is let in, and how many wait to be.
    pub(super) fn admission_and_waiting(&self) -> (AdmissionName, u32) {
        match &self.admission {
            None => (AdmissionName::Open, 0),
            Some(admission) => (admission.order().into(), u32::try_from(admission.waiting()).unwrap_or(u32::MAX)),
        }
    }

    /// How many slots the worker offers, and how many of them are taken.
    pub(super) fn slots(&self, worker: WorkerId) -> (u32, u32) {
        self.admission.as_ref().map_or((0, 0), |admission| admission.slots(worker))
    }

    /// How many slots all workers offer, and how many of them are taken.
    pub fn all_slots(&self) -> (u32, u32) {
        let each = self.registry.workers().map(|worker| self.slots(worker.id));
        each.fold((0, 0), |(all, taken), (slots, used)| (all + slots, taken + used))
    }

    /// A worker has just been heard of: its slots are those of one that is in service.
    pub(super) fn offer_slots(&mut self, id: WorkerId) {
        let (Some(admission), Some(worker)) = (&mut self.admission, self.registry.get(id)) else { return };
        if worker.is_draining() {
            admission.withdraw(id);
        } else {
            admission.offer(id, slots(worker), &worker.join.detectors);
        }
    }

    /// A worker is in service no more.
    pub(super) fn withdraw_slots(&mut self, id: WorkerId) {
        self.admission.iter_mut().for_each(|admission| admission.withdraw(id));
    }

    /// In an outage of the master's own, streams run on unheard: nobody's slot becomes free, and nobody is let in past those
    /// who wait.
    pub(super) fn hold_slots(&mut self, now: Instant) {
        if self.admission.is_none() {
            return;
        }
        let vanished: Vec<WorkerId> = self.outage.vanished().collect();
        vanished.into_iter().for_each(|id| self.offer_slots(id));
        self.admission.iter_mut().for_each(|admission| admission.hold(now));
    }

    /// A worker that was heard of names the leases of its streams.
    pub(super) fn name_leases(&mut self, heartbeat: &Heartbeat, now: Instant) {
        let (Some(admission), Some(worker)) = (&mut self.admission, self.registry.get(heartbeat.id)) else { return };
        let interval = worker.join.heartbeat_interval.unwrap_or_default();
        for lease in &heartbeat.leases {
            admission.name(*lease, worker.id, interval, now);
        }
    }
}

/// A worker that names its leases has slots once it has: until then nobody knows which of them are taken. One that does
/// not say how often it beats is an old one, which never will.
fn slots(worker: &Worker) -> u32 {
    let will_name = worker.join.heartbeat_interval.is_some() && worker.load.is_none();
    if will_name { 0 } else { worker.join.cores }
}

#[cfg(test)]
mod tests;
