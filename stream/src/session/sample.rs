//! How the workers of the newest frames were chosen, a few a second, for people. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use facefleet_proto::view::MAX_REPORTED_DECISIONS;

use super::ids::LinkId;
use super::lane::{Lane, Standing};

/// Time between two choices that are kept. Each takes a walk over the workers, and a report a second has room for four.
const EVERY: Duration = Duration::from_millis(250);

/// The newest choices, oldest first.
#[derive(Debug, Default)]
pub(super) struct Sample {
    choices: VecDeque<Choice>,
    last: Option<Instant>,
}

/// The choice of a worker for one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    /// Number of the frame.
    pub(super) seq: u64,
    /// The worker that was chosen, before it had the frame.
    pub(super) chosen: Contender,
    /// The best of the others.
    pub(super) next: Option<Contender>,
}

/// A worker that a frame could go to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Contender {
    pub(super) link: LinkId,
    pub(super) standing: Standing,
}

impl Sample {
    /// Whether a choice that is made now is to be kept.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.last.is_none_or(|last| now.saturating_duration_since(last) >= EVERY)
    }

    /// This frame goes to `chosen`, which has not got it yet.
    pub(super) fn add(&mut self, seq: u64, chosen: LinkId, lanes: &BTreeMap<LinkId, Lane>, now: Instant) {
        let contender = |(link, lane): (&LinkId, &Lane)| Contender { link: *link, standing: lane.standing() };
        let others = lanes.iter().filter(|(link, _)| **link != chosen);
        let next = others.min_by_key(|(_, lane)| lane.answers_in()).map(contender);
        let Some(chosen) = lanes.get_key_value(&chosen).map(contender) else { return };
        if self.choices.len() == MAX_REPORTED_DECISIONS {
            self.choices.pop_front();
        }
        self.choices.push_back(Choice { seq, chosen, next });
        self.last = Some(now);
    }

    /// The choices that were kept, oldest first.
    pub(super) fn into_choices(self) -> impl Iterator<Item = Choice> {
        self.choices.into_iter()
    }
}
