//! The ledger of a stream: what became of every frame. It is the one place that counts.

use std::collections::BTreeMap;

/// `sent = ok + dropped + failed`, once the stream has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Frames that the source gave, whether or not a worker ever saw them.
    pub sent: u64,
    /// Frames that were worked on.
    pub ok: u64,
    /// Frames left out on purpose, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Frames that could not be worked on, by code.
    pub failed: BTreeMap<String, u64>,
    /// Times that a frame was sent again because its worker was lost.
    pub retried: u64,
    /// Results for frames that were not awaited from that worker (any more), and so were not counted.
    pub late: u64,
    /// Faces found.
    pub faces: u64,
    /// Frames answered (`ok`, `dropped` or `failed`), by worker.
    pub workers: BTreeMap<String, u64>,
}

/// What became of a frame, as far as the ledger cares.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// It was worked on, and this many faces were found.
    Ok(usize),
    /// The reason.
    Dropped(&'a str),
    /// The code.
    Failed(&'a str),
}

impl Ledger {
    /// Counts a frame's end. `worker` is who answered; None where no worker did.
    pub fn enter(&mut self, entry: Entry<'_>, worker: Option<&str>) {
        match entry {
            Entry::Ok(faces) => {
                self.ok += 1;
                self.faces += faces as u64;
            }
            Entry::Dropped(reason) => *self.dropped.entry(reason.to_owned()).or_default() += 1,
            Entry::Failed(code) => *self.failed.entry(code.to_owned()).or_default() += 1,
        }
        if let Some(worker) = worker {
            match self.workers.get_mut(worker) {
                Some(answered) => *answered += 1,
                None => drop(self.workers.insert(worker.to_owned(), 1)),
            }
        }
    }

    /// Frames whose end is known.
    pub fn ended(&self) -> u64 {
        self.ok + self.dropped.values().sum::<u64>() + self.failed.values().sum::<u64>()
    }

    /// Whether every frame's end is known, once.
    pub fn balances(&self) -> bool {
        self.sent == self.ended()
    }

    /// Adds another stream's ledger.
    pub fn add(&mut self, other: &Ledger) {
        let Ledger { sent, ok, dropped, failed, retried, late, faces, workers } = other;
        self.sent += sent;
        self.ok += ok;
        self.retried += retried;
        self.late += late;
        self.faces += faces;
        for (sum, part) in [(&mut self.dropped, dropped), (&mut self.failed, failed), (&mut self.workers, workers)] {
            for (name, count) in part {
                *sum.entry(name.clone()).or_default() += count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_is_counted_once_under_its_reason() {
        let mut ledger = Ledger { sent: 4, ..Ledger::default() };
        ledger.enter(Entry::Ok(2), Some("a"));
        ledger.enter(Entry::Ok(0), Some("b"));
        ledger.enter(Entry::Failed("truncated"), Some("a"));
        assert!(!ledger.balances());
        ledger.enter(Entry::Dropped("stale_client"), None);
        assert!(ledger.balances());
        assert_eq!((ledger.ok, ledger.faces), (2, 2));
        assert_eq!(ledger.workers, BTreeMap::from([("a".into(), 2), ("b".into(), 1)]));
        let mut sum = ledger.clone();
        sum.add(&ledger);
        assert_eq!((sum.sent, sum.ended(), sum.failed["truncated"], sum.workers["a"]), (8, 8, 2, 4));
    }
}
