//! The slots that workers offer, and the stream that holds each of them.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::iter::Sum;

use facefleet_proto::{StreamLeaseId, WorkerId};

/// The slots of a worker, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotCount {
    /// Slots that are offered.
    pub offered: u32,
    /// Slots of these that streams hold.
    pub taken: u32,
}

impl Sum for SlotCount {
    fn sum<I: Iterator<Item = SlotCount>>(each: I) -> SlotCount {
        each.fold(SlotCount::default(), |sum, one| SlotCount {
            offered: sum.offered + one.offered,
            taken: sum.taken + one.taken,
        })
    }
}

/// The offers of all workers. Streams never hold more of a worker's slots than it offers, unless it offers fewer than before: see
/// [`Slots::excess`]. Nothing here takes longer because there are more workers.
#[derive(Debug, Default)]
pub(super) struct Slots {
    workers: HashMap<WorkerId, Offer>,
    any: Kind,
    /// The workers that offer each detector.
    with: HashMap<String, Kind>,
}

#[derive(Debug)]
struct Offer {
    slots: u32,
    holders: BTreeSet<StreamLeaseId>,
    detectors: Vec<String>,
}

/// The workers that a stream may want.
#[derive(Debug, Default)]
struct Kind {
    workers: usize,
    /// The workers with free slots, most first.
    free: BTreeSet<(Reverse<u32>, WorkerId)>,
}

impl Slots {
    /// Takes a worker's offer, which replaces an earlier one.
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

    /// Forgets a worker. Returns the streams that held its slots.
    pub(super) fn withdraw(&mut self, worker: WorkerId) -> BTreeSet<StreamLeaseId> {
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

    /// Takes a slot of the worker with most free slots, of those that offer this detector.
    pub(super) fn take(&mut self, detector: Option<&str>, stream: StreamLeaseId) -> Option<WorkerId> {
        let (_, worker) = *self.kind(detector)?.free.first()?;
        self.change(worker, |holders| holders.insert(stream));
        Some(worker)
    }

    /// Takes a slot of this worker, if one is free.
    pub(super) fn take_of(&mut self, worker: WorkerId, stream: StreamLeaseId) -> bool {
        let is_free = self.workers.get(&worker).is_some_and(|offer| offer.free() > 0);
        if is_free {
            self.change(worker, |holders| holders.insert(stream));
        }
        is_free
    }

    /// Gives the slot of a stream back.
    pub(super) fn give_back(&mut self, worker: WorkerId, stream: StreamLeaseId) {
        self.change(worker, |holders| holders.remove(&stream));
    }

    /// How many more of its slots are held than the worker offers now.
    pub(super) fn excess(&self, worker: WorkerId) -> usize {
        let SlotCount { offered, taken } = self.of(worker);
        taken.saturating_sub(offered) as usize
    }

    /// The streams that hold slots of this worker.
    pub(super) fn holders(&self, worker: WorkerId) -> impl Iterator<Item = StreamLeaseId> {
        self.workers.get(&worker).into_iter().flat_map(|offer| offer.holders.iter().copied())
    }

    /// Whether any worker offers this detector, free or not; None: whether there is any worker.
    pub(super) fn has(&self, detector: Option<&str>) -> bool {
        self.kind(detector).is_some_and(|kind| kind.workers > 0)
    }

    /// The slots of one worker.
    pub(super) fn of(&self, worker: WorkerId) -> SlotCount {
        let count = |offer: &Offer| SlotCount { offered: offer.slots, taken: offer.taken() };
        self.workers.get(&worker).map_or_else(SlotCount::default, count)
    }

    fn kind(&self, detector: Option<&str>) -> Option<&Kind> {
        detector.map_or(Some(&self.any), |detector| self.with.get(detector))
    }

    fn change(&mut self, worker: WorkerId, change: impl FnOnce(&mut BTreeSet<StreamLeaseId>) -> bool) {
        self.unlist(worker);
        if let Some(offer) = self.workers.get_mut(&worker) {
            change(&mut offer.holders);
        }
        self.list(worker);
    }

    /// Lists a worker among those with free slots, if it has any.
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
