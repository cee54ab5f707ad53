//! The slots that workers offer, and who holds each of them.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use facefleet_proto::WorkerId;

use super::LeaseId;

/// What every worker offers. No more of a worker's slots are ever held than it offers, but for one that offers fewer than
/// before: see [`Slots::excess`]. Nothing here takes longer because there are more workers.
#[derive(Debug, Default)]
pub(super) struct Slots {
    workers: HashMap<WorkerId, Offer>,
    any: Kind,
    /// By detector.
    with: HashMap<String, Kind>,
}

#[derive(Debug)]
struct Offer {
    slots: u32,
    holders: BTreeSet<LeaseId>,
    detectors: Vec<String>,
}

/// The workers that a stream may want.
#[derive(Debug, Default)]
struct Kind {
    workers: usize,
    /// Those with free slots, most first.
    free: BTreeSet<(Reverse<u32>, WorkerId)>,
}

impl Slots {
    /// Takes a worker's offer, or another one than before.
    pub(super) fn offer(&mut self, worker: WorkerId, slots: u32, detectors: &[String]) {
        let known = self.workers.get(&worker);
        if known.is_some_and(|offer| offer.slots == slots && offer.detectors == detectors) {
            return;
        }
        let holders = self.withdraw(worker);
        self.any.workers += 1;
        for detector in detectors {
            self.with.entry(detector.clone()).or_default().workers += 1;
        }
        self.workers.insert(worker, Offer { slots, holders, detectors: detectors.to_vec() });
        self.list(worker);
    }

    /// Forgets a worker. Returns who had its slots.
    pub(super) fn withdraw(&mut self, worker: WorkerId) -> BTreeSet<LeaseId> {
        self.unlist(worker);
        let Some(Offer { holders, detectors, .. }) = self.workers.remove(&worker) else { return BTreeSet::new() };
        self.any.workers -= 1;
        for detector in detectors {
            let kind = self.with.get_mut(&detector).expect("it came with the worker");
            kind.workers -= 1;
            if kind.workers == 0 {
                self.with.remove(&detector);
            }
        }
        holders
    }

    /// Takes a slot where most are free, of those that offer this detector.
    pub(super) fn take(&mut self, detector: Option<&str>, lease: LeaseId) -> Option<WorkerId> {
        let (_, worker) = *self.kind(detector)?.free.first()?;
        self.change(worker, |holders| holders.insert(lease));
        Some(worker)
    }

    /// Takes a slot of this worker, if one is free.
    pub(super) fn take_of(&mut self, worker: WorkerId, lease: LeaseId) -> bool {
        let is_free = self.workers.get(&worker).is_some_and(|offer| offer.free() > 0);
        if is_free {
            self.change(worker, |holders| holders.insert(lease));
        }
        is_free
    }

    /// Gives a slot back.
    pub(super) fn give_back(&mut self, worker: WorkerId, lease: LeaseId) {
        self.change(worker, |holders| holders.remove(&lease));
    }

    /// How many more of its slots are held than the worker offers now.
    pub(super) fn excess(&self, worker: WorkerId) -> usize {
        let (slots, taken) = self.of(worker);
        taken.saturating_sub(slots) as usize
    }

    /// Who holds slots of this worker.
    pub(super) fn holders(&self, worker: WorkerId) -> impl Iterator<Item = LeaseId> {
        self.workers.get(&worker).into_iter().flat_map(|offer| offer.holders.iter().copied())
    }

    /// Whether any worker offers this detector, free or not; None: whether there is any worker.
    pub(super) fn has(&self, detector: Option<&str>) -> bool {
        self.kind(detector).is_some_and(|kind| kind.workers > 0)
    }

    /// How many slots the worker offers, and how many of them are taken.
    pub(super) fn of(&self, worker: WorkerId) -> (u32, u32) {
        self.workers.get(&worker).map_or((0, 0), |offer| (offer.slots, offer.taken()))
    }

    fn kind(&self, detector: Option<&str>) -> Option<&Kind> {
        detector.map_or(Some(&self.any), |detector| self.with.get(detector))
    }

    fn change(&mut self, worker: WorkerId, change: impl FnOnce(&mut BTreeSet<LeaseId>) -> bool) {
        self.unlist(worker);
        if let Some(offer) = self.workers.get_mut(&worker) {
            change(&mut offer.holders);
        }
        self.list(worker);
    }

    /// Puts a worker where its free slots are looked for.
    fn list(&mut self, worker: WorkerId) {
        self.each_kind(worker, |kind, place| _ = kind.free.insert(place));
    }

    fn unlist(&mut self, worker: WorkerId) {
        self.each_kind(worker, |kind, place| _ = kind.free.remove(&place));
    }

    fn each_kind(&mut self, worker: WorkerId, each: impl Fn(&mut Kind, (Reverse<u32>, WorkerId))) {
        let Some(offer) = self.workers.get(&worker).filter(|offer| offer.free() > 0) else { return };
        let place = (Reverse(offer.free()), worker);
        each(&mut self.any, place);
        for detector in &offer.detectors {
            each(self.with.get_mut(detector).expect("it came with the worker"), place);
        }
    }
}

impl Offer {
    fn taken(&self) -> u32 {
        u32::try_from(self.holders.len()).unwrap_or(u32::MAX)
    }

    fn free(&self) -> u32 {
        self.slots.saturating_sub(self.taken())
    }
}
