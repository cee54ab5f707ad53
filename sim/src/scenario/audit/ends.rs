//! What may become of a frame, and what the ledger must show.

use std::collections::BTreeMap;

use facefleet_proto::{DropReason, FailureCode};
use facefleet_stream::frame::{End, Finished, Found};
use facefleet_stream::ledger::{Ledger, Share};
use facefleet_stream::session::{MOST_LIVE, WINDOW};

use super::super::poison::Poison;
use super::super::tally::Tally;
use super::Audit;
use crate::engine::At;

/// Workers that agree before a frame is failed.
const OPINIONS: usize = 2;

/// What the ledger must show.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) given: u64,
    reported: u64,
    pub(super) ok: u64,
    pub(super) late: u64,
    pub(super) retried: u64,
    /// By name, frames whose end was an answer.
    pub(super) answered: BTreeMap<String, u64>,
    /// By name, frames that it had when it was lost or left, and those that went to another because it could not do them.
    pub(super) taken_back: BTreeMap<String, u64>,
    /// By name, frames that it could not do and that ended before they went to another. Counted as taken back or not.
    pub(super) not_sent: BTreeMap<String, u64>,
}

/// What is known of a frame that goes to the report.
#[derive(Clone, Copy, Debug)]
pub(in crate::scenario) struct Truth {
    /// What is wrong with it.
    pub(in crate::scenario) poison: Option<Poison>,
    /// Whether a worker has truly done it.
    pub(in crate::scenario) was_worked_on: bool,
}

impl Audit {
    /// Looks at what the session has counted, after any step.
    pub(in crate::scenario) fn check_counts(&mut self, ledger: &Ledger, now: At) {
        let counts = ledger.counts();
        assert_eq!(counts.ok, self.counted.ok, "{now:?}: an answer counts if it was awaited, and once");
        assert_eq!(counts.late, self.counted.late, "{now:?}: late answers are those that were not awaited");
        let under_way = (counts.sent - self.counted.reported) as usize;
        let most = if self.max_age.is_some() { MOST_LIVE } else { WINDOW };
        assert!(under_way <= most, "{now:?}: {under_way} frames are under way");
        let is_stopped = self.stopped_at.is_some();
        let Audit { contested, trails, lanes, .. } = self;
        contested.retain(|seq| {
            let trail = trails.get_mut(seq).expect("a contested frame is not reported");
            let mut up = lanes.values().filter_map(|lane| lane.up.as_ref());
            let asked = trail.failed_at.len() >= OPINIONS || up.all(|up| trail.failed_at.contains(&up.life));
            trail.may_fail = asked || trail.is_spent() || is_stopped;
            ledger.is_open(*seq) || !trail.may_fail
        });
    }

    /// Looks at the session when everything that it wants is done.
    pub(in crate::scenario) fn check_settled(&mut self, ledger: &Ledger, now: At) {
        assert!(self.sends.is_empty());
        assert_eq!(ledger.counts().retried, self.counted.retried, "{now:?}: retried");
        assert!(
            self.liar.take().is_none_or(|link| !self.lanes.contains_key(&link)),
            "{now:?}: a link that answered what it was not asked is closed"
        );
    }

    /// A frame goes to the report.
    pub(in crate::scenario) fn reported(
        &mut self,
        finished: &Finished,
        Truth { poison, was_worked_on }: Truth,
        tally: &mut Tally,
    ) {
        let may_drop: &[DropReason] = match (self.max_age, self.stopped_at) {
            (None, None) => &[],
            (None, Some(_)) => &[DropReason::Interrupted],
            (Some(_), _) => {
                &[DropReason::Interrupted, DropReason::StaleClient, DropReason::StaleWorker, DropReason::QueueFull]
            }
        };
        let Finished { frame, worker, end } = finished;
        let seq = frame.index;
        assert_eq!(seq, self.counted.reported, "frames are reported in order, each once");
        self.counted.reported += 1;
        self.contested.remove(&seq);
        self.waiting.remove(&seq);
        let trail = self.trails.remove(&seq).expect("it came from the source");
        if let Some(name) = &trail.failed_by {
            *self.counted.not_sent.entry(name.clone()).or_default() += 1;
        }
        if let Some(worker) = worker {
            *self.counted.answered.entry(worker.to_string()).or_default() += 1;
        }
        match end {
            End::Ok(_) => {
                assert!(
                    was_worked_on && poison.is_none(),
                    "frame {seq} is ok, and nobody has worked on it: {poison:?}"
                );
                let answer = trail.answer.expect("an ok frame was answered");
                assert_eq!(mark(end), answer.mark, "frame {seq}: what was found is of the answer that counted");
                assert_eq!(worker.as_deref(), Some(&*answer.worker), "frame {seq} counts for who answered it");
            }
            End::Dropped(reason) => assert!(may_drop.contains(reason), "frame {seq} was dropped: {reason}"),
            End::Failed { code, message } => match (code, poison) {
                (FailureCode::Unreadable, Some(Poison::Unreadable)) => {}
                (FailureCode::WorkerLost, _) => {
                    assert!(trail.is_spent(), "frame {seq} was given up too soon: {message}: {trail:?}");
                    tally.innocents_lost += u64::from(poison.is_none());
                }
                _ => {
                    assert!(trail.may_fail, "frame {seq} failed ({code}), and another worker was there: {trail:?}");
                    tally.innocents_failed += u64::from(poison.is_none());
                }
            },
        }
    }

    /// Looks at a stream that has ended.
    pub(in crate::scenario) fn check_end(&self, ledger: &Ledger, now: At) {
        let counts = ledger.counts();
        assert!(counts.balances() && ledger.open() == 0, "{now:?}: the ledger does not balance: {counts:?}");
        assert_eq!(
            (counts.sent, self.counted.reported),
            (self.counted.given, self.counted.given),
            "{now:?}: every frame is reported"
        );
        assert_eq!(counts.late, self.counted.late, "{now:?}: late");
        for (name, Share { answered, taken_back }) in &counts.workers {
            let count = |of: &BTreeMap<String, u64>| of.get(name).copied().unwrap_or_default();
            assert_eq!(*answered, count(&self.counted.answered), "{now:?}: answers of {name}");
            let (least, not_sent) = (count(&self.counted.taken_back), count(&self.counted.not_sent));
            let most = least + not_sent;
            assert!((least..=most).contains(taken_back), "{now:?}: {taken_back} from {name}: {least} to {most}");
        }
        let mut known = self.counted.answered.keys().chain(self.counted.taken_back.keys());
        assert!(known.all(|name| counts.workers.contains_key(name)), "{now:?}: every worker: {:?}", counts.workers);
    }
}

/// What tells one answer from all others: workers put a random number into the first face.
pub(super) fn mark(end: &End) -> Option<f32> {
    match end {
        End::Ok(Found { faces: Some(faces), .. }) => faces.first().map(|face| face.x),
        _ => None,
    }
}
