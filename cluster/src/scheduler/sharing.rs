//! A scheduler that shares its registry with other masters: what they tell goes in, what they have to be told comes out.
//!
//! Each worker is heard by one master, which keeps its registration in the shared registry ([`crate::sharing`]) and gives its
//! heartbeats on to the other masters, who so know as well as the first how it is. All masters are one cluster with one
//! epoch, and an id means the same worker to all of them.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::Range;
use std::time::Instant;

use facefleet_proto::{Health, Heartbeat, WorkerId};

use super::Scheduler;
use crate::lease::Leases;
use crate::registry::Worker;
use crate::sharing::book::{Book, Change, Registration, next_ids};
use crate::sharing::settings::Agreed;

/// Why the shared registry holds a worker no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// A master has deleted it: the worker left, or is replaced or forgotten.
    Deleted,
    /// Its keeper has not been heard of by the registry for some time. It may be cut off from the registry alone, and the
    /// worker may have found another keeper already.
    Unkept,
}

impl Scheduler {
    /// A scheduler that is to share its registry, and has not heard of it yet: its epoch is 0, and it can take nobody in.
    pub fn sharing(self, now: Instant) -> Scheduler {
        let settings = Agreed::new(self.settings());
        Scheduler { book: Some(Book::new(settings, now)), ..self }
    }

    /// The shared registry answers: it is of this epoch, and has set these ids aside for this master. Another epoch than
    /// the one before is another cluster: nothing that was known means anything in it.
    pub fn connected(&mut self, epoch: u64, ids: Range<u32>, now: Instant) {
        if epoch != self.epoch {
            let fresh = Scheduler::new(self.policy, epoch).detecting(self.registry.loss());
            let book = self.book.take().map(|book| Book::new(book.settings, now));
            // No other life of any master has had these ids, so no lease of one has such a number either.
            let leases = Leases::numbered_after(u64::from(ids.start) << 32);
            // Streams are who they were, and those that wait go on to wait.
            let workers: Vec<WorkerId> = self.registry.workers().map(|worker| worker.id).collect();
            workers.into_iter().for_each(|id| self.withdraw_slots(id));
            let next_number = self.next_number.max(epoch);
            let resting = self.registry.resting().clone();
            *self = Scheduler { leases, admission: self.admission.take(), next_number, book, ..fresh };
            self.registry.set_resting(resting);
        }
        self.take_ids(ids);
        self.note(|book| book.cut_off = None);
    }

    /// Whether other masters may share the registry.
    pub fn shares(&self) -> bool {
        self.book.is_some()
    }

    /// What administrators have set, where masters share a registry. [`Scheduler::set`] puts it into effect.
    pub fn agreed(&mut self) -> Option<&mut Agreed> {
        self.book.as_mut().map(|book| &mut book.settings)
    }

    /// The shared registry does not answer.
    pub fn cut_off(&mut self, now: Instant) {
        self.note(|book| _ = book.cut_off.get_or_insert(now));
    }

    /// Since when the shared registry has not answered; None: it does, or there is none.
    pub fn cut_off_since(&self) -> Option<Instant> {
        self.book.as_ref().and_then(|book| book.cut_off)
    }

    /// All that the shared registry holds, in the order in which it was written. What is this master's own has to be written
    /// again, because its lease is another one. `me` is this master as a keeper.
    pub fn told_all(&mut self, all: Vec<Registration>, me: u64, now: Instant) {
        let held: HashSet<WorkerId> = all.iter().map(|registration| registration.id).collect();
        for registration in all {
            if registration.keeper == me {
                // Written in a session before: it stays, or the worker left in the meantime.
                self.note(|book| book.again(registration.id));
            } else {
                self.told(registration, me, now);
            }
        }
        let missing = self.registry.workers().map(|worker| worker.id).filter(|id| !held.contains(id));
        for id in missing.collect::<Vec<_>>() {
            self.told_gone(id, Gone::Unkept, now);
        }
    }

    /// A registration was written. The last one that was written has the name and the address, unless the worker that has the
    /// name is kept here and alive, in a later life, or in the same one, to which two masters that knew nothing of each other
    /// gave an id each: then what was written is deleted. A worker that is new here gets routes from its first heartbeat on,
    /// because it may have been registered for long, and silent.
    pub fn told(&mut self, registration: Registration, me: u64, now: Instant) {
        let Registration { id, join, keeper } = registration;
        if keeper == me {
            return;
        }
        let namesake = self.registry.named(&join.identity.name).filter(|ours| self.is_ours_to_keep(ours.id));
        let theirs = join.identity.generation;
        let wins = |ours: &Worker| match ours.join.identity.generation.cmp(&theirs) {
            Ordering::Less => false,
            // Whoever has only joined here may be heard elsewhere.
            Ordering::Equal => theirs != 0 && ours.load.is_some(),
            Ordering::Greater => true,
        };
        if namesake.is_some_and(|ours| ours.id != id && wins(ours) && ours.health(now) != Health::Lost) {
            return self.note(|book| book.again(id));
        }
        for worker in self.registry.adopt(id, join, now) {
            self.forget(worker.id);
            // Whoever wrote this has deleted what it replaces.
            self.note(|book| book.taken_over(worker.id));
        }
        self.note(|book| book.taken_over(id));
    }

    /// A registration is gone. Whom this master keeps it registers again; at the next heartbeat, if another master has deleted
    /// it, for that one may hear it as well: so of two that would go on to contradict each other the one stops that does not
    /// hear it. Any other worker goes, at once or when it falls silent. Returns it if it is gone.
    pub fn told_gone(&mut self, id: WorkerId, gone: Gone, now: Instant) -> Option<Worker> {
        let is_kept = self.is_ours_to_keep(id);
        let worker = match gone {
            Gone::Unkept if is_kept => {
                self.note(|book| book.again(id));
                None
            }
            Gone::Deleted if is_kept => {
                self.note(|book| book.taken_over(id));
                self.registry.let_go(id, now)
            }
            Gone::Deleted => self.registry.remove(id),
            Gone::Unkept => self.registry.let_go(id, now),
        }?;
        self.forget(id);
        Some(worker)
    }

    /// Another master has heard a worker.
    pub fn overheard(&mut self, heartbeat: &Heartbeat, now: Instant) {
        if self.is_ours(heartbeat.epoch) && self.registry.heartbeat(heartbeat, now).is_ok() {
            self.sort(heartbeat.id);
            self.name_leases(heartbeat, now);
        }
    }

    /// At most so many keys that have to be written, and are not written yet. Whoever cannot write them says so with
    /// [`Scheduler::not_told`].
    pub fn to_tell(&mut self, most: usize) -> Vec<Change> {
        let Some(book) = &mut self.book else { return Vec::new() };
        let dirty = book.take_dirty(most);
        let change = |id| match self.registry.get(id).filter(|_| book.is_ours(id)) {
            Some(worker) => Change::Keep(id, worker.join.clone()),
            None => Change::Delete(id),
        };
        dirty.into_iter().map(change).collect()
    }

    /// These were not written.
    pub fn not_told(&mut self, changes: &[Change]) {
        self.note(|book| changes.iter().for_each(|change| book.again(change.id())));
    }

    /// How many workers can join before the shared registry has to set more ids aside.
    pub fn ids_left(&self) -> usize {
        self.registry.ids_left()
    }

    /// The ids below `end` are set aside for this master or another.
    pub fn set_aside(&mut self, end: u32) {
        self.note(|book| book.set_aside(end));
    }

    /// See [`next_ids`]. What is known of the ids of another epoch says nothing of those of this one.
    pub fn next_ids(&self, epoch: u64, free: Option<u32>) -> Range<u32> {
        let book = self.book.as_ref().filter(|_| epoch == self.epoch);
        next_ids(book.map_or(0, Book::end_of_ids), free)
    }

    /// Those of this block come next.
    pub fn take_ids(&mut self, ids: Range<u32>) {
        self.set_aside(ids.end);
        self.registry.take_ids(ids);
    }

    /// Has the book take note, if there is one.
    pub(super) fn note(&mut self, note: impl FnOnce(&mut Book)) {
        if let Some(book) = &mut self.book {
            note(book);
        }
    }

    pub(super) fn is_ours_to_keep(&self, id: WorkerId) -> bool {
        self.book.as_ref().is_some_and(|book| book.is_ours(id))
    }
}

#[cfg(test)]
mod tests;
