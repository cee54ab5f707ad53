//! One worker as a stream sees it: what it holds, how fast it answers, and how much more it may get.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::events::{Pace, Work};
use super::history::FrameHistory;
use super::ids::{FrameAttempt, Peer};

/// Work that a worker may hold in its queue: so much that it never waits for a frame, and so little that nobody waits
/// long for what it holds, should it become slow.
const QUEUED_WORK: Duration = Duration::from_millis(200);
/// Frames that a very fast worker may hold for each of its threads. Over a long way it may hold as many more as are on that way.
const MOST_PER_THREAD: f32 = 8.0;
/// An answer is overdue after this many times what answers have been taking, within the two bounds. Loading a model or
/// a busy neighbour must not look like death, and a person must not wait for minutes.
const OVERDUE_FACTOR: u32 = 5;
const OVERDUE_FLOOR: Duration = Duration::from_secs(2);
pub(super) const OVERDUE_CEILING: Duration = Duration::from_secs(20);
/// Frames of a live stream are soon of no use, so their answers are overdue sooner. A worker answers even those frames that it
/// drops for their age.
const OVERDUE_FLOOR_LIVE: Duration = Duration::from_secs(1);
/// How long the first answer may take where other workers could do the work.
pub(super) const OVERDUE_FIRST: Duration = Duration::from_secs(5);
/// A worker that was left out, because it is slower than the window of frames allows, is used again when it has been idle for so
/// many times its time per frame: it may have become faster, and the trial costs a tenth of the time at the most.
const RETRIED_AFTER: u32 = 10;
/// A worker that live frames find too slow or too far away is used again after this time.
const RETRIED_LIVE_AFTER: Duration = Duration::from_millis(250);
/// A worker that takes this many times as long for a frame as it is known to be capable of may have had a bad moment. Nothing but a
/// frame of this stream renews what is known of it, and faster workers leave it none.
const DOUBTED_FROM: u32 = 2;
/// A worker that is doubted gets one frame when it has been idle for this time. Each further trial in vain doubles the wait, up to
/// what [`RETRIED_AFTER`] says, so that a worker that stays slow does not hold up the window of a file's frames.
const TRIED_AFTER: Duration = Duration::from_secs(2);
/// Weight of the newest measurement in a moving average.
const NEWEST: f32 = 0.2;

/// A frame in flight.
#[derive(Clone, Debug)]
pub(super) struct InFlight {
    pub(super) history: FrameHistory,
    /// When it came from the source.
    pub(super) arrived: Instant,
    sent: Instant,
}

/// How a worker stands when a frame is about to be given to one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Standing {
    /// Frames that it works on before the answer to one that is sent now, this one included.
    pub(super) ahead: f32,
    /// Time that one of its threads spends on a frame; None while nothing is known of it.
    pub(super) frame_time: Option<Duration>,
    /// Detector threads.
    pub(super) threads: u32,
    /// When a frame that is sent now would be answered; None while its time per frame is not known.
    pub(super) answers_in: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) peer: Peer,
    threads: f32,
    /// Time that one thread of the worker spends on a frame; before the first one, what the master knows of it.
    frame_time: Option<Duration>,
    /// Whether the worker has worked on a frame.
    measured: bool,
    /// The shortest time per frame that the worker is known for, over all links of this stream to it: what the master told when a link
    /// came up, or what was measured.
    pub(super) known_for: Option<Duration>,
    /// How often the worker was tried since it was last doubted.
    trials: u32,
    /// Whether the frame in flight is a trial, whose answer is worth more than what was known before.
    is_tried: bool,
    /// Time from sending a frame to its answer, which also holds the network and other streams' frames.
    answer_time: Option<Duration>,
    /// The part of `answer_time` that is not spent at the worker.
    network: Duration,
    /// Frames that the worker holds for other streams.
    others: f32,
    /// Streams that share the worker: rises at once, and falls slowly, because a stream between two frames is one, too.
    streams: f32,
    /// By number. Numbers go out in order, but for those sent again.
    pub(super) in_flight: BTreeMap<u64, InFlight>,
    last_answer: Instant,
    /// Failures by the worker's own fault since its last good answer: it says so, or another worker has shown it.
    wrong: u32,
}

impl Lane {
    /// `frame_time` is what the master knows of the worker, and `known_for` what this stream knew it for before.
    pub(super) fn new(
        peer: Peer,
        threads: u32,
        frame_time: Option<Duration>,
        known_for: Option<Duration>,
        now: Instant,
    ) -> Lane {
        Lane {
            peer,
            threads: threads.max(1) as f32,
            frame_time,
            measured: false,
            known_for: shorter(known_for, frame_time),
            trials: 0,
            is_tried: false,
            answer_time: None,
            network: Duration::ZERO,
            others: 0.0,
            streams: 1.0,
            in_flight: BTreeMap::new(),
            last_answer: now,
            wrong: 0,
        }
    }

    pub(super) fn send(&mut self, seq: u64, history: FrameHistory, arrived: Instant, now: Instant) {
        if self.is_due_for_trial(now) {
            self.trials += 1;
            self.is_tried = true;
        }
        self.in_flight.insert(seq, InFlight { history, arrived, sent: now });
    }

    /// Takes the frame that an answer is for, if this attempt of it was awaited.
    pub(super) fn answered(&mut self, FrameAttempt { seq, attempt }: FrameAttempt) -> Option<InFlight> {
        let awaited = self.in_flight.get(&seq).is_some_and(|frame| frame.history.attempt == attempt);
        awaited.then(|| self.in_flight.remove(&seq)).flatten()
    }

    /// Learns from the answer to `frame`. A failure says nothing of how long a frame takes.
    pub(super) fn learn(&mut self, frame: &InFlight, pace: Pace, work: Work, now: Instant) {
        self.last_answer = now;
        let took = now.saturating_duration_since(frame.sent);
        self.answer_time = Some(average(self.answer_time, took));
        let held = self.in_flight.len() as f32;
        let others = (pace.in_flight as f32 - held).max(0.0);
        let is_done = work == Work::Done;
        let is_tried = is_done && std::mem::take(&mut self.is_tried);
        self.others = if is_tried { others } else { self.others + (others - self.others) * NEWEST };
        let streams = pace.streams.max(1) as f32;
        self.streams = streams.max(self.streams + (streams - self.streams) * NEWEST);
        if let Some(stayed) = pace.stayed {
            self.network = average(Some(self.network), took.saturating_sub(stayed));
        }
        if is_done {
            self.wrong = 0;
            self.frame_time = match pace.frame_time {
                Some(time) => Some(average(self.frame_time.filter(|_| self.measured && !is_tried), time)),
                // An old worker says nothing of itself, and is judged by how long its answers take.
                None => self.answer_time.map(|mean| mean.mul_f32(self.threads / (held + 1.0).max(self.threads))),
            };
            self.measured = true;
            self.known_for = shorter(self.known_for, self.frame_time);
            if !self.is_doubted() {
                self.trials = 0;
            }
        }
    }

    /// A failure that came from here was the worker's own fault. Returns how many have been in a row.
    pub(super) fn was_wrong(&mut self) -> u32 {
        self.wrong += 1;
        self.wrong
    }

    /// Frames that this stream may have here. A worker that serves several streams is shared between them.
    fn credit(&self) -> usize {
        let per_thread = self.frame_time.map_or(1.0, |time| {
            let per_time = |span: Duration| span.as_secs_f32() / time.as_secs_f32().max(1e-6);
            let most = (per_time(self.network) + 2.0).max(MOST_PER_THREAD);
            per_time(QUEUED_WORK).clamp(1.0, most)
        });
        ((per_thread * self.threads / self.streams) as usize).max(1)
    }

    /// Whether the worker may be given this frame now.
    pub(super) fn takes(&self, history: &FrameHistory) -> bool {
        if history.failed_at.contains(&self.peer) {
            return false;
        }
        if history.is_suspect() {
            return self.in_flight.is_empty();
        }
        self.has_credit() && self.in_flight.values().all(|frame| !frame.history.is_suspect())
    }

    pub(super) fn has_credit(&self) -> bool {
        self.in_flight.len() < self.credit()
    }

    /// Frames that the worker has worked on when it has answered all that it holds of this stream, and one more. Streams take turns:
    /// before each of these frames goes one of each of the others, if they have as many.
    fn ahead(&self) -> f32 {
        let own = (self.in_flight.len() + 1) as f32;
        own + self.others.min(own * (self.streams - 1.0))
    }

    /// How the worker stands now.
    pub(super) fn standing(&self) -> Standing {
        Standing {
            ahead: self.ahead(),
            frame_time: self.frame_time,
            threads: self.threads as u32,
            answers_in: self.frame_time.map(|_| self.answers_in()),
        }
    }

    /// When a frame that is sent now would be answered. A worker that has answered nothing yet gets its first frames early,
    /// so that it is measured.
    pub(super) fn answers_in(&self) -> Duration {
        self.frame_time.unwrap_or_default().mul_f32((self.ahead() / self.threads).max(1.0))
    }

    /// The worker with the least gets the next frame: when it would be answered, but at once where the worker is to be tried.
    pub(super) fn cost(&self, now: Instant) -> Duration {
        if self.is_due_for_trial(now) { Duration::ZERO } else { self.answers_in() }
    }

    /// When a frame that is sent now would be worked on.
    fn begins_in(&self) -> Duration {
        let turns = self.ahead() / self.threads;
        self.frame_time.unwrap_or_default().mul_f32((turns - 1.0).max(0.0)) + self.network / 2
    }

    /// Frames per second; 0 while it has not been measured.
    pub(super) fn rate(&self) -> f32 {
        self.frame_time.map_or(0.0, |time| self.threads / time.as_secs_f32().max(1e-6))
    }

    /// Whether a frame that is sent now is answered within `horizon`, as far as is known. Where that may be wrong, it is tried.
    pub(super) fn in_time(&self, horizon: Duration, now: Instant) -> bool {
        let may_be_wrong = self.frame_time.is_some_and(|time| self.is_idle_for(time * RETRIED_AFTER, now));
        self.answers_in() <= horizon || may_be_wrong || self.is_due_for_trial(now)
    }

    /// Whether a live frame of this age is worked on before it is older than `max`, as far as is known.
    pub(super) fn in_age(&self, age: Duration, max: Duration, now: Instant) -> bool {
        self.is_idle_for(RETRIED_LIVE_AFTER, now) || age + self.begins_in() <= max
    }

    /// Whether the worker has had nothing to do for so long.
    fn is_idle_for(&self, time: Duration, now: Instant) -> bool {
        self.in_flight.is_empty() && now.saturating_duration_since(self.last_answer) >= time
    }

    /// Whether what is known of the worker is much worse than what it is known to be capable of.
    fn is_doubted(&self) -> bool {
        self.known_for.zip(self.frame_time).is_some_and(|(known_for, time)| time > known_for * DOUBTED_FROM)
    }

    /// Whether the worker is to get a frame for no other reason than to learn how it is now.
    fn is_due_for_trial(&self, now: Instant) -> bool {
        let most = (self.frame_time.unwrap_or_default() * RETRIED_AFTER).max(TRIED_AFTER);
        let wait = TRIED_AFTER * (1 << self.trials.saturating_sub(1).min(8));
        self.is_idle_for(wait.min(most), now) && self.is_doubted()
    }

    /// Time that one thread has spent on a frame, as measured here.
    pub(super) fn frame_time(&self) -> Option<Duration> {
        self.frame_time.filter(|_| self.measured)
    }

    /// Streams that share one of the worker's threads, on average.
    pub(super) fn streams_per_thread(&self) -> f32 {
        self.streams / self.threads
    }

    /// Whether the worker has answered anything yet.
    pub(super) fn has_answered(&self) -> bool {
        self.answer_time.is_some()
    }

    /// Whether the worker keeps an answer back for too long. The first one may take `first`.
    pub(super) fn overdue(&self, first: Duration, max_age: Option<Duration>, now: Instant) -> bool {
        let floor = max_age.map_or(OVERDUE_FLOOR, |age| (age * 2).clamp(OVERDUE_FLOOR_LIVE, OVERDUE_CEILING));
        let limit = match self.answer_time {
            Some(time) => (time * OVERDUE_FACTOR).clamp(floor, OVERDUE_CEILING),
            None => first,
        };
        self.in_flight.values().any(|frame| now.saturating_duration_since(frame.sent) > limit)
    }

    /// Nothing was seen of the world for `gap`: what was awaited in that time may have come.
    pub(super) fn forgive(&mut self, gap: Duration) {
        self.in_flight.values_mut().for_each(|frame| frame.sent += gap);
    }
}

fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.into_iter().chain(other).min()
}

fn average(mean: Option<Duration>, newest: Duration) -> Duration {
    mean.map_or(newest, |mean| mean.mul_f32(1.0 - NEWEST) + newest.mul_f32(NEWEST))
}
