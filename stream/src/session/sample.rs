//! How the workers of the newest frames were chosen, a few a second, for people. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use facefleet_proto::view::{Choice, Decision, MAX_REPORTED_DECISIONS};

use super::LinkId;
use super::lane::Lane;

/// Time between two choices that are kept: a walk over the workers for each, and a report a second that has room for four.
const EVERY: Duration = Duration::from_millis(250);

/// The newest of them, oldest first.
#[derive(Debug, Default)]
pub(super) struct Sample {
    choices: VecDeque<Sampled>,
    last: Option<Instant>,
}

/// One choice. Which worker a link is to is for others to say.
#[derive(Debug)]
struct Sampled {
    frame: u64,
    chosen: (LinkId, Choice),
    next: Option<(LinkId, Choice)>,
}

impl Sample {
    /// Whether a choice that is made now is to be kept.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.last.is_none_or(|last| now.saturating_duration_since(last) >= EVERY)
    }

    /// This frame goes to `chosen`, which has not got it yet.
    pub(super) fn add(&mut self, frame: u64, chosen: LinkId, lanes: &BTreeMap<LinkId, Lane>, now: Instant) {
        let stands = |(link, lane): (&LinkId, &Lane)| (*link, lane.choice());
        let others = lanes.iter().filter(|(link, _)| **link != chosen);
        let next = others.min_by_key(|(_, lane)| lane.answers_in()).map(stands);
        let Some(chosen) = lanes.get_key_value(&chosen).map(stands) else { return };
        if self.choices.len() == MAX_REPORTED_DECISIONS {
            self.choices.pop_front();
        }
        self.choices.push_back(Sampled { frame, chosen, next });
        self.last = Some(now);
    }

    /// The choices, of whose links `name` knows the workers. What was chosen and is gone is left out.
    pub(super) fn decisions(self, name: impl Fn(LinkId) -> Option<String>) -> Vec<Decision> {
        let named = |(link, choice)| Some(Choice { worker: name(link)?, ..choice });
        let decision = |Sampled { frame, chosen, next }| {
            Some(Decision { frame: Some(frame), chosen: named(chosen)?, next: next.and_then(named) })
        };
        self.choices.into_iter().filter_map(decision).collect()
    }
}
