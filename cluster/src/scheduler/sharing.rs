//! A registry that several masters share: what they announce is learnt, and what they must know is published.
//!
//! Each worker is heard by one master. That master keeps the worker's registration in the shared registry
//! ([`crate::sharing`]) and passes its heartbeats on to the other masters, so all of them know how the worker is. All masters
//! are one cluster with one epoch, and an id means the same worker to all of them.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::Range;
use std::time::Instant;

use facefleet_proto::{Health, Heartbeat, WorkerId};

use super::Scheduler;
use crate::registry::Worker;
use crate::settings::Settings;
use crate::sharing::book::{Book, Change, Registration, next_ids};
use crate::sharing::settings::AgreedSettings;
use crate::stream_lease::StreamLeases;

/// Why a registration is no longer in the shared registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// A master has deleted it: the worker left, or is replaced or forgotten.
    Deleted,
    /// The registry has not heard of the master that kept it for some time. That master may be cut off from the registry
    /// alone, and the worker may have found another one already.
    Unkept,
}

impl Scheduler {
    /// Makes the scheduler share its registry. Until it has [connected](Scheduler::connected), its epoch is 0 and it can take
    /// nobody in.
    pub fn sharing(self, now: Instant) -> Scheduler {
        let settings = AgreedSettings::new(self.settings());
        Scheduler { book: Some(Book::new(settings, now)), ..self }
    }

    /// Begins a session with the shared registry, which is of this epoch and has set `ids` aside for this master. Another epoch
    /// than before is another cluster, in which nothing that was known means anything.
    pub fn connected(&mut self, epoch: u64, ids: Range<u32>, now: Instant) {
        if epoch != self.epoch {
            // Streams keep their numbers, and those that wait go on to wait. Slots go with the workers.
            let workers: Vec<WorkerId> = self.registry.workers().map(|worker| worker.id).collect();
            workers.into_iter().for_each(|id| self.admitting.withdraw(id));
            let fresh = Scheduler::new(self.policy, epoch);
            let before = std::mem::replace(self, fresh);
            // Each master has ids of its own, so that no two of them draw the same numbers for streams.
            self.leases = StreamLeases::new(epoch.wrapping_add(u64::from(ids.start) << 32));
            self.admitting = before.admitting;
            self.admitting.number_from(epoch);
            self.max_wait = before.max_wait;
            self.book = before.book.map(|book| Book::new(book.settings, now));
            self.registry.set_resting(before.registry.resting().clone());
        }
        self.take_ids(ids);
        self.record(|book| book.cut_off = None);
    }

    /// The settings that the masters have agreed on; None: this master shares nothing. [`Scheduler::set`] puts them into
    /// effect.
    pub fn agreed(&mut self) -> Option<&mut AgreedSettings> {
        self.book.as_mut().map(|book| &mut book.settings)
    }

    /// Updates the settings that the masters have agreed on, and puts them into effect. Returns them if they are other ones
    /// than before.
    pub fn agree(&mut self, update: impl FnOnce(&mut AgreedSettings), now: Instant) -> Option<Settings> {
        let before = self.settings();
        let agreed = self.agreed()?;
        update(agreed);
        let settings = agreed.settings();
        if settings == before {
            return None;
        }
        self.set(settings.clone(), now);
        Some(settings)
    }

    /// Records that the shared registry does not answer.
    pub fn cut_off(&mut self, now: Instant) {
        self.record(|book| _ = book.cut_off.get_or_insert(now));
    }

    /// Learns all registrations that the shared registry holds, in the order in which they were written. `me` is this master
    /// as a keeper of registrations. Its own must be published again, because the lease that they are under is of an earlier
    /// session.
    pub fn learn_all(&mut self, all: Vec<Registration>, me: u64, now: Instant) {
        let held: HashSet<WorkerId> = all.iter().map(|registration| registration.id).collect();
        for registration in all {
            if registration.keeper == me {
                // The worker is still here, or it has left since: the registration is written again, or deleted.
                self.record(|book| book.again(registration.id));
            } else {
                self.learn(registration, me, now);
            }
        }
        let missing = self.registry.workers().map(|worker| worker.id).filter(|id| !held.contains(id));
        for id in missing.collect::<Vec<_>>() {
            self.learn_gone(id, Gone::Unkept, now);
        }
    }

    /// Learns that a registration was written.
    ///
    /// The latest registration gets the name and the address. There is one exception: a worker of this name is kept here, is
    /// alive, and is in a later life; or it is in the same life and has been heard here, which happens when two masters that
    /// did not know of each other gave it an id each. Then the registration that was written is deleted.
    ///
    /// A worker that is new to this master gets routes from its first heartbeat on, because it may have been registered long
    /// ago and be silent now.
    pub fn learn(&mut self, registration: Registration, me: u64, now: Instant) {
        let Registration { id, join, keeper } = registration;
        if keeper == me {
            return;
        }
        let namesake = self.registry.named(&join.identity.name).filter(|ours| self.is_kept_here(ours.id));
        let theirs = join.identity.generation;
        let wins = |ours: &Worker| match ours.join.identity.generation.cmp(&theirs) {
            Ordering::Less => false,
            // A worker that has only joined here may be heard elsewhere.
            Ordering::Equal => theirs != 0 && ours.load.is_some(),
            Ordering::Greater => true,
        };
        if namesake.is_some_and(|ours| ours.id != id && wins(ours) && ours.health(now) != Health::Lost) {
            return self.record(|book| book.again(id));
        }
        for worker in self.registry.adopt(id, join, now) {
            self.forget(worker.id);
            // The master that wrote this registration has deleted those that it replaces.
            self.record(|book| book.taken_over(worker.id));
        }
        self.record(|book| book.taken_over(id));
    }

    /// Learns that a registration is gone. Returns the worker if it is registered here no more.
    ///
    /// A worker that this master keeps is registered again: at once if its registration has ended, and with its next heartbeat
    /// if another master has deleted it, since that master may hear the worker, too. So of two masters that contradict each
    /// other, the one that does not hear the worker gives up. A worker that this master does not keep goes at once if its
    /// registration was deleted, and otherwise when it falls silent.
    pub fn learn_gone(&mut self, id: WorkerId, gone: Gone, now: Instant) -> Option<Worker> {
        let is_kept_here = self.is_kept_here(id);
        let worker = match gone {
            Gone::Unkept if is_kept_here => {
                self.record(|book| book.again(id));
                None
            }
            Gone::Deleted if is_kept_here => {
                self.record(|book| book.taken_over(id));
                self.registry.let_go(id, now)
            }
            Gone::Deleted => self.registry.remove(id),
            Gone::Unkept => self.registry.let_go(id, now),
        }?;
        self.forget(id);
        Some(worker)
    }

    /// Takes a heartbeat that another master has heard.
    pub fn overheard(&mut self, heartbeat: &Heartbeat, now: Instant) {
        if self.is_of_this_life(heartbeat.epoch) && self.registry.heartbeat(heartbeat, now).is_ok() {
            self.take_in(heartbeat, now);
        }
    }

    /// Takes out at most so many registrations that must be written or deleted. A caller that fails to write them gives them
    /// back with [`Scheduler::not_published`].
    pub fn to_publish(&mut self, most: usize) -> Vec<Change> {
        let Some(book) = &mut self.book else { return Vec::new() };
        let dirty = book.take_dirty(most);
        let change = |id| match self.registry.get(id).filter(|_| book.is_ours(id)) {
            Some(worker) => Change::Keep(id, worker.join.clone()),
            None => Change::Delete(id),
        };
        dirty.into_iter().map(change).collect()
    }

    /// Takes back changes that were not written.
    pub fn not_published(&mut self, changes: &[Change]) {
        self.record(|book| changes.iter().for_each(|change| book.again(change.id())));
    }

    /// How many workers can join before the shared registry must set more ids aside.
    pub fn ids_left(&self) -> usize {
        self.registry.ids_left()
    }

    /// Records that the ids below `end` are set aside, for this master or another.
    pub fn set_aside(&mut self, end: u32) {
        self.record(|book| book.set_aside(end));
    }

    /// Which ids to set aside next; see [`next_ids`]. What this master knows of the ids of another epoch is of no use in this
    /// one.
    pub fn next_ids(&self, epoch: u64, free: Option<u32>) -> Range<u32> {
        let book = self.book.as_ref().filter(|_| epoch == self.epoch);
        next_ids(book.map_or(0, Book::end_of_ids), free)
    }

    /// Gives workers that join ids of this block from now on.
    pub fn take_ids(&mut self, ids: Range<u32>) {
        self.set_aside(ids.end);
        self.registry.take_ids(ids);
    }
}

#[cfg(test)]
mod tests;
