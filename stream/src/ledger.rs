//! The ledger of a stream: what became of every frame. It is the one place that counts.

use std::collections::{BTreeMap, BTreeSet};

use facefleet_proto::{DropReason, FailureCode};
use serde::Serialize;

/// The frames of one stream, each entered when it comes and when it ends, and never twice.
///
/// The end of a frame that is not open is a mistake of the program's, which would make the counts a lie: it panics.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    counts: Counts,
    /// Frames whose end is not known. There are never more than a stream may have under way.
    open: BTreeSet<u64>,
}

/// What a ledger has counted: `sent = ok + dropped + failed`, once the stream has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Frames that the source gave, whether or not a worker ever saw them.
    pub sent: u64,
    /// Frames that were worked on.
    pub ok: u64,
    /// Frames left out on purpose, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Frames that could not be worked on, by code.
    pub failed: BTreeMap<FailureCode, u64>,
    /// Times that a frame was sent again, because its worker was lost or could not do it.
    pub retried: u64,
    /// Results for frames that were not awaited from that worker (any more), and so were not counted.
    pub late: u64,
    /// Faces found.
    pub faces: u64,
    /// What each worker did, by its name.
    pub workers: BTreeMap<String, Share>,
}

/// What one worker did of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Frames whose end was its answer, `ok`, `dropped` or `failed`.
    pub answered: u64,
    /// Times that a frame was taken back from it and given to another.
    pub taken_back: u64,
}

/// The outcome of a frame, as the ledger counts it.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// The frame was worked on, and this many faces were found.
    Ok(usize),
    /// The frame was left out on purpose.
    Dropped(&'a DropReason),
    /// The frame could not be worked on.
    Failed(&'a FailureCode),
}

impl Ledger {
    /// A frame has come from the source.
    ///
    /// # Panics
    /// The frame is open already.
    pub fn sent(&mut self, frame: u64) {
        assert!(self.open.insert(frame), "frame {frame} comes once");
        self.counts.sent += 1;
    }

    /// A frame is sent again, after it was taken back.
    pub fn sent_again(&mut self) {
        self.counts.retried += 1;
    }

    /// A frame was taken back from a worker.
    pub fn taken_back(&mut self, worker: &str) {
        self.share(worker).taken_back += 1;
    }

    /// A result came that was not awaited from the worker that sent it.
    pub fn late(&mut self) {
        self.counts.late += 1;
    }

    /// A frame has ended. `worker` is who answered; None where no worker did.
    ///
    /// # Panics
    /// The frame is not open: it never came, or has ended before.
    pub fn ended(&mut self, frame: u64, entry: Entry<'_>, worker: Option<&str>) {
        assert!(self.open.remove(&frame), "frame {frame} ends once");
        let Counts { ok, faces, dropped, failed, .. } = &mut self.counts;
        match entry {
            Entry::Ok(found) => {
                *ok += 1;
                *faces += found as u64;
            }
            Entry::Dropped(reason) => add(dropped, reason, 1),
            Entry::Failed(code) => add(failed, code, 1),
        }
        if let Some(worker) = worker {
            self.share(worker).answered += 1;
        }
    }

    /// What was counted so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether a frame has come whose end is not known.
    pub fn is_open(&self, frame: u64) -> bool {
        self.open.contains(&frame)
    }

    /// Frames whose end is not known.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    fn share(&mut self, worker: &str) -> &mut Share {
        if !self.counts.workers.contains_key(worker) {
            self.counts.workers.insert(worker.to_owned(), Share::default());
        }
        self.counts.workers.get_mut(worker).expect("it has just been made sure of")
    }
}

impl Counts {
    /// Frames whose end is known.
    pub fn ended(&self) -> u64 {
        self.ok + self.dropped.values().sum::<u64>() + self.failed.values().sum::<u64>()
    }

    /// Whether every frame's end is known, once.
    pub fn balances(&self) -> bool {
        self.sent == self.ended()
    }

    /// Adds another stream's counts.
    pub fn add(&mut self, other: &Counts) {
        let Counts { sent, ok, dropped, failed, retried, late, faces, workers } = other;
        self.sent += sent;
        self.ok += ok;
        self.retried += retried;
        self.late += late;
        self.faces += faces;
        dropped.iter().for_each(|(reason, count)| add(&mut self.dropped, reason, *count));
        failed.iter().for_each(|(code, count)| add(&mut self.failed, code, *count));
        for (name, Share { answered, taken_back }) in workers {
            let sum = self.workers.entry(name.clone()).or_default();
            sum.answered += answered;
            sum.taken_back += taken_back;
        }
    }
}

fn add<K: Clone + Ord>(counts: &mut BTreeMap<K, u64>, key: &K, count: u64) {
    *counts.entry(key.clone()).or_default() += count;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Fate {
        Ok(usize),
        Dropped(DropReason),
        Failed(FailureCode),
        Open,
    }

    fn fate() -> impl Strategy<Value = Fate> {
        prop_oneof![
            (0..4_usize).prop_map(Fate::Ok),
            prop_oneof![Just(DropReason::StaleClient), Just(DropReason::QueueFull)].prop_map(Fate::Dropped),
            prop_oneof![Just(FailureCode::Truncated), Just(FailureCode::WorkerLost)].prop_map(Fate::Failed),
            Just(Fate::Open),
        ]
    }

    proptest! {
        /// Whatever becomes of frames, in whichever order: each is counted once, in one place, and what is open is
        /// what is missing.
        #[test]
        fn every_frame_is_counted_once(fates in prop::collection::vec((fate(), 0..3_usize), 0..200), turn in any::<u64>()) {
            let names = ["a", "b"];
            let mut ledger = Ledger::default();
            (0..fates.len() as u64).for_each(|frame| ledger.sent(frame));
            let mut order: Vec<usize> = (0..fates.len()).collect();
            order.sort_by_key(|frame| (*frame as u64).wrapping_mul(turn | 1) % 257);
            for frame in order {
                let (fate, worker) = &fates[frame];
                let worker = names.get(*worker).copied();
                let entry = match fate {
                    Fate::Ok(faces) => Entry::Ok(*faces),
                    Fate::Dropped(reason) => Entry::Dropped(reason),
                    Fate::Failed(code) => Entry::Failed(code),
                    Fate::Open => continue,
                };
                ledger.ended(frame as u64, entry, worker);
            }
            let count = |is: &dyn Fn(&Fate) -> bool| fates.iter().filter(|(fate, _)| is(fate)).count();
            let counts = ledger.counts();
            let open = count(&|fate| matches!(fate, Fate::Open));
            prop_assert_eq!(ledger.open(), open);
            prop_assert_eq!(counts.balances(), open == 0);
            prop_assert_eq!(counts.sent as usize, fates.len());
            prop_assert_eq!(counts.ok as usize, count(&|fate| matches!(fate, Fate::Ok(_))));
            for reason in [DropReason::StaleClient, DropReason::QueueFull] {
                let expected = count(&|fate| matches!(fate, Fate::Dropped(r) if *r == reason));
                prop_assert_eq!(counts.dropped.get(&reason).copied().unwrap_or(0) as usize, expected);
            }
            let answered: u64 = counts.workers.values().map(|share| share.answered).sum();
            let by_worker = fates.iter().filter(|(fate, w)| *w < 2 && !matches!(fate, Fate::Open)).count();
            prop_assert_eq!(answered as usize, by_worker);
            let mut sum = counts.clone();
            sum.add(counts);
            prop_assert_eq!((sum.sent, sum.ended(), sum.faces), (counts.sent * 2, counts.ended() * 2, counts.faces * 2));
        }
    }

    #[test]
    #[should_panic(expected = "frame 0 ends once")]
    fn a_frame_cannot_end_twice() {
        let mut ledger = Ledger::default();
        ledger.sent(0);
        ledger.ended(0, Entry::Ok(1), Some("a"));
        ledger.ended(0, Entry::Ok(1), Some("b"));
    }

    #[test]
    #[should_panic(expected = "frame 7 comes once")]
    fn a_frame_cannot_come_twice() {
        let mut ledger = Ledger::default();
        ledger.sent(7);
        ledger.sent(7);
    }

    #[test]
    fn what_a_worker_did_is_its_own() {
        let mut ledger = Ledger::default();
        ledger.sent(0);
        ledger.taken_back("a");
        ledger.sent_again();
        ledger.late();
        ledger.ended(0, Entry::Ok(2), Some("b"));
        let Counts { retried, late, workers, .. } = ledger.counts();
        assert_eq!((*retried, *late), (1, 1));
        let expected = [("a", Share { answered: 0, taken_back: 1 }), ("b", Share { answered: 1, taken_back: 0 })];
        assert_eq!(*workers, expected.map(|(name, share)| (name.to_owned(), share)).into());
    }
}
