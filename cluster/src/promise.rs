//! Work that routes have promised to workers, and that no heartbeat shows yet.
//!
//! A worker reports once a second how many frames it holds. A hundred clients that ask within that second would all be sent
//! to the worker that was idle in its last report. Therefore each route counts as one frame on each of its workers, until
//! their heartbeats show the real load.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use facefleet_proto::{StreamLeaseId, WorkerId};

/// How long a promise lasts: two heartbeats, by which time the frames of the stream are in them.
pub const TTL: Duration = Duration::from_secs(2);
/// Most frames that are promised at once. Beyond it the oldest promises end early.
const MAX_FRAMES: usize = 1_000_000;

/// The promises that have not ended.
#[derive(Debug, Default)]
pub struct Promises {
    /// The promises by number, and so by age: numbers and time only go up, and all promises last equally long. Nobody else
    /// knows these numbers.
    held: BTreeMap<u64, Promise>,
    /// The numbers of the promises to each stream.
    of_stream: BTreeSet<(StreamLeaseId, u64)>,
    /// How many frames each worker is promised; no zeros.
    frames: HashMap<WorkerId, u32>,
    /// The sum of `frames`.
    total: usize,
    last_number: u64,
}

#[derive(Debug)]
struct Promise {
    stream: StreamLeaseId,
    since: Instant,
    workers: Vec<WorkerId>,
}

impl Promises {
    /// Promises a frame of `stream` to each of `workers`.
    pub fn make(&mut self, stream: StreamLeaseId, workers: Vec<WorkerId>, now: Instant) {
        for worker in &workers {
            *self.frames.entry(*worker).or_default() += 1;
        }
        self.total += workers.len();
        self.last_number += 1;
        self.of_stream.insert((stream, self.last_number));
        self.held.insert(self.last_number, Promise { stream, since: now, workers });
        while self.total > MAX_FRAMES {
            self.end_oldest();
        }
    }

    /// Ends what was promised for a stream that is over. A number that names no stream changes nothing.
    pub fn end(&mut self, stream: StreamLeaseId) {
        while let Some((_, number)) = self.of_stream.range((stream, 0)..=(stream, u64::MAX)).next().copied() {
            self.remove(number);
        }
    }

    /// Ends the promises that have lasted for [`TTL`].
    pub fn expire(&mut self, now: Instant) {
        while let Some((_, oldest)) = self.held.first_key_value()
            && now.saturating_duration_since(oldest.since) >= TTL
        {
            self.end_oldest();
        }
    }

    /// How many frames this worker is promised.
    pub fn frames(&self, worker: WorkerId) -> u32 {
        self.frames.get(&worker).copied().unwrap_or(0)
    }

    fn end_oldest(&mut self) {
        if let Some((number, _)) = self.held.first_key_value() {
            self.remove(*number);
        }
    }

    fn remove(&mut self, number: u64) {
        let Some(Promise { stream, since: _, workers }) = self.held.remove(&number) else { return };
        self.of_stream.remove(&(stream, number));
        self.total -= workers.len();
        for worker in workers {
            match self.frames.get_mut(&worker) {
                Some(frames) if *frames > 1 => *frames -= 1,
                _ => drop(self.frames.remove(&worker)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_proto::test_clock;

    const A: WorkerId = WorkerId(0);
    const B: WorkerId = WorkerId(1);

    fn is_empty(promises: &Promises) -> bool {
        promises.frames.is_empty() && promises.held.is_empty() && promises.of_stream.is_empty() && promises.total == 0
    }

    #[test]
    fn a_promise_ends_by_itself() {
        let (mut promises, start) = (Promises::default(), test_clock::start());
        promises.make(7, vec![A, B], start);
        promises.make(7, vec![A], start + TTL / 2);
        assert_eq!((promises.frames(A), promises.frames(B)), (2, 1));
        promises.expire(start + TTL - Duration::from_millis(1));
        assert_eq!((promises.frames(A), promises.frames(B)), (2, 1));
        promises.expire(start + TTL);
        assert_eq!((promises.frames(A), promises.frames(B)), (1, 0));
        promises.expire(start + TTL * 2);
        assert!(is_empty(&promises), "{promises:?}");
    }

    #[test]
    fn promises_end_with_their_stream_and_with_no_other() {
        let (mut promises, start) = (Promises::default(), test_clock::start());
        promises.make(77, vec![A], start);
        promises.make(u64::MAX, vec![A, B], start);
        promises.make(u64::MAX, vec![A], start);
        (1..=20).for_each(|number| promises.end(number));
        assert_eq!((promises.frames(A), promises.frames(B)), (3, 1), "nobody's stream has a small number");
        promises.end(u64::MAX);
        promises.end(u64::MAX);
        assert_eq!((promises.frames(A), promises.frames(B)), (1, 0));
        promises.end(77);
        assert!(is_empty(&promises), "{promises:?}");
    }

    #[test]
    fn promises_are_bounded_and_the_oldest_go_first() {
        let (mut promises, start) = (Promises::default(), test_clock::start());
        promises.make(1, vec![A], start);
        promises.make(2, vec![B; MAX_FRAMES], start);
        assert_eq!(promises.frames(A), 0);
        assert_eq!(promises.total, MAX_FRAMES);
    }
}
