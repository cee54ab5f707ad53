//! The workers that a stream has heard of: who they are, which were lost, and when they may be tried again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use facefleet_proto::backoff::Backoff;
use facefleet_proto::{Candidate, WorkerId};

use super::ids::Peer;

/// How long after its last loss a worker is treated as if it had never been lost.
const FORGIVEN_AFTER: Duration = Duration::from_secs(30);

/// What a stream knows of workers, by address: two workers cannot listen at one.
#[derive(Debug)]
pub(super) struct Workers {
    known: BTreeMap<SocketAddr, Known>,
    next_peer: u32,
    /// What the random part of each worker's waits follows from.
    seed: u64,
}

#[derive(Debug)]
struct Known {
    /// What the master told last of the worker, without its id where another life of the master gave that.
    candidate: Candidate,
    /// The life of the worker that was last spoken to.
    life: Option<Life>,
    cooling: Option<Cooling>,
}

/// One life of a worker.
#[derive(Debug)]
struct Life {
    name: String,
    generation: u64,
    peer: Peer,
}

/// A worker that was lost is left alone for a while, and longer each time.
#[derive(Debug)]
struct Cooling {
    waits: Backoff,
    until: Instant,
}

impl Workers {
    pub(super) fn new(seed: u64) -> Workers {
        Workers { known: BTreeMap::new(), next_peer: 0, seed }
    }

    /// The master offers this worker.
    pub(super) fn offered(&mut self, candidate: Candidate) {
        match self.known.get_mut(&candidate.address) {
            Some(known) => known.candidate = candidate,
            None => {
                let address = candidate.address;
                self.known.insert(address, Known { candidate, life: None, cooling: None });
            }
        }
    }

    /// Another life of the master counts its workers anew.
    pub(super) fn forget_ids(&mut self) {
        self.known.values_mut().for_each(|known| known.candidate.id = None);
    }

    /// Names the life of the worker that answers at `address`: a restart is not the same worker.
    pub(super) fn met(&mut self, address: SocketAddr, name: &str, generation: u64) -> Peer {
        let known = self.known.get_mut(&address).expect("only workers that were offered are connected to");
        match &known.life {
            Some(life) if life.name == name && life.generation == generation => life.peer,
            _ => {
                let peer = Peer(self.next_peer);
                self.next_peer += 1;
                known.life = Some(Life { name: name.to_owned(), generation, peer });
                peer
            }
        }
    }

    /// The worker at `address` was lost, and is to be left alone for a while. Returns whether it had not been lost before.
    pub(super) fn lost(&mut self, address: SocketAddr, now: Instant) -> bool {
        let Some(known) = self.known.get_mut(&address) else { return true };
        let first = known.cooling.is_none();
        self.seed = self.seed.wrapping_add(1);
        let cooling = known.cooling.get_or_insert_with(|| Cooling { waits: Backoff::seeded(self.seed), until: now });
        cooling.until = now + cooling.waits.next_wait();
        first
    }

    /// The worker at `address` has shown that it works.
    pub(super) fn proved(&mut self, address: SocketAddr) {
        if let Some(known) = self.known.get_mut(&address) {
            known.cooling = None;
        }
    }

    /// Forgives losses of long ago.
    pub(super) fn forgive(&mut self, now: Instant) {
        for known in self.known.values_mut() {
            if known.cooling.as_ref().is_some_and(|cooling| now >= cooling.until + FORGIVEN_AFTER) {
                known.cooling = None;
            }
        }
    }

    /// Forgets the workers that the master has not offered, and that nobody has a reason to remember.
    pub(super) fn keep(&mut self, offered: &[SocketAddr], is_linked: impl Fn(SocketAddr) -> bool) {
        self.known.retain(|address, known| known.cooling.is_some() || offered.contains(address) || is_linked(*address));
    }

    /// Whether the worker at `address` may be connected to.
    pub(super) fn may_be_tried(&self, address: SocketAddr, now: Instant) -> bool {
        self.known.get(&address).is_some_and(|known| known.cooling.as_ref().is_none_or(|cooling| now >= cooling.until))
    }

    /// Whether the worker at `address` was lost, and has not proved since that it works.
    pub(super) fn is_unproved(&self, address: SocketAddr) -> bool {
        self.known.get(&address).is_some_and(|known| known.cooling.is_some())
    }

    /// How many unproved workers the master may offer.
    pub(super) fn unproved(&self, now: Instant, is_linked: impl Fn(SocketAddr) -> bool) -> usize {
        let addresses = self.known.keys().filter(|address| self.is_unproved(**address));
        addresses.filter(|address| self.may_be_tried(**address, now) && !is_linked(**address)).count()
    }

    /// All workers that are known, by address.
    pub(super) fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.known.values().map(|known| &known.candidate)
    }

    /// The ids of the workers that the master need not offer: they are in use, or have just been lost.
    pub(super) fn not_wanted(&self, now: Instant, is_linked: impl Fn(SocketAddr) -> bool) -> Vec<WorkerId> {
        let unwanted = |address: SocketAddr| is_linked(address) || !self.may_be_tried(address, now);
        self.candidates().filter(|candidate| unwanted(candidate.address)).filter_map(|candidate| candidate.id).collect()
    }
}
