//! What a session tells the master of its stream, for people.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::time::Duration;

use facefleet_proto::OTHER;
use facefleet_proto::percentiles::Percentiles;
use facefleet_proto::view::{
    Choice, Decision, MAX_REASON_BYTES, MAX_REASONS, MAX_STREAM_WORKERS, StreamReport, StreamWorker,
};

use super::ids::LinkId;
use super::lane::Standing;
use super::sample;
use super::state::Session;
use crate::ledger::{Counts, Share};

impl Session {
    /// How the stream stands. The caller adds the client's name. Figures of the time since the last report begin anew.
    pub fn report(&mut self) -> StreamReport {
        let latency = self.latencies.clone().percentiles();
        self.latencies.clear();
        let sample = self.dispatch.take_sample();
        let decisions = sample.into_choices().filter_map(|choice| self.decision(choice)).collect();
        let Counts { sent, ok, dropped, failed, retried, late, faces, workers: _ } = self.ledger.counts();
        let count = |frames: usize| u32::try_from(frames).unwrap_or(u32::MAX);
        StreamReport {
            lease: self.spec.query.lease.unwrap_or(0),
            name: self.spec.query.stream_id.clone(),
            source: self.spec.source.clone(),
            client: String::new(),
            priority: self.spec.query.priority,
            detector: self.spec.query.detector.clone().unwrap_or_default(),
            live: self.spec.max_age().is_some(),
            ended: false,
            sent: *sent,
            ok: *ok,
            dropped: by_reason(dropped),
            failed: by_reason(failed),
            retried: *retried,
            late: *late,
            faces: *faces,
            open: count(self.ledger.open()),
            waiting: count(self.dispatch.waiting()),
            latency_ms_p50: latency.map(|Percentiles { p50, .. }| p50),
            latency_ms_p95: latency.map(|Percentiles { p95, .. }| p95),
            workers: self.used_workers(),
            decisions,
        }
    }

    /// The workers that the stream has links to.
    fn used_workers(&self) -> Vec<StreamWorker> {
        let shares = &self.ledger.counts().workers;
        let used = self.links.keys().filter_map(|link| {
            let name = self.name_of(*link)?;
            Some(StreamWorker {
                name: name.to_owned(),
                in_flight: u32::try_from(self.dispatch.in_flight(*link)).unwrap_or(u32::MAX),
                frame_ms: self.dispatch.frame_time(*link).map(ms),
                answered: shares.get(name).map_or(0, |Share { answered, .. }| *answered),
            })
        });
        used.take(MAX_STREAM_WORKERS).collect()
    }

    /// A choice for people. None: the worker that was chosen is gone.
    fn decision(&self, sample::Choice { seq, chosen, next }: sample::Choice) -> Option<Decision> {
        let chosen = self.choice(chosen)?;
        Some(Decision { frame: Some(seq), chosen, next: next.and_then(|next| self.choice(next)) })
    }

    fn choice(&self, sample::Contender { link, standing }: sample::Contender) -> Option<Choice> {
        let Standing { ahead, frame_time, threads, answers_in } = standing;
        Some(Choice {
            worker: self.name_of(link)?.to_owned(),
            in_flight: ahead.round() as u32,
            frame_ms: frame_time.map(ms),
            cores: threads,
            answers_in_ms: answers_in.map(ms),
        })
    }

    /// The worker that a link is to, while it takes frames.
    fn name_of(&self, link: LinkId) -> Option<&str> {
        self.links.get(&link)?.name.as_deref()
    }
}

fn ms(time: Duration) -> f32 {
    time.as_secs_f32() * 1e3
}

/// The counts as a report has room for them: workers may give many reasons, and long ones. The sum stays.
fn by_reason<R: Borrow<str>>(counts: &BTreeMap<R, u64>) -> BTreeMap<String, u64> {
    let mut kept = BTreeMap::new();
    for (reason, count) in counts {
        let reason: &str = reason.borrow();
        let has_room = kept.len() < MAX_REASONS - 1 && reason.len() <= MAX_REASON_BYTES;
        let reason = if has_room { reason } else { OTHER };
        *kept.entry(reason.to_owned()).or_insert(0) += count;
    }
    kept
}

#[cfg(test)]
mod tests {
    use facefleet_proto::test_clock;
    use facefleet_proto::view::MAX_REPORTED_DECISIONS;

    use super::super::tests::{frame, ok, with_workers};
    use super::super::{FrameAnswer, Pace};
    use super::*;

    #[test]
    fn a_report_is_the_ledger_and_why_frames_went_where_they_went() {
        let (start, ms) = (test_clock::start(), Duration::from_millis(1));
        let mut session = with_workers(&["a", "b"], None, start);
        let pace = Pace { frame_time: Some(ms * 40), ..Pace::default() };
        // Each has one frame, is measured, and gets another.
        (0..2).for_each(|index| session.frame(frame(index), start));
        session.answer(LinkId(0), FrameAnswer { pace, ..ok(0, 0) }, start + ms * 50);
        session.answer(
            LinkId(1),
            FrameAnswer { pace: Pace { frame_time: Some(ms * 100), ..pace }, ..ok(1, 0) },
            start + ms * 110,
        );
        session.frame(frame(2), start + ms * 300);
        let report = session.report();
        assert_eq!((report.sent, report.ok, report.open, report.waiting, report.ended), (3, 2, 1, 0, false));
        assert_eq!((report.latency_ms_p50, report.latency_ms_p95), (Some(50.0), Some(110.0)));
        let workers: Vec<_> = report.workers.iter().map(|w| (w.name.as_str(), w.in_flight, w.answered)).collect();
        assert_eq!(workers, [("a", 1, 1), ("b", 0, 1)]);
        let choice = |worker: &str, ms| Choice {
            worker: worker.into(),
            in_flight: 1,
            frame_ms: ms,
            cores: 1,
            answers_in_ms: ms,
        };
        let decision =
            |frame, a, b| Decision { frame: Some(frame), chosen: choice("a", a), next: Some(choice("b", b)) };
        assert_eq!(report.decisions, [decision(0, None, None), decision(2, Some(40.0), Some(100.0))]);

        session.answer(LinkId(0), FrameAnswer { pace, ..ok(2, 0) }, start + ms * 340);
        let next = session.report();
        assert_eq!((next.latency_ms_p95, next.decisions.len()), (Some(40.0), 0), "what was told is told once");
    }

    #[test]
    fn of_many_choices_the_newest_are_told() {
        let (start, ms) = (test_clock::start(), Duration::from_millis(1));
        let mut session = with_workers(&["a"], None, start);
        for index in 0..100_u32 {
            let now = start + ms * 100 * index;
            session.frame(frame(index.into()), now);
            session.answer(LinkId(0), ok(index.into(), 0), now);
        }
        let frames: Vec<u64> = session.report().decisions.iter().filter_map(|decision| decision.frame).collect();
        assert_eq!((frames.len(), frames[MAX_REPORTED_DECISIONS - 1]), (MAX_REPORTED_DECISIONS, 99));
        assert!(frames.windows(2).all(|pair| pair[1] - pair[0] == 3), "every 250 ms: {frames:?}");
    }

    #[test]
    fn however_many_reasons_there_are_their_sum_stays() {
        let mut counts: BTreeMap<String, u64> = (0..100).map(|n| (format!("reason {n}"), 2)).collect();
        counts.insert("x".repeat(100), 5);
        let kept = by_reason(&counts);
        assert_eq!((kept.len(), kept.values().sum::<u64>()), (MAX_REASONS, 205));
        assert!(kept.keys().all(|reason| reason.len() <= MAX_REASON_BYTES));
    }
}
