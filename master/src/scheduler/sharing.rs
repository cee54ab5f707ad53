//! A scheduler that shares its registry with other masters: what they tell goes in, what they have to be told comes out.
//!
//! Each worker is heard by one master, which keeps its registration in the shared registry ([`crate::store`]) and gives its
//! heartbeats on to the other masters, who so know as well as the first how it is. All masters are one cluster with one
//! epoch, and an id means the same worker to all of them.

use std::ops::Range;
use std::time::Instant;

use facefleet_proto::{Heartbeat, WorkerId};

use super::Scheduler;
use crate::lease::Leases;
use crate::registry::Worker;
use crate::store::book::{Book, Change, Registration};

impl Scheduler {
    /// A scheduler that is to share its registry, and has not heard of it yet: its epoch is 0, and it can take nobody in.
    pub(crate) fn sharing(self, now: Instant) -> Scheduler {
        Scheduler { book: Some(Book::new(now)), ..self }
    }

    /// The shared registry answers: it is of this epoch, and has set these ids aside for this master. Another epoch than
    /// the one before is another cluster: nothing that was known means anything in it.
    pub(crate) fn connected(&mut self, epoch: u64, ids: Range<u32>, now: Instant) {
        if epoch != self.epoch {
            let fresh = Scheduler::new(self.policy, epoch).detecting(self.registry.loss()).sharing(now);
            // No other life of any master has had these ids, so no lease of one has such a number either.
            let leases = Leases::numbered_after(u64::from(ids.start) << 32);
            // Streams are who they were, and those that wait go on to wait.
            let workers: Vec<WorkerId> = self.registry.workers().map(|worker| worker.id).collect();
            workers.into_iter().for_each(|id| self.withdraw_slots(id));
            *self = Scheduler { leases, admission: self.admission.take(), ..fresh };
        }
        self.registry.take_ids(ids);
        if let Some(book) = &mut self.book {
            book.cut_off = None;
            book.all_again();
        }
    }

    /// The shared registry does not answer. Returns whether that is news.
    pub(crate) fn cut_off(&mut self, now: Instant) -> bool {
        let Some(book) = &mut self.book else { return false };
        let is_news = book.cut_off.is_none();
        book.cut_off.get_or_insert(now);
        is_news
    }

    /// Since when the shared registry has not answered; None: it does, or there is none.
    pub(crate) fn cut_off_since(&self) -> Option<Instant> {
        self.book.as_ref().and_then(|book| book.cut_off)
    }

    /// All that the shared registry holds, in the order in which it was written. `me` is this master as a keeper.
    pub(crate) fn told_all(&mut self, all: Vec<Registration>, me: u64, now: Instant) {
        let held: Vec<WorkerId> = all.iter().map(|registration| registration.id).collect();
        for registration in all {
            let Registration { id, join, keeper } = &registration;
            let Some(book) = &mut self.book else { return };
            let namesake = self.registry.named(&join.identity.name).filter(|worker| book.is_ours(worker.id));
            let is_old = namesake.is_some_and(|ours| ours.join.identity.generation > join.identity.generation);
            match (*keeper == me, is_old) {
                // A worker of ours has begun a new life while nobody could be told.
                (false, true) => book.again(*id),
                (false, false) => self.told(registration, me, now),
                // Written by us, in a session before: it stays, or it left in the meantime.
                (true, _) => book.again(*id),
            }
        }
        let missing = |worker: &&Worker| !held.contains(&worker.id) && !self.is_ours_to_keep(worker.id);
        let missing: Vec<WorkerId> = self.registry.workers().filter(missing).map(|worker| worker.id).collect();
        missing.into_iter().for_each(|id| drop(self.told_gone(id, now)));
    }

    /// A registration was written. The last one that was written has the name and the address.
    pub(crate) fn told(&mut self, registration: Registration, me: u64, now: Instant) {
        let Registration { id, join, keeper } = registration;
        if keeper == me {
            return;
        }
        let replaced = self.registry.adopt(id, join, now);
        // Whoever wrote this has deleted what it replaces.
        for id in replaced.iter().map(|worker| worker.id).chain([id]) {
            self.book.iter_mut().for_each(|book| book.taken_over(id));
        }
        replaced.iter().for_each(|worker| self.forget(worker.id));
        self.groups.leave(id);
        self.sort(id);
    }

    /// A registration was deleted, or has ended with the lease of its keeper. Whom this master hears itself it registers
    /// again. Any other worker goes when it falls silent, and not before: its keeper may be cut off from the registry
    /// alone, and the worker may have found another keeper already. Returns it if it is gone.
    pub(crate) fn told_gone(&mut self, id: WorkerId, now: Instant) -> Option<Worker> {
        match &mut self.book {
            Some(book) if book.is_ours(id) => {
                book.again(id);
                None
            }
            _ => {
                let worker = self.registry.let_go(id, now)?;
                self.forget(id);
                Some(worker)
            }
        }
    }

    /// Another master has heard a worker.
    pub(crate) fn overheard(&mut self, heartbeat: &Heartbeat, now: Instant) {
        if self.is_ours(heartbeat.epoch) && self.registry.heartbeat(heartbeat, now).is_ok() {
            self.sort(heartbeat.id);
            self.name_leases(heartbeat, now);
        }
    }

    /// At most so many keys that have to be written, and are not written yet. Whoever cannot write them says so with
    /// [`Scheduler::not_told`].
    pub(crate) fn to_tell(&mut self, most: usize) -> Vec<Change> {
        let Some(book) = &mut self.book else { return Vec::new() };
        let dirty = book.take_dirty(most);
        let change = |id| match self.registry.get(id).filter(|_| book.is_ours(id)) {
            Some(worker) => Change::Keep(id, worker.join.clone()),
            None => Change::Delete(id),
        };
        dirty.into_iter().map(change).collect()
    }

    /// These were not written.
    pub(crate) fn not_told(&mut self, changes: &[Change]) {
        let Some(book) = &mut self.book else { return };
        changes.iter().for_each(|change| book.again(change.id()));
    }

    /// How many workers can join before the shared registry has to set more ids aside.
    pub(crate) fn ids_left(&self) -> usize {
        self.registry.ids_left()
    }

    /// One more than the greatest id that is registered here.
    pub(crate) fn end_of_known_ids(&self) -> u32 {
        self.registry.workers().last().map_or(0, |worker| worker.id.0 + 1)
    }

    /// Those of this block come next.
    pub(crate) fn take_ids(&mut self, ids: Range<u32>) {
        self.registry.take_ids(ids);
    }

    fn is_ours_to_keep(&self, id: WorkerId) -> bool {
        self.book.as_ref().is_some_and(|book| book.is_ours(id))
    }
}

#[cfg(test)]
mod tests;
