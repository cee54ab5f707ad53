//! A queue of events in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use facefleet_proto::test_clock;

/// Time since the simulation began.
pub type At = Duration;

/// Events in the order of their times. Events of one moment come in the order in which they were scheduled, so that a seed has one
/// history.
#[derive(Debug)]
pub struct Engine<E> {
    now: At,
    start: Instant,
    queue: BinaryHeap<Reverse<Scheduled<E>>>,
    scheduled: u64,
}

#[derive(Debug)]
struct Scheduled<E> {
    at: At,
    number: u64,
    event: E,
}

impl<E> Scheduled<E> {
    fn key(&self) -> (At, u64) {
        (self.at, self.number)
    }
}

impl<E> PartialEq for Scheduled<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Scheduled<E> {}

impl<E> PartialOrd for Scheduled<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Scheduled<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl<E> Engine<E> {
    /// An engine at time zero, without events.
    pub fn new() -> Engine<E> {
        Engine { now: At::ZERO, start: test_clock::start(), queue: BinaryHeap::new(), scheduled: 0 }
    }

    /// The virtual time.
    pub fn now(&self) -> At {
        self.now
    }

    /// The virtual time as a monotonic clock without faults reads it.
    pub fn instant(&self) -> Instant {
        self.start + self.now
    }

    /// Schedules an event. One whose time has passed comes next.
    pub fn at(&mut self, at: At, event: E) {
        let at = at.max(self.now);
        self.queue.push(Reverse(Scheduled { at, number: self.scheduled, event }));
        self.scheduled += 1;
    }

    /// How many events were scheduled so far.
    pub fn scheduled(&self) -> u64 {
        self.scheduled
    }

    /// The time of the next event.
    pub fn next_at(&self) -> Option<At> {
        self.queue.peek().map(|Reverse(next)| next.at)
    }

    /// Moves the time to the next event and returns it.
    pub fn pop(&mut self) -> Option<E> {
        let Reverse(Scheduled { at, event, .. }) = self.queue.pop()?;
        self.now = at;
        Some(event)
    }
}

impl<E> Default for Engine<E> {
    fn default() -> Self {
        Engine::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_those_of_one_moment_as_they_were_scheduled() {
        let ms = Duration::from_millis;
        let mut engine = Engine::new();
        [(20, 'c'), (10, 'a'), (20, 'd'), (10, 'b')].into_iter().for_each(|(at, event)| engine.at(ms(at), event));
        assert_eq!((engine.pop(), engine.now()), (Some('a'), ms(10)));
        engine.at(ms(5), 'x');
        assert_eq!((engine.pop(), engine.now()), (Some('b'), ms(10)));
        assert_eq!((engine.pop(), engine.now()), (Some('x'), ms(10)), "time does not run backwards");
        assert_eq!(
            (engine.next_at(), engine.pop(), engine.pop(), engine.pop()),
            (Some(ms(20)), Some('c'), Some('d'), None)
        );
    }
}
