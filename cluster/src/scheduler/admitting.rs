//! Admission as the scheduler uses it: it may be off, it may change while streams run, and slots come and go with workers.

use std::time::Instant;

use facefleet_proto::{Heartbeat, StreamLeaseId, WorkerId};

use crate::admission::{Admission, AdmissionName, Limit, Place, SlotAnswer, SlotCount, SlotRequest, Ticket};
use crate::registry::Worker;

/// The admission, if there is one.
#[derive(Debug)]
pub(super) struct Admitting {
    /// The admission; None: every stream is let in.
    admission: Option<Admission>,
    /// The number after which the tickets of the next admission begin, so that tickets of an earlier one mean nothing to it.
    next_number: u64,
    /// Calls that waited for an admission that was switched off since, and are to be woken.
    released: Vec<Ticket>,
}

impl Admitting {
    /// Lets every stream in.
    pub(super) fn open(next_number: u64) -> Admitting {
        Admitting { admission: None, next_number, released: Vec::new() }
    }

    /// Makes ticket numbers begin at `number` or later.
    pub(super) fn number_from(&mut self, number: u64) {
        self.next_number = self.next_number.max(number);
    }

    /// Changes the limit; None: there is none. Returns whether an admission begins, which must be offered the slots of all
    /// workers.
    pub(super) fn set_limit(&mut self, limit: Option<Limit>, now: Instant) -> bool {
        match (&mut self.admission, limit) {
            (None, Some(limit)) => {
                self.admission = Some(Admission::new(limit, self.next_number, now));
                return true;
            }
            (Some(admission), Some(limit)) => admission.set_limit(limit),
            (_, None) => {
                if let Some(admission) = self.admission.take() {
                    self.next_number = admission.next_number();
                    self.released.extend(admission.close());
                }
            }
        }
        false
    }

    /// Whether every stream is let in.
    pub(super) fn is_open(&self) -> bool {
        self.admission.is_none()
    }

    pub(super) fn name(&self) -> AdmissionName {
        self.admission.as_ref().map_or(AdmissionName::Open, |admission| admission.order().into())
    }

    /// How many streams wait for a slot.
    pub(super) fn waiting(&self) -> usize {
        self.admission.as_ref().map_or(0, Admission::waiting)
    }

    pub(super) fn ask(&mut self, request: SlotRequest, now: Instant) -> Option<SlotAnswer> {
        Some(self.admission.as_mut()?.ask(request, now))
    }

    pub(super) fn admit(&mut self, now: Instant) -> Vec<Ticket> {
        let mut called = std::mem::take(&mut self.released);
        if let Some(admission) = &mut self.admission {
            called.append(&mut admission.admit(now));
        }
        called
    }

    pub(super) fn collect(&mut self, ticket: Ticket, now: Instant) -> Option<Place> {
        self.admission.as_mut()?.collect(ticket, now)
    }

    pub(super) fn is_waiting(&self, ticket: Ticket) -> bool {
        self.admission.as_ref().is_some_and(|admission| admission.is_waiting(ticket))
    }

    pub(super) fn cancel(&mut self, ticket: Ticket) {
        self.admission.iter_mut().for_each(|admission| admission.cancel(ticket));
    }

    pub(super) fn end(&mut self, stream: StreamLeaseId, now: Instant) {
        self.admission.iter_mut().for_each(|admission| admission.end(stream, now));
    }

    pub(super) fn expire(&mut self, now: Instant) {
        self.admission.iter_mut().for_each(|admission| admission.expire(now));
    }

    /// Keeps the slots of streams that nobody can be heard to name.
    pub(super) fn hold(&mut self, now: Instant) {
        self.admission.iter_mut().for_each(|admission| admission.hold(now));
    }

    pub(super) fn slots(&self, worker: WorkerId) -> SlotCount {
        self.admission.as_ref().map_or_else(SlotCount::default, |admission| admission.slots(worker))
    }

    /// Takes the offer of a worker that has just been heard of.
    pub(super) fn offer(&mut self, worker: &Worker) {
        let Some(admission) = &mut self.admission else { return };
        if worker.is_draining() {
            admission.withdraw(worker.id);
        } else {
            admission.offer(worker.id, slots(worker), &worker.join.detectors);
        }
    }

    /// Takes back the slots of a worker that is in service no more.
    pub(super) fn withdraw(&mut self, worker: WorkerId) {
        self.admission.iter_mut().for_each(|admission| admission.withdraw(worker));
    }

    /// Takes in which streams `worker` has open, by its heartbeat.
    pub(super) fn name_streams(&mut self, worker: &Worker, heartbeat: &Heartbeat, now: Instant) {
        let Some(admission) = &mut self.admission else { return };
        let interval = worker.join.heartbeat_interval.unwrap_or_default();
        for stream in &heartbeat.leases {
            admission.name(*stream, worker.id, interval, now);
        }
    }
}

/// How many slots a worker has. One that will name its open streams has none before it has, because nobody knows yet which
/// of them are taken. A worker that announces no heartbeat interval is an old one, which never names any.
fn slots(worker: &Worker) -> u32 {
    let will_name = worker.join.heartbeat_interval.is_some() && worker.load.is_none();
    if will_name { 0 } else { worker.join.cores }
}

#[cfg(test)]
mod tests;
