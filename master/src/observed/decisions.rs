//! The newest decisions: the master's own routes, and the samples that clients report.

use std::collections::VecDeque;

use facefleet_proto::view::{Decision, DecisionView, MAX_DECISIONS};

/// The last [`MAX_DECISIONS`] decisions, oldest first, each with its number.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    kept: VecDeque<DecisionView>,
    /// How many decisions there have been.
    count: u64,
}

/// For whom a decision was made, and who made it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Maker<'a> {
    /// The stream's number; 0: an old client's.
    pub(crate) lease: u64,
    /// The stream's name.
    pub(crate) stream: &'a str,
    /// The master's policy; empty: the client has decided.
    pub(crate) policy: &'a str,
}

impl Decisions {
    /// Adds a decision that was made at this time, in milliseconds since 1970.
    pub(crate) fn add(&mut self, maker: Maker<'_>, decision: Decision, time_ms: u64) {
        let Maker { lease, stream, policy } = maker;
        self.count += 1;
        if self.kept.len() == MAX_DECISIONS {
            self.kept.pop_front();
        }
        self.kept.push_back(DecisionView {
            number: self.count,
            time_ms,
            lease,
            stream_name: stream.to_owned(),
            policy: policy.to_owned(),
            decision,
        });
    }

    /// The decisions that are kept, oldest first.
    pub(crate) fn newest(&self) -> Vec<DecisionView> {
        self.kept.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_proto::view::Choice;

    #[test]
    fn the_newest_are_kept_and_numbers_go_on() {
        let mut decisions = Decisions::default();
        let maker = Maker { lease: 7, stream: "door", policy: "" };
        for frame in 0..MAX_DECISIONS as u64 + 50 {
            let decision = Decision { frame: Some(frame), chosen: Choice::default(), next: None };
            decisions.add(maker, decision, frame);
        }
        let newest = decisions.newest();
        assert_eq!(newest.len(), MAX_DECISIONS);
        assert_eq!((newest[0].number, newest[0].decision.frame, newest[99].number), (51, Some(50), 150));
    }
}
