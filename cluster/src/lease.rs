//! Places that routes hold on their workers.
//!
//! A worker tells how many frames it holds once a second. A hundred clients that ask within that second would all be
//! sent to the worker that was idle when it last said so; so each route counts as one frame on each of its workers,
//! until their heartbeats tell the truth.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use facefleet_proto::{Lease, WorkerId};

/// How long a route holds its places: two heartbeats, by which time its frames are in them.
pub const TTL: Duration = Duration::from_secs(2);
/// Most places held at once. Beyond it the oldest leases end early.
const MAX_PLACES: usize = 1_000_000;

/// The leases that hold.
#[derive(Debug, Default)]
pub struct Leases {
    /// By id, and so by age: ids and time only go up, and all leases last equally long.
    held: BTreeMap<u64, Held>,
    /// How many leases hold a place on each worker; no zeros.
    promised: HashMap<WorkerId, u32>,
    places: usize,
    last_id: u64,
}

#[derive(Debug)]
struct Held {
    since: Instant,
    workers: Vec<WorkerId>,
}

impl Leases {
    /// None yet; their numbers will be above `last_id`.
    pub fn numbered_after(last_id: u64) -> Leases {
        Leases { last_id, ..Leases::default() }
    }

    /// Holds a place on each of `workers`.
    pub fn grant(&mut self, workers: Vec<WorkerId>, now: Instant) -> Lease {
        for worker in &workers {
            *self.promised.entry(*worker).or_default() += 1;
        }
        self.places += workers.len();
        self.last_id += 1;
        self.held.insert(self.last_id, Held { since: now, workers });
        while self.places > MAX_PLACES {
            self.end_oldest();
        }
        Lease { id: self.last_id, ttl: TTL }
    }

    /// Ends a lease before its time. One that has ended, or never was, changes nothing.
    pub fn end(&mut self, id: u64) {
        let Some(Held { since: _, workers }) = self.held.remove(&id) else { return };
        self.places -= workers.len();
        for worker in workers {
            match self.promised.get_mut(&worker) {
                Some(places) if *places > 1 => *places -= 1,
                _ => drop(self.promised.remove(&worker)),
            }
        }
    }

    /// Ends the leases whose time is over.
    pub fn expire(&mut self, now: Instant) {
        while let Some(oldest) = self.held.first_entry()
            && now.saturating_duration_since(oldest.get().since) >= TTL
        {
            self.end_oldest();
        }
    }

    /// How many leases hold a place on this worker.
    pub fn promised(&self, worker: WorkerId) -> u32 {
        self.promised.get(&worker).copied().unwrap_or(0)
    }

    fn end_oldest(&mut self) {
        if let Some((id, _)) = self.held.first_key_value() {
            self.end(*id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_clock;

    const A: WorkerId = WorkerId(0);
    const B: WorkerId = WorkerId(1);

    #[test]
    fn a_lease_ends_by_itself() {
        let (mut leases, start) = (Leases::default(), test_clock::start());
        leases.grant(vec![A, B], start);
        leases.grant(vec![A], start + TTL / 2);
        assert_eq!((leases.promised(A), leases.promised(B)), (2, 1));
        leases.expire(start + TTL - Duration::from_millis(1));
        assert_eq!((leases.promised(A), leases.promised(B)), (2, 1));
        leases.expire(start + TTL);
        assert_eq!((leases.promised(A), leases.promised(B)), (1, 0));
        leases.expire(start + TTL * 2);
        assert!(leases.promised.is_empty() && leases.held.is_empty() && leases.places == 0);
    }

    #[test]
    fn a_lease_ends_early_once() {
        let (mut leases, start) = (Leases::default(), test_clock::start());
        let first = leases.grant(vec![A], start);
        let second = leases.grant(vec![A], start);
        assert!(first.id != 0 && first.id != second.id);
        leases.end(first.id);
        leases.end(first.id);
        leases.end(77);
        assert_eq!(leases.promised(A), 1);
    }

    #[test]
    fn places_are_bounded_and_the_oldest_go_first() {
        let (mut leases, start) = (Leases::default(), test_clock::start());
        leases.grant(vec![A], start);
        leases.grant(vec![B; MAX_PLACES], start);
        assert_eq!(leases.promised(A), 0);
        assert_eq!(leases.places, MAX_PLACES);
    }
}
