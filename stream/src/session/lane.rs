//! One worker as a stream sees it: what it holds, how fast it answers, how much more it may get.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use facefleet_proto::view::Choice;

use super::Peer;
use super::dispatch::Trail;

/// Work that a worker may hold in its queue: so much that it never waits for a frame, and so little that nobody waits
/// long for what it holds, should it become slow.
const QUEUED_WORK: Duration = Duration::from_millis(200);
/// Frames that a very fast worker may hold for each of its threads, and over a long way as many more as are on it.
const MOST_PER_THREAD: f32 = 8.0;
/// An answer is overdue after this many times what answers have been taking, within the two bounds. Loading a model or
/// a busy neighbour must not look like death, and a person must not wait for minutes.
const OVERDUE_FACTOR: u32 = 5;
const OVERDUE_FLOOR: Duration = Duration::from_secs(2);
pub(super) const OVERDUE_CEILING: Duration = Duration::from_secs(20);
/// The same for a live stream, whose frames are soon of no use: a worker answers even those that it drops for their age.
const OVERDUE_FLOOR_LIVE: Duration = Duration::from_secs(1);
/// How long the first answer may take where others could do the work.
pub(super) const OVERDUE_FIRST: Duration = Duration::from_secs(5);
/// A worker that was left out is tried again when it has been idle for so many times its time per frame: it may have
/// become faster, and the trial costs a tenth of the time at the most.
const RETRIED_AFTER: u32 = 10;
/// And for a live stream, whose frames find it too slow or too far away: what it was then it need not be now.
const RETRIED_LIVE_AFTER: Duration = Duration::from_millis(250);
/// Weight of the newest measurement in a moving average.
const NEWEST: f32 = 0.2;

/// What an answer says of the worker that gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// Time one of its threads has spent on this frame, or spends on any; None from an old worker.
    pub frame_time: Option<Duration>,
    /// Time that this frame was at the worker, in its queue and worked on; None from an old worker.
    pub stayed: Option<Duration>,
    /// Frames that it holds, those of other streams included.
    pub in_flight: u32,
    /// Streams that have frames there and go no later than this one, itself included; 0 when it does not tell.
    pub streams: u32,
}

/// A frame in flight.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) trail: Trail,
    /// When it came from the source.
    pub(super) arrived: Instant,
    at: Instant,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) peer: Peer,
    threads: f32,
    /// Time that one thread of the worker spends on a frame; before the first one, what the master knows of it.
    frame_time: Option<Duration>,
    /// Whether it has worked on a frame.
    measured: bool,
    /// Time from sending a frame to its answer, which also holds the network and other streams' frames.
    answer_time: Option<Duration>,
    /// The part of it that is not spent at the worker.
    network: Duration,
    /// Frames that the worker holds for other streams.
    others: f32,
    /// Streams that share the worker: rises at once, and falls slowly, because a stream between two frames is one, too.
    streams: f32,
    /// By number. Numbers go out in order, but for those sent again.
    pub(super) in_flight: BTreeMap<u64, Sent>,
    last_answer: Instant,
    /// Failures by its own fault since its last good answer: it says so, or another worker has shown it.
    wrong: u32,
}

impl Lane {
    pub(super) fn new(peer: Peer, threads: u32, frame_time: Option<Duration>, now: Instant) -> Lane {
        Lane {
            peer,
            threads: threads.max(1) as f32,
            frame_time,
            measured: false,
            answer_time: None,
            network: Duration::ZERO,
            others: 0.0,
            streams: 1.0,
            in_flight: BTreeMap::new(),
            last_answer: now,
            wrong: 0,
        }
    }

    pub(super) fn send(&mut self, seq: u64, trail: Trail, arrived: Instant, now: Instant) {
        self.in_flight.insert(seq, Sent { trail, arrived, at: now });
    }

    /// Takes the frame that an answer is for, if this attempt of it was awaited.
    pub(super) fn answered(&mut self, seq: u64, attempt: u32) -> Option<Sent> {
        let awaited = self.in_flight.get(&seq).is_some_and(|sent| sent.trail.attempt == attempt);
        awaited.then(|| self.in_flight.remove(&seq)).flatten()
    }

    /// Learns from the answer to `sent`. A failure says nothing of how long a frame takes.
    pub(super) fn learn(&mut self, sent: &Sent, pace: Pace, good: bool, now: Instant) {
        self.last_answer = now;
        let took = now.saturating_duration_since(sent.at);
        self.answer_time = Some(average(self.answer_time, took));
        let held = self.in_flight.len() as f32;
        self.others += ((pace.in_flight as f32 - held).max(0.0) - self.others) * NEWEST;
        let streams = pace.streams.max(1) as f32;
        self.streams = streams.max(self.streams + (streams - self.streams) * NEWEST);
        if let Some(stayed) = pace.stayed {
            self.network = average(Some(self.network), took.saturating_sub(stayed));
        }
        if good {
            self.wrong = 0;
            self.frame_time = match pace.frame_time {
                Some(time) => Some(average(self.frame_time.filter(|_| self.measured), time)),
                // An old worker says nothing of itself, and is judged by how long its answers take.
                None => self.answer_time.map(|mean| mean.mul_f32(self.threads / (held + 1.0).max(self.threads))),
            };
            self.measured = true;
        }
    }

    /// A failure that came from here was its own fault. Returns how many have been in a row.
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

    /// Whether it may be given this frame now.
    pub(super) fn takes(&self, trail: &Trail) -> bool {
        if trail.failed_at.contains(&self.peer) {
            return false;
        }
        if trail.is_suspect() {
            return self.in_flight.is_empty();
        }
        self.has_credit() && self.in_flight.values().all(|sent| !sent.trail.is_suspect())
    }

    pub(super) fn has_credit(&self) -> bool {
        self.in_flight.len() < self.credit()
    }

    /// Frames that the worker has worked on when it has answered all that it holds of this stream, and one frame more. Streams
    /// take turns: before each of these frames goes one of each of the others, if they have as many.
    fn ahead(&self) -> f32 {
        let own = (self.in_flight.len() + 1) as f32;
        own + self.others.min(own * (self.streams - 1.0))
    }

    /// In how many times its time per frame it has.
    fn turns(&self) -> f32 {
        self.ahead() / self.threads
    }

    /// How it stands, for people. Its name is not known here.
    pub(super) fn choice(&self) -> Choice {
        Choice {
            worker: String::new(),
            in_flight: self.ahead().round() as u32,
            frame_ms: self.frame_time.map(ms),
            cores: self.threads as u32,
            answers_in_ms: self.frame_time.map(|_| ms(self.answers_in())),
        }
    }

    /// When a frame that is sent now would be answered. A worker that has answered nothing yet gets its first frames early,
    /// so that it is measured.
    pub(super) fn answers_in(&self) -> Duration {
        self.frame_time.unwrap_or_default().mul_f32(self.turns().max(1.0))
    }

    /// When a frame that is sent now would be worked on.
    fn begins_in(&self) -> Duration {
        self.frame_time.unwrap_or_default().mul_f32((self.turns() - 1.0).max(0.0)) + self.network / 2
    }

    /// Frames per second; 0 while it has not been measured.
    pub(super) fn rate(&self) -> f32 {
        self.frame_time.map_or(0.0, |time| self.threads / time.as_secs_f32().max(1e-6))
    }

    /// Whether a frame that is sent now is answered within `horizon`, as far as is known.
    pub(super) fn in_time(&self, horizon: Duration, now: Instant) -> bool {
        self.is_to_be_retried(self.frame_time.map(|time| time * RETRIED_AFTER), now) || self.answers_in() <= horizon
    }

    /// Whether a live frame of this age is worked on before it is older than `max`, as far as is known.
    pub(super) fn in_age(&self, age: Duration, max: Duration, now: Instant) -> bool {
        self.is_to_be_retried(Some(RETRIED_LIVE_AFTER), now) || age + self.begins_in() <= max
    }

    /// Whether it has had nothing to do for so long that what is known of it may be wrong. None: it never is.
    fn is_to_be_retried(&self, after: Option<Duration>, now: Instant) -> bool {
        let idle = now.saturating_duration_since(self.last_answer);
        self.in_flight.is_empty() && after.is_some_and(|after| idle >= after)
    }

    /// Time that one thread has spent on a frame, as measured here.
    pub(super) fn frame_time(&self) -> Option<Duration> {
        self.frame_time.filter(|_| self.measured)
    }

    /// Streams that share one of its threads, on average.
    pub(super) fn streams_per_thread(&self) -> f32 {
        self.streams / self.threads
    }

    /// Whether it has answered anything yet.
    pub(super) fn has_answered(&self) -> bool {
        self.answer_time.is_some()
    }

    /// Whether it keeps an answer back for too long. `alternative`: another worker is known to answer.
    pub(super) fn overdue(&self, alternative: bool, max_age: Option<Duration>, now: Instant) -> bool {
        let floor = max_age.map_or(OVERDUE_FLOOR, |age| (age * 2).clamp(OVERDUE_FLOOR_LIVE, OVERDUE_CEILING));
        let limit = match self.answer_time {
            Some(time) => (time * OVERDUE_FACTOR).clamp(floor, OVERDUE_CEILING),
            None if alternative => OVERDUE_FIRST,
            None => OVERDUE_CEILING,
        };
        self.in_flight.values().any(|sent| now.saturating_duration_since(sent.at) > limit)
    }

    /// Nothing was seen of the world for `gap`: what was awaited in it may have come.
    pub(super) fn forgive(&mut self, gap: Duration) {
        self.in_flight.values_mut().for_each(|sent| sent.at += gap);
    }
}

fn ms(time: Duration) -> f32 {
    time.as_secs_f32() * 1e3
}

fn average(mean: Option<Duration>, newest: Duration) -> Duration {
    mean.map_or(newest, |mean| mean.mul_f32(1.0 - NEWEST) + newest.mul_f32(NEWEST))
}
