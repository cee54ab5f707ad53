//! Which frame goes to which worker. Pure: events in, assignments out, time as an argument.
//!
//! A frame goes to the worker that will answer it soonest: frames in flight there, this one included, times its
//! measured time per frame, over its detector threads. How many frames a worker may hold is bounded by its credit, so
//! that a fast one always has a next frame at hand and a slow one does not sit on frames that others could have done.
//! And because frames go on in order, a worker is left out that is so slow that all others would come to wait for it.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Frames that may be between the source and the report: those in flight, and those that wait for their turn.
pub(crate) const WINDOW: usize = 256;
/// Work that a worker may hold in its queue.
const QUEUED_WORK: Duration = Duration::from_millis(200);
/// Frames that a very fast worker may hold for each of its threads, to cover the way there and back.
const MOST_PER_THREAD: f32 = 8.0;
/// An answer is overdue after this many times what answers have been taking, within the two bounds. Loading a model or
/// a busy neighbour must not look like death, and a person must not wait for minutes.
const OVERDUE_FACTOR: u32 = 5;
const OVERDUE_FLOOR: Duration = Duration::from_secs(2);
const OVERDUE_CEILING: Duration = Duration::from_secs(20);
/// A frame that was lost this often may be what ends the workers. It is sent alone, so that no other is lost with it,
/// and after so many attempts it is given up.
const SUSPECT_AFTER: u32 = 2;
const MOST_ATTEMPTS: u32 = 5;
/// A worker that was left out is tried again when it has been idle for so many times its time per frame: it may have
/// become faster, and the trial costs a tenth of the time at the most.
const RETRIED_AFTER: u32 = 10;
/// Weight of the newest measurement in a moving average.
const NEWEST: f32 = 0.2;

/// Names one connection to one worker; never used again after it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkId(pub(crate) u64);

/// A frame that is to be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) seq: u64,
    /// Counts from 0.
    pub(crate) attempt: u32,
    pub(crate) link: LinkId,
}

/// Frames that wait, and the links that they are in flight on.
#[derive(Debug, Default)]
pub(crate) struct Dispatch {
    waiting: VecDeque<Waiting>,
    links: BTreeMap<LinkId, Link>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    seq: u64,
    attempt: u32,
}

#[derive(Debug)]
struct Link {
    threads: f32,
    /// Time that one thread of the worker spends on a frame.
    frame_time: Option<Duration>,
    /// Time from sending a frame to its answer, which also holds the network and other clients' frames.
    answer_time: Option<Duration>,
    /// By number. Numbers go out in order, but for those sent again.
    in_flight: BTreeMap<u64, Sent>,
    last_answer: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    attempt: u32,
    at: Instant,
}

impl Link {
    fn credit(&self) -> usize {
        let per_thread = match self.frame_time {
            Some(time) => (QUEUED_WORK.as_secs_f32() / time.as_secs_f32().max(1e-6)).clamp(1.0, MOST_PER_THREAD),
            None => 1.0,
        };
        (per_thread * self.threads) as usize
    }

    /// Whether it may be given this frame now.
    fn takes(&self, frame: Waiting) -> bool {
        if frame.attempt >= SUSPECT_AFTER {
            return self.in_flight.is_empty();
        }
        self.in_flight.len() < self.credit() && self.in_flight.values().all(|sent| sent.attempt < SUSPECT_AFTER)
    }

    /// When a frame that is sent now would be answered. A worker that has answered nothing yet gets its first frames
    /// early, so that it is measured.
    fn expected(&self) -> Duration {
        let time = self.frame_time.unwrap_or_default();
        time.mul_f32((self.in_flight.len() + 1) as f32 / self.threads)
    }

    /// Frames per second; 0 while it has not been measured.
    fn rate(&self) -> f32 {
        self.frame_time.map_or(0.0, |time| self.threads / time.as_secs_f32().max(1e-6))
    }

    /// Whether a frame that is sent now is answered within `horizon`, as far as is known.
    fn in_time(&self, horizon: Duration, now: Instant) -> bool {
        let idle = now.saturating_duration_since(self.last_answer);
        let retried = self.in_flight.is_empty() && self.frame_time.is_some_and(|time| idle >= time * RETRIED_AFTER);
        retried || self.expected() <= horizon
    }

    fn overdue(&self, now: Instant) -> bool {
        let limit = self.answer_time.map_or(OVERDUE_CEILING, |t| t * OVERDUE_FACTOR);
        let limit = limit.clamp(OVERDUE_FLOOR, OVERDUE_CEILING);
        self.in_flight.values().any(|sent| now.saturating_duration_since(sent.at) > limit)
    }
}

impl Dispatch {
    /// A worker is there. `frame_time` is what the master knows of it.
    pub(crate) fn link_up(&mut self, link: LinkId, threads: u32, frame_time: Option<Duration>, now: Instant) {
        let threads = threads.max(1) as f32;
        let in_flight = BTreeMap::new();
        self.links.insert(link, Link { threads, frame_time, answer_time: None, in_flight, last_answer: now });
    }

    /// A worker is lost, or has said that it goes. Its frames wait again, ahead of all others; those that were lost too
    /// often are returned instead.
    pub(crate) fn link_down(&mut self, link: LinkId) -> Vec<u64> {
        let Some(lost) = self.links.remove(&link) else { return Vec::new() };
        let mut given_up = Vec::new();
        for (seq, sent) in lost.in_flight.into_iter().rev() {
            let attempt = sent.attempt + 1;
            if attempt < MOST_ATTEMPTS {
                self.waiting.push_front(Waiting { seq, attempt });
            } else {
                given_up.push(seq);
            }
        }
        given_up
    }

    /// A frame wants to be sent.
    pub(crate) fn push(&mut self, seq: u64) {
        self.waiting.push_back(Waiting { seq, attempt: 0 });
    }

    /// Frames that no worker has taken yet.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Forgets the frames that no worker has taken, and returns them.
    pub(crate) fn drop_waiting(&mut self) -> Vec<u64> {
        self.waiting.drain(..).map(|w| w.seq).collect()
    }

    /// The next frame to send, and where. None: nothing waits, or no worker that is fast enough may hold more.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Assignment> {
        let &frame = self.waiting.front()?;
        let Waiting { seq, attempt } = frame;
        let horizon = self.horizon();
        let free = self.links.iter_mut().filter(|(_, link)| link.takes(frame) && link.in_time(horizon, now));
        let (&id, link) = free.min_by_key(|(_, link)| link.expected())?;
        self.waiting.pop_front();
        link.in_flight.insert(seq, Sent { attempt, at: now });
        Some(Assignment { seq, attempt, link: id })
    }

    /// In this time the workers together answer half the window: then the rest of it still hides one slow answer.
    fn horizon(&self) -> Duration {
        let rate: f32 = self.links.values().map(Link::rate).sum();
        Duration::try_from_secs_f32(WINDOW as f32 / 2.0 / rate).unwrap_or(Duration::MAX)
    }

    /// An answer came. False: it was not awaited from there (any more), and is not to be counted. `frame_time` is what
    /// the worker says of itself; an old one says nothing, and is judged by how long its answers take.
    pub(crate) fn answered(
        &mut self,
        Assignment { seq, attempt, link }: Assignment,
        frame_time: Option<Duration>,
        now: Instant,
    ) -> bool {
        let Some(link) = self.links.get_mut(&link) else { return false };
        let Some(sent) = link.in_flight.get(&seq).filter(|sent| sent.attempt == attempt).copied() else { return false };
        let in_flight = link.in_flight.len() as f32;
        link.in_flight.remove(&seq);
        link.last_answer = now;
        let took = now.saturating_duration_since(sent.at);
        link.answer_time =
            Some(link.answer_time.map_or(took, |mean| mean.mul_f32(1.0 - NEWEST) + took.mul_f32(NEWEST)));
        let judged = || link.answer_time.map(|mean| mean.mul_f32(link.threads / in_flight.max(link.threads)));
        link.frame_time = frame_time.or_else(judged);
        true
    }

    /// Links that keep an answer back for too long: to be closed, and given to [`Dispatch::link_down`].
    pub(crate) fn overdue(&self, now: Instant) -> Vec<LinkId> {
        self.links.iter().filter(|(_, link)| link.overdue(now)).map(|(id, _)| *id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: LinkId = LinkId(0);
    const B: LinkId = LinkId(1);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }

    fn assignments(dispatch: &mut Dispatch, now: Instant) -> Vec<Assignment> {
        std::iter::from_fn(|| dispatch.next(now)).collect()
    }

    fn pushed(frames: u64) -> Dispatch {
        let mut dispatch = Dispatch::default();
        (0..frames).for_each(|seq| dispatch.push(seq));
        dispatch
    }

    #[test]
    fn frames_wait_until_there_is_a_worker_and_go_out_in_order() {
        let mut dispatch = pushed(3);
        assert_eq!(assignments(&mut dispatch, start()), []);
        dispatch.link_up(A, 2, None, start());
        let sent = assignments(&mut dispatch, start());
        assert_eq!(sent, [0, 1].map(|seq| Assignment { seq, attempt: 0, link: A }));
        assert_eq!(dispatch.waiting(), 1);
    }

    #[test]
    fn a_worker_four_times_faster_gets_four_times_the_frames() {
        let mut dispatch = pushed(1_000);
        dispatch.link_up(A, 1, Some(ms(10)), start());
        dispatch.link_up(B, 1, Some(ms(40)), start());
        let t0 = start();
        let (mut done, mut busy_until) = ([0, 0], [t0, t0]);
        let mut in_flight: VecDeque<(Instant, Assignment)> = VecDeque::new();
        let mut now = t0;
        while done[0] + done[1] < 1_000 {
            for sent in assignments(&mut dispatch, now) {
                let worker = sent.link.0 as usize;
                busy_until[worker] = busy_until[worker].max(now) + ms([10, 40][worker]);
                in_flight.push_back((busy_until[worker], sent));
            }
            in_flight.make_contiguous().sort_by_key(|(at, _)| *at);
            let (at, answer) = in_flight.pop_front().expect("frames are in flight until all are done");
            now = at;
            let worker = answer.link.0 as usize;
            done[worker] += 1;
            assert!(dispatch.answered(answer, Some(ms([10, 40][worker])), now));
        }
        assert!((780..=820).contains(&done[0]), "{done:?}");
        // 1,000 frames at 125 a second are 8 s; waiting for the slow one costs at most a few of its frames.
        assert!(now - t0 < ms(8_200), "{:?}", now - t0);
    }

    #[test]
    fn a_slow_worker_holds_one_frame_a_thread_and_a_fast_one_enough_for_the_way() {
        for (frame_ms, credit) in [(1_000, 2), (100, 4), (50, 8), (1, 16)] {
            let mut dispatch = pushed(100);
            dispatch.link_up(A, 2, Some(ms(frame_ms)), start());
            assert_eq!(assignments(&mut dispatch, start()).len(), credit, "{frame_ms} ms");
        }
    }

    #[test]
    fn the_frames_of_a_lost_worker_go_first_to_another_and_late_answers_do_not_count() {
        let mut dispatch = pushed(6);
        dispatch.link_up(A, 2, None, start());
        let sent = assignments(&mut dispatch, start());
        assert!(dispatch.link_down(A).is_empty());
        assert!(!dispatch.answered(sent[0], None, start()), "its link is gone");
        dispatch.link_up(B, 2, None, start());
        let again = assignments(&mut dispatch, start());
        assert_eq!(again, [0, 1].map(|seq| Assignment { seq, attempt: 1, link: B }));
        assert!(!dispatch.answered(Assignment { attempt: 0, ..again[0] }, None, start()), "of the first attempt");
        assert!(dispatch.answered(again[0], None, start()));
        assert!(!dispatch.answered(again[0], None, start()), "answered twice");
        assert!(!dispatch.answered(Assignment { seq: 77, ..again[0] }, None, start()), "never sent");
    }

    #[test]
    fn a_worker_is_left_out_when_the_window_would_fill_before_it_answers_and_is_tried_again() {
        let mut dispatch = pushed(20);
        let t0 = start();
        dispatch.link_up(A, 1, Some(ms(10)), t0);
        dispatch.link_up(B, 1, Some(ms(2_000)), t0);
        let sent = assignments(&mut dispatch, t0);
        assert!(sent.len() == 8 && sent.iter().all(|s| s.link == A), "{sent:?}");
        assert_eq!(assignments(&mut dispatch, t0 + ms(19_999)), []);
        assert_eq!(assignments(&mut dispatch, t0 + ms(20_000))[0].link, B);
    }

    #[test]
    fn a_worker_that_is_only_slower_is_used() {
        let mut dispatch = pushed(20);
        dispatch.link_up(A, 1, Some(ms(250)), start());
        dispatch.link_up(B, 1, Some(ms(2_500)), start());
        let sent: Vec<_> = assignments(&mut dispatch, start()).iter().map(|s| s.link).collect();
        assert_eq!(sent, [A, B]);
    }

    #[test]
    fn a_frame_that_was_lost_twice_is_sent_alone() {
        let mut dispatch = pushed(3);
        for life in 0..2 {
            dispatch.link_up(LinkId(life), 2, Some(ms(10)), start());
            assert_eq!(assignments(&mut dispatch, start()).len(), 3);
            dispatch.link_down(LinkId(life));
        }
        dispatch.link_up(LinkId(7), 2, Some(ms(10)), start());
        for seq in 0..3 {
            let alone = assignments(&mut dispatch, start());
            assert_eq!(alone, [Assignment { seq, attempt: 2, link: LinkId(7) }]);
            assert!(dispatch.answered(alone[0], None, start()));
        }
    }

    #[test]
    fn a_frame_that_every_worker_dies_of_is_given_up() {
        let mut dispatch = pushed(1);
        for life in 0..MOST_ATTEMPTS {
            dispatch.link_up(LinkId(life.into()), 1, None, start());
            assert_eq!(assignments(&mut dispatch, start()).len(), 1);
            let given_up = dispatch.link_down(LinkId(life.into()));
            assert_eq!(given_up.is_empty(), life + 1 < MOST_ATTEMPTS);
        }
        assert_eq!(dispatch.waiting(), 0);
    }

    #[test]
    fn an_answer_is_overdue_by_what_answers_have_been_taking() {
        let mut dispatch = pushed(3);
        dispatch.link_up(A, 1, None, start());
        let t0 = start();
        let first = assignments(&mut dispatch, t0)[0];
        assert_eq!(dispatch.overdue(t0 + OVERDUE_CEILING), []);
        assert_eq!(dispatch.overdue(t0 + OVERDUE_CEILING + ms(1)), [A]);
        let t1 = t0 + ms(600);
        assert!(dispatch.answered(first, None, t1));
        assert_eq!(dispatch.overdue(t0 + OVERDUE_CEILING + ms(1)), [], "nothing is awaited");
        assert_eq!(assignments(&mut dispatch, t1).len(), 1);
        assert_eq!(dispatch.overdue(t1 + ms(3_000)), []);
        assert_eq!(dispatch.overdue(t1 + ms(3_001)), [A]);
    }
}
