//! When to ask the master for workers, and for how many.

use std::time::{Duration, Instant};

use facefleet_proto::backoff::Backoff;
use facefleet_proto::{RouteQuery, WorkerId};

/// How soon a worker that joins is found by a stream that wants more.
const REFRESH: Duration = Duration::from_secs(1);
/// Workers that a stream begins with, if it may have so many. Each further worker that it does not need costs all other streams: a
/// stream that sends a worker a frame now and then knows little of it, and every worker has to give turns to more streams. In
/// `cargo xtask bench sched`, with 64 mixed boards, a p99 of 191 ms with four workers becomes 329 ms with eight. Fewer than four
/// may all be slow: with two fast boards and six slow ones, two workers give 226 ms where four give 106 ms.
pub const WORKERS_AT_FIRST: usize = 4;
/// A stream takes more workers when frames have waited for so much longer than not.
const SHORT_FOR: Duration = Duration::from_millis(200);
/// When frames have waited next to never for this long, half of the workers may well be enough. If they are not, that is
/// found out within [`SHORT_FOR`].
const ENOUGH_FOR: Duration = Duration::from_secs(300);

/// When a stream asks the masters for workers, and for how many: one question at a time, with growing waits while there is no answer.
#[derive(Debug)]
pub(super) struct Routing {
    query: RouteQuery,
    /// Workers to use at once; those in the query are the most that it may become.
    wanted: usize,
    /// Workers to use at least, if there may be so many.
    at_first: usize,
    last_look: Option<Look>,
    /// How much longer the workers in use have been too few than enough.
    short_for: Duration,
    /// Since when the workers in use have always been enough; None: they are not.
    enough_since: Option<Instant>,
    /// The life of the master that answered last; 0 before.
    epoch: u64,
    asking: bool,
    /// The next question is not asked before this.
    next: Option<Instant>,
    waits: Backoff,
    /// Whether the last question had no answer.
    away: bool,
    /// Whether the master keeps the stream waiting, or has refused it, so that no other worker is to be had.
    is_kept_out: bool,
    seed: u64,
}

/// A look at the workers in use.
#[derive(Clone, Copy, Debug)]
struct Look {
    /// Whether they were too few.
    is_short: bool,
    at: Instant,
}

impl Routing {
    pub(super) fn new(query: RouteQuery, at_first: usize, seed: u64) -> Routing {
        let at_first = query.wanted.min(at_first);
        Routing {
            query,
            wanted: at_first,
            at_first,
            last_look: None,
            short_for: Duration::ZERO,
            enough_since: None,
            epoch: 0,
            asking: false,
            next: None,
            waits: Backoff::seeded(seed),
            away: false,
            is_kept_out: false,
            seed,
        }
    }

    /// Most workers to use at once, for now.
    pub(super) fn wanted(&self) -> usize {
        self.wanted
    }

    /// Takes in whether the workers in use are too few now. Where that is so for most of the time, twice as many are wanted, and at
    /// once.
    pub(super) fn short(&mut self, is_short: bool, now: Instant) {
        if let Some(before) = self.last_look.replace(Look { is_short, at: now }) {
            let passed = now.saturating_duration_since(before.at);
            let short_for = self.short_for;
            self.short_for = if before.is_short { short_for + passed } else { short_for.saturating_sub(passed) };
        }
        if self.short_for >= SHORT_FOR {
            self.short_for = Duration::ZERO;
            self.wanted = self.wanted.saturating_mul(2).min(self.query.wanted);
            self.hurry();
        }
        let is_enough = !is_short && self.short_for.is_zero();
        self.enough_since = self.enough_since.filter(|_| is_enough).or(is_enough.then_some(now));
        if self.enough_since.is_some_and(|since| now.saturating_duration_since(since) >= ENOUGH_FOR) {
            self.wanted = (self.wanted / 2).max(self.at_first);
            self.enough_since = Some(now);
        }
    }

    /// The life of the master that answered last; 0 before.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The detector that workers must have; None: any will do.
    pub(super) fn detector(&self) -> Option<&str> {
        self.query.detector.as_deref()
    }

    /// Whether what the master said last is all that there is: it does not answer, or has no place now for a stream that it
    /// had let in.
    pub(super) fn is_left_alone(&self) -> bool {
        self.away || self.is_kept_out && self.epoch != 0
    }

    /// The answer is kept back, for there is no place for the stream.
    pub(super) fn kept_out(&mut self) {
        self.is_kept_out = true;
    }

    /// Whether it is time to ask.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.asking && self.next.is_none_or(|next| now >= next)
    }

    /// The question for `workers` workers. `not_wanted` are numbers that this life of the master gave.
    pub(super) fn ask(&mut self, workers: usize, not_wanted: Vec<WorkerId>) -> RouteQuery {
        self.asking = true;
        RouteQuery { wanted: workers, exclude: not_wanted, epoch: self.epoch, ..self.query.clone() }
    }

    /// An answer has come. Returns whether another life of the master gave it than the one before.
    pub(super) fn answered(&mut self, epoch: u64, now: Instant) -> bool {
        self.asking = false;
        self.away = false;
        self.is_kept_out = false;
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
        self.is_kept_out = true;
        self.next = Some(now + after);
    }

    /// A worker was lost: the next question, if the master is there and has a place, has no time to wait.
    pub(super) fn hurry(&mut self) {
        if !self.away && !self.is_kept_out {
            self.next = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_proto::test_clock;

    #[test]
    fn a_stream_that_is_short_of_workers_for_half_of_the_time_gets_no_more() {
        let query = RouteQuery { wanted: 100, ..RouteQuery::default() };
        let (start, ms) = (test_clock::start(), Duration::from_millis(1));
        let mut routing = Routing::new(query.clone(), 8, 1);
        for turn in 0..1_000 {
            routing.short(turn % 2 == 0, start + ms * 100 * turn);
        }
        assert_eq!(routing.wanted(), 8);
        // Two thirds of the time: so many more are taken one after the other, and never more than it may have.
        let wanted = (0..100).map(|turn| {
            routing.short(turn % 3 != 0, start + ms * 100 * (1_000 + turn));
            routing.wanted()
        });
        let mut wanted: Vec<usize> = wanted.collect();
        wanted.dedup();
        assert_eq!(wanted, [8, 16, 32, 64, 100]);
        // Never, for hours: as many as at first are enough.
        let wanted = (0..100).map(|minute| {
            routing.short(false, start + ms * 60_000 * (4 + minute));
            routing.wanted()
        });
        let mut wanted: Vec<usize> = wanted.collect();
        wanted.dedup();
        assert_eq!(wanted, [100, 50, 25, 12, 8]);
        let mut few = Routing::new(RouteQuery { wanted: 3, ..query }, 8, 1);
        (0..100).for_each(|minute| few.short(false, start + ms * 60_000 * minute));
        assert_eq!(few.wanted(), 3);
    }
}
