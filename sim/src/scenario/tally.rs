//! What happened, for people, and for a test that nothing is left out.

use std::collections::BTreeMap;

use facefleet_proto::{DropReason, FailureCode};
use facefleet_stream::session::Session;

use crate::engine::At;

/// Kinds of faults, beginnings and ends of peace not counted.
const KINDS: usize = 13;

/// What happened, in one world or in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    streams: u64,
    frames: u64,
    ok: u64,
    dropped: BTreeMap<DropReason, u64>,
    failed: BTreeMap<FailureCode, u64>,
    /// Frames with which nothing was wrong, and that failed at workers with which something was.
    pub(super) innocents_failed: u64,
    pub(super) innocents_lost: u64,
    retried: u64,
    late: u64,
    /// Packets that came to a cut, and connections that were given up for silence.
    pub(super) cut: u64,
    pub(super) keepalives: u64,
    /// Workers that frames have ended.
    pub(super) killers: u64,
    /// Streams that had to use a worker that joined.
    pub(super) newcomers: u64,
    /// Looks at live streams that had to go on, and at workers that had to have work.
    pub(super) goes_on: u64,
    pub(super) is_busy: u64,
    /// Looks at workers that had to be used again after their frames had taken long.
    pub(super) recovered: u64,
    /// By kind.
    pub(super) faults: BTreeMap<&'static str, u64>,
    events: u64,
    /// The end of the last stream.
    ended: At,
}

impl Tally {
    pub(super) fn stream(&mut self, session: &Session, now: At) {
        let counts = session.ledger().counts();
        self.streams += 1;
        self.frames += counts.sent;
        self.ok += counts.ok;
        self.retried += counts.retried;
        self.late += counts.late;
        sum(&mut self.dropped, &counts.dropped);
        sum(&mut self.failed, &counts.failed);
        self.ended = now;
    }

    pub(super) fn finish(mut self, events: u64) -> Tally {
        self.events = events;
        self
    }

    /// Adds what happened in another world.
    pub fn add(&mut self, other: &Tally) {
        self.streams += other.streams;
        self.frames += other.frames;
        self.ok += other.ok;
        sum(&mut self.dropped, &other.dropped);
        sum(&mut self.failed, &other.failed);
        self.innocents_failed += other.innocents_failed;
        self.innocents_lost += other.innocents_lost;
        self.retried += other.retried;
        self.late += other.late;
        self.cut += other.cut;
        self.keepalives += other.keepalives;
        self.killers += other.killers;
        self.newcomers += other.newcomers;
        self.goes_on += other.goes_on;
        self.is_busy += other.is_busy;
        self.recovered += other.recovered;
        sum(&mut self.faults, &other.faults);
        self.events += other.events;
        self.ended = self.ended.max(other.ended);
    }

    /// Panics when something has never happened that the faults are there for.
    pub fn assert_that_everything_happened(&self) {
        let happened = [
            self.retried,
            self.late,
            self.cut,
            self.keepalives,
            self.killers,
            self.newcomers,
            self.goes_on,
            self.is_busy,
            self.recovered,
        ];
        assert!(happened.iter().all(|count| *count > 0), "something has never happened: {self:#?}");
        assert!(self.dropped.contains_key(&DropReason::StaleClient), "no frame grew too old at its client: {self:#?}");
        for code in [FailureCode::Corrupt, FailureCode::WorkerLost] {
            assert!(self.failed.contains_key(&code), "no frame was {code}: {self:#?}");
        }
        assert_eq!(self.faults.len(), KINDS, "every kind of fault: {self:#?}");
    }
}

fn sum<K: Clone + Ord>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(key.clone()).or_default() += count;
    }
}
