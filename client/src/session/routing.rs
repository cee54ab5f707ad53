//! When to ask the master for workers.

use std::time::{Duration, Instant};

use facefleet_proto::{RouteQuery, WorkerId};
use facefleet_service::backoff::Backoff;

/// How soon a worker that joins is found by a stream that wants more.
const REFRESH: Duration = Duration::from_secs(1);

/// One question at a time, with growing waits while there is no answer.
#[derive(Debug)]
pub(super) struct Routing {
    query: RouteQuery,
    /// The life of the master that answered last; 0 before.
    epoch: u64,
    asking: bool,
    /// Not before this.
    next: Option<Instant>,
    waits: Backoff,
    /// Whether the last question had no answer.
    away: bool,
    seed: u64,
}

impl Routing {
    pub(super) fn new(query: RouteQuery, seed: u64) -> Routing {
        Routing { query, epoch: 0, asking: false, next: None, waits: Backoff::seeded(seed), away: false, seed }
    }

    /// Most workers to use at once.
    pub(super) fn wanted(&self) -> usize {
        self.query.wanted
    }

    /// The life of the master that answered last; 0 before.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What the workers must have; None: any will do.
    pub(super) fn detector(&self) -> Option<&str> {
        self.query.detector.as_deref()
    }

    /// Whether the master does not answer: what it said last is all that there is.
    pub(super) fn is_away(&self) -> bool {
        self.away
    }

    /// Whether it is time to ask.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.asking && self.next.is_none_or(|next| now >= next)
    }

    /// The question for `missing` workers. `not_wanted` are numbers that this life of the master gave.
    pub(super) fn ask(&mut self, missing: usize, not_wanted: Vec<WorkerId>) -> RouteQuery {
        self.asking = true;
        RouteQuery { wanted: missing, exclude: not_wanted, epoch: self.epoch, ..self.query.clone() }
    }

    /// An answer has come. Returns whether another life of the master gave it than the one before.
    pub(super) fn answered(&mut self, epoch: u64, now: Instant) -> bool {
        self.asking = false;
        self.away = false;
        self.seed = self.seed.wrapping_add(1);
        self.waits = Backoff::seeded(self.seed);
        self.next = Some(now + REFRESH);
        std::mem::replace(&mut self.epoch, epoch) != epoch
    }

    /// There was no answer.
    pub(super) fn failed(&mut self, now: Instant) {
        self.asking = false;
        self.away = true;
        self.next = Some(now + self.waits.next_wait());
    }

    /// There is no place for the stream now.
    pub(super) fn refused(&mut self, after: Duration, now: Instant) {
        self.asking = false;
        self.away = false;
        self.next = Some(now + after);
    }

    /// A worker was lost: the next question, if the master is there to answer it, has no time to wait.
    pub(super) fn hurry(&mut self) {
        if !self.away {
            self.next = None;
        }
    }
}
