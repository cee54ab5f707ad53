//! Outages of the master's own network, in which silence is no sign of lost workers.
//!
//! Machines fail one by one. When half of all workers fall silent at once, the master more likely does not hear them: because
//! of its cable, its switch, or because its own process was stopped for a while. To offer nobody then would stop what may well
//! work, since clients reach workers without the master. So such workers are still offered when nobody better is there.
//! Envoy's "panic threshold" does this with the same half.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use facefleet_proto::WorkerId;

/// Losses within this time count as one event. After a cut, workers of one interval are lost within that interval, which is a
/// second by default; the rest is for a process that was stopped itself, and for how often it looks.
const AT_ONCE: Duration = Duration::from_secs(3);
/// Fewer losses than this are no sign of anything.
const LEAST: usize = 2;

/// The workers that were lost lately, and whether they were so many that the master doubts its own network.
#[derive(Debug, Default)]
pub struct MasterOutage {
    /// Without an outage: the workers that were lost within [`AT_ONCE`]. In an outage: all that were lost just before it or
    /// since, and have not been heard of again.
    lost: BTreeMap<WorkerId, Instant>,
    is_on: bool,
}

/// An outage has begun or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Half of all workers were lost at once.
    Begun {
        /// How many were lost.
        vanished: usize,
        /// How many are still heard of.
        heard: usize,
    },
    /// Workers that are heard of, back or new, outnumber those that are missing.
    Over {
        /// How many stay lost.
        lost: usize,
    },
}

impl MasterOutage {
    /// A worker was lost.
    pub fn lose(&mut self, id: WorkerId, now: Instant) {
        self.lost.insert(id, now);
    }

    /// A worker was heard of, or is gone for good.
    pub fn strike_off(&mut self, id: WorkerId) {
        self.lost.remove(&id);
    }

    /// Looks whether an outage begins or is over, when so many workers are `heard` of.
    pub fn look(&mut self, heard: usize, now: Instant) -> Option<Turn> {
        if !self.is_on {
            self.lost.retain(|_, at| now.saturating_duration_since(*at) <= AT_ONCE);
        }
        let vanished = self.lost.len();
        let is_half = vanished >= LEAST && vanished >= heard;
        match (self.is_on, is_half) {
            (false, true) => {
                self.is_on = true;
                Some(Turn::Begun { vanished, heard })
            }
            (true, false) => {
                *self = MasterOutage::default();
                Some(Turn::Over { lost: vanished })
            }
            (true, true) | (false, false) => None,
        }
    }

    /// Whether there is an outage.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// The workers that the outage has hidden; none without an outage.
    pub fn vanished(&self) -> impl Iterator<Item = WorkerId> {
        self.lost.keys().copied().filter(|_| self.is_on)
    }

    /// How many workers the outage has hidden.
    pub fn count(&self) -> usize {
        if self.is_on { self.lost.len() } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_proto::test_clock;

    fn ids(outage: &MasterOutage) -> Vec<u32> {
        outage.vanished().map(|id| id.0).collect()
    }

    /// Loses workers at so many milliseconds each, and looks at the last of these moments, when so many are heard of.
    fn after(losses: &[(u32, u64)], heard: usize) -> (MasterOutage, Option<Turn>) {
        let (mut outage, start) = (MasterOutage::default(), test_clock::start());
        let mut now = start;
        for (id, ms) in losses {
            now = start + Duration::from_millis(*ms);
            outage.lose(WorkerId(*id), now);
        }
        let turn = outage.look(heard, now);
        (outage, turn)
    }

    #[test]
    fn half_of_all_at_once_is_an_outage() {
        let (outage, turn) = after(&[(0, 0), (1, 1000)], 2);
        assert_eq!((turn, ids(&outage)), (Some(Turn::Begun { vanished: 2, heard: 2 }), vec![0, 1]));
        let (outage, turn) = after(&[(0, 0), (1, 1000), (2, 3000)], 0);
        assert_eq!((turn, outage.count()), (Some(Turn::Begun { vanished: 3, heard: 0 }), 3));
    }

    #[test]
    fn fewer_than_half_one_alone_or_one_after_the_other_are_not() {
        for (losses, heard) in [(vec![(0, 0), (1, 0)], 3), (vec![(0, 0)], 0), (vec![(0, 0), (1, 3001)], 0)] {
            let (outage, turn) = after(&losses, heard);
            assert_eq!((turn, outage.count(), ids(&outage)), (None, 0, vec![]), "{losses:?}");
        }
    }

    #[test]
    fn it_lasts_until_fewer_than_half_are_missing() {
        let (mut outage, _) = after(&[(0, 0), (1, 0), (2, 0), (3, 0)], 0);
        let later = test_clock::start() + AT_ONCE * 100;
        assert_eq!(outage.look(0, later), None, "nothing has changed");
        outage.lose(WorkerId(4), later);
        assert_eq!(outage.count(), 5, "who is lost in it is hidden by it, too");
        outage.strike_off(WorkerId(0));
        outage.strike_off(WorkerId(1));
        assert_eq!(outage.look(2, later), None);
        outage.strike_off(WorkerId(2));
        assert_eq!(outage.look(3, later), Some(Turn::Over { lost: 2 }));
        assert_eq!((outage.count(), outage.look(3, later)), (0, None));
    }
}
