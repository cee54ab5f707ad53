//! The slots that workers offer, and how many of each are taken.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use facefleet_proto::WorkerId;

/// What every worker offers. No more of a worker's slots are ever taken than it offers.
#[derive(Debug, Default)]
pub(super) struct Slots {
    workers: HashMap<WorkerId, Offer>,
    /// The workers with free slots, most first.
    free: BTreeSet<(Reverse<u32>, WorkerId)>,
}

#[derive(Debug)]
struct Offer {
    slots: u32,
    taken: u32,
    detectors: Vec<String>,
}

impl Slots {
    /// Takes a worker's offer, or another one than before. Returns how many too many are taken now, which must be given
    /// back.
    pub(super) fn offer(&mut self, worker: WorkerId, slots: u32, detectors: &[String]) -> u32 {
        self.change(worker, |offer| {
            offer.slots = slots;
            if offer.detectors != detectors {
                offer.detectors = detectors.to_vec();
            }
        });
        let Offer { slots, taken, detectors: _ } = &self.workers[&worker];
        taken.saturating_sub(*slots)
    }

    /// Forgets a worker, and what was taken of it.
    pub(super) fn withdraw(&mut self, worker: WorkerId) {
        if let Some(offer) = self.workers.remove(&worker) {
            self.free.remove(&(Reverse(offer.free()), worker));
        }
    }

    /// Takes a slot where most are free, of those that offer this detector.
    pub(super) fn take(&mut self, detector: Option<&str>) -> Option<WorkerId> {
        let (_, worker) = self.free.iter().copied().find(|(_, worker)| self.workers[worker].has(detector))?;
        self.change(worker, |offer| offer.taken += 1);
        Some(worker)
    }

    /// Takes a slot of this worker, if one is free.
    pub(super) fn take_of(&mut self, worker: WorkerId) -> bool {
        let is_free = self.workers.get(&worker).is_some_and(|offer| offer.free() > 0);
        if is_free {
            self.change(worker, |offer| offer.taken += 1);
        }
        is_free
    }

    /// Gives a slot back.
    pub(super) fn give_back(&mut self, worker: WorkerId) {
        self.change(worker, |offer| offer.taken -= 1);
    }

    /// Whether any worker offers this detector, free or not; None: whether there is any worker.
    pub(super) fn has(&self, detector: Option<&str>) -> bool {
        self.workers.values().any(|offer| offer.has(detector))
    }

    /// Whether any slot is free.
    pub(super) fn is_any_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// How many slots the worker offers, and how many of them are taken.
    pub(super) fn of(&self, worker: WorkerId) -> (u32, u32) {
        self.workers.get(&worker).map_or((0, 0), |offer| (offer.slots, offer.taken))
    }

    fn change(&mut self, worker: WorkerId, change: impl FnOnce(&mut Offer)) {
        let offer = self.workers.entry(worker).or_insert(Offer { slots: 0, taken: 0, detectors: Vec::new() });
        let before = offer.free();
        change(offer);
        let now = offer.free();
        if before != now {
            self.free.remove(&(Reverse(before), worker));
            if now > 0 {
                self.free.insert((Reverse(now), worker));
            }
        }
    }
}

impl Offer {
    fn free(&self) -> u32 {
        self.slots.saturating_sub(self.taken)
    }

    fn has(&self, detector: Option<&str>) -> bool {
        detector.is_none_or(|wanted| self.detectors.iter().any(|detector| detector == wanted))
    }
}
