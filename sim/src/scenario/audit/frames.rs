//! Which frame may go where, and which answers count.

use std::time::{Duration, Instant};

use facefleet_stream::frame::End;
use facefleet_stream::ledger::Ledger;
use facefleet_stream::session::{FrameAnswer, FrameAttempt, LinkId};

use super::ends::mark;
use super::trail::Answer;
use super::{Audit, Lane};
use crate::engine::At;

/// A worker is left alone after so many failures in a row for which it blames itself; after twice as many each time until
/// any worker gives a good answer.
const BROKEN: u32 = 3;
/// Work of one stream that may wait at a worker. Its threads are measured, and none of them is exact.
const QUEUED_WORK: Duration = Duration::from_millis(200);
const INEXACT: f64 = 1.5;

/// A frame that the session wants sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) link: LinkId,
    pub(super) seq: u64,
    pub(super) attempt: u32,
    pub(super) age: Duration,
}

impl Audit {
    /// The frame that is next among those that wait and are still wanted: the oldest of a file, the newest of a live
    /// stream. Not looked at: frames that few workers may have.
    pub(in crate::scenario) fn next(&self, ledger: &Ledger) -> Option<u64> {
        let is_next = |seq: &&u64| ledger.is_open(**seq) && self.trails[seq].is_plain();
        let is_live = self.max_age.is_some();
        let next = if is_live { self.waiting.iter().rev().find(is_next) } else { self.waiting.iter().find(is_next) };
        next.copied()
    }

    /// Whether a frame in flight there is one that goes alone.
    pub(in crate::scenario) fn has_suspect(&self, lane: &Lane) -> bool {
        lane.held.keys().any(|seq| self.trails[seq].is_suspect())
    }

    pub(super) fn send(&mut self, sent: Sent, ledger: &Ledger, now: At, time: Instant) {
        let Sent { link, seq, attempt, age } = sent;
        let elsewhere = self.lanes.values().find(|lane| lane.held.contains_key(&seq));
        assert!(elsewhere.is_none(), "{now:?}: frame {seq} is at two workers at once");
        let lane = self.lanes.get(&link).expect("frames are sent over links that are open");
        let up = lane.up.as_ref().expect("frames are sent over links that are up");
        let trail = &self.trails[&seq];
        assert_eq!(attempt, trail.sends, "{now:?}: attempts of frame {seq}");
        assert!(!trail.failed_at.contains(&up.life), "{now:?}: frame {seq} goes to {up:?} again, where it failed");
        let alone = lane.held.is_empty() || !(trail.is_suspect() || self.has_suspect(lane));
        assert!(alone, "{now:?}: frame {seq} was lost {} times and is not alone: {lane:?}", trail.losses);
        let credit = f64::from(up.threads) * (1.0 + INEXACT * QUEUED_WORK.as_secs_f64() / up.service.as_secs_f64());
        let held = lane.held.len() + 1;
        assert!(held as f64 <= credit, "{now:?}: {up:?} holds {held} frames, and {credit:.1} would be much");
        let next = self.next(ledger);
        let is_next = next.is_none_or(|next| if self.max_age.is_some() { next <= seq } else { next >= seq });
        assert!(is_next, "{now:?}: frame {seq} goes to {up:?} before {next:?}");
        if let Some(max_age) = self.max_age {
            let given = trail.given.expect("it came from the source");
            assert!(age <= max_age && age == time - given, "{now:?}: frame {seq} is {age:?} old");
        }
        self.counted.retried += u64::from(attempt > 0);
        self.used.insert(up.life);
        self.last_send = now;
        self.waiting.remove(&seq);
        let trail = self.trails.get_mut(&seq).expect("it was there");
        trail.sends += 1;
        if let Some(name) = trail.failed_by.take() {
            *self.counted.taken_back.entry(name).or_default() += 1;
        }
        let lane = self.lanes.get_mut(&link).expect("it was there");
        lane.held.insert(seq, attempt);
        lane.had_frames = now;
    }

    /// An answer is about to be given to the session.
    pub(super) fn answered(&mut self, link: LinkId, answer: &FrameAnswer, now: At) {
        let FrameAnswer { frame: FrameAttempt { seq, attempt }, end, elsewhere, pace: _ } = answer;
        let is_alone = self.lanes.values().filter(|lane| lane.up.is_some()).count() == 1;
        let lane = self.lanes.get_mut(&link);
        let awaited = lane.and_then(|lane| {
            let up = lane.up.as_ref()?;
            let awaited = lane.held.get(seq) == Some(attempt);
            awaited.then(|| lane.held.remove(seq))?;
            lane.had_frames = now;
            lane.broken = if *elsewhere { lane.broken + u32::from(is_alone) } else { 0 };
            lane.blames_itself = *elsewhere;
            if matches!(end, End::Ok(_)) {
                lane.is_measured = true;
                self.first_ok.entry(up.life).or_insert(now);
            }
            assert!(lane.broken <= BROKEN << self.in_vain.min(16), "{:?} is broken, and is not left alone", up.life);
            Some((up.life, up.name.clone(), lane.address))
        });
        let Some((life, name, address)) = awaited else {
            self.counted.late += 1;
            self.liar = self.lanes.contains_key(&link).then_some(link);
            if self.liar.is_none() {
                self.keeps_links = Some("the dead have answered");
            }
            return;
        };
        let trail = self.trails.get_mut(seq).expect("what is in flight is not reported");
        trail.answer = Some(Answer { mark: mark(end), worker: name.clone() });
        let is_ok = matches!(end, End::Ok(_));
        if is_ok {
            self.counted.ok += 1;
            // From here on every worker may fail as often as at first.
            self.in_vain = 0;
            self.lanes.values_mut().for_each(|lane| lane.broken = 0);
            self.last_ok = now;
            self.losses.remove(&address);
            self.contested.remove(seq);
        } else if matches!(end, End::Failed { .. }) {
            trail.failed_at.insert(life);
            trail.failed_by = Some(name);
            self.waiting.insert(*seq);
            self.contested.insert(*seq);
        }
    }
}
