//! Which frame goes to which worker. Pure: events in, assignments out, time as an argument.
//!
//! A frame goes to the worker that will answer it soonest: frames in flight there, this one included, times its
//! measured time per frame, over its detector threads. How many frames a worker may hold is bounded by its credit, so
//! that a fast one always has a next frame at hand and a slow one does not sit on frames that others could have done.
//! And because frames go on in order, a worker is left out that is so slow that all others would come to wait for it.
//!
//! Of a file the oldest frame goes first. Of a live stream the newest does: what cannot be done grows old, and is dropped.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::events::{Pace, Work};
use super::history::FrameHistory;
use super::ids::{FrameAttempt, LinkId, Peer};
use super::lane::{Lane, OVERDUE_CEILING, OVERDUE_FIRST};
use super::sample::Sample;

/// Frames that may be between the source and the report: those in flight, and those that wait for their turn.
pub const WINDOW: usize = 256;
/// The cluster is full where this many streams share a thread of a stream's workers, on average: one more worker would only be taken
/// from other streams.
const FULL: f32 = 2.0;

/// Lives of workers that are remembered after their link went down. A stream that sees more of them forgets the first ones.
const MOST_REMEMBERED: usize = 1024;

/// A frame that is to be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) frame: FrameAttempt,
    pub(crate) link: LinkId,
    /// When the frame came from its source.
    pub(crate) arrived: Instant,
}

/// Frames that wait, and the lanes that they are in flight on.
#[derive(Debug)]
pub(crate) struct Dispatch {
    /// The frames that no worker has, by number.
    waiting: BTreeMap<u64, Waiting>,
    lanes: BTreeMap<LinkId, Lane>,
    /// What workers were known for whose links are down.
    known_for: BTreeMap<Peer, Duration>,
    /// Given for a live stream: how old a frame may be when it is worked on.
    max_age: Option<Duration>,
    /// How the newest workers were chosen.
    sample: Sample,
}

#[derive(Clone, Debug)]
struct Waiting {
    history: FrameHistory,
    arrived: Instant,
}

/// What the end of a link means for the frames that were in flight on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The worker has left, and said so: the frames that it had not begun are no loss.
    Left,
    /// The worker is dead, silent or wrong, and one of the frames may be why.
    Lost,
}

impl Dispatch {
    /// `max_age` is how old a frame of a live stream may be when it is worked on; None for a file, whose frames wait.
    pub(crate) fn new(max_age: Option<Duration>) -> Dispatch {
        Dispatch {
            waiting: BTreeMap::new(),
            lanes: BTreeMap::new(),
            known_for: BTreeMap::new(),
            max_age,
            sample: Sample::default(),
        }
    }

    /// A worker is there. `frame_time` is what the master knows of it.
    pub(crate) fn link_up(
        &mut self,
        link: LinkId,
        peer: Peer,
        threads: u32,
        frame_time: Option<Duration>,
        now: Instant,
    ) {
        let known_for = self.known_for.remove(&peer);
        self.lanes.insert(link, Lane::new(peer, threads, frame_time, known_for, now));
    }

    /// A worker is lost, or has said that it goes. Its frames wait again, in their place; those that have been lost too
    /// often are returned instead.
    pub(crate) fn link_down(&mut self, link: LinkId, ending: Ending) -> Vec<u64> {
        let Some(Lane { peer, in_flight, known_for, .. }) = self.lanes.remove(&link) else { return Vec::new() };
        self.known_for.extend(known_for.map(|known_for| (peer, known_for)));
        if self.known_for.len() > MOST_REMEMBERED {
            self.known_for.pop_first();
        }
        let mut given_up = Vec::new();
        for (seq, frame) in in_flight {
            let history = match ending {
                Ending::Left => frame.history,
                Ending::Lost => frame.history.lost(peer),
            };
            match history.again() {
                Some(history) => drop(self.waiting.insert(seq, Waiting { history, arrived: frame.arrived })),
                None => given_up.push(seq),
            }
        }
        given_up
    }

    /// A frame has come from the source, and waits to be sent.
    pub(crate) fn push(&mut self, seq: u64, now: Instant) {
        self.waiting.insert(seq, Waiting { history: FrameHistory::default(), arrived: now });
    }

    /// Frames that no worker has taken yet.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Frames that no worker has taken and that others have to wait for. A frame that failed at a worker waits for another, and holds
    /// up nobody.
    pub(crate) fn in_line(&self) -> usize {
        self.waiting.values().filter(|frame| frame.history.failed_at.is_empty()).count()
    }

    /// Whether more workers would help, as far as those that there are can tell: frames wait, though [`Dispatch::next`] has
    /// just sent what it could, and the workers are not full of other streams.
    pub(crate) fn is_short(&self) -> bool {
        let count = self.lanes.len() as f32;
        self.in_line() > 0
            && self.lanes.values().all(Lane::has_answered)
            && self.lanes.values().map(Lane::streams_per_thread).sum::<f32>() < FULL * count
    }

    /// Forgets the frames that no worker has taken, and returns them.
    pub(crate) fn drop_waiting(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.waiting).into_keys().collect()
    }

    /// Forgets the oldest frame that no worker has taken, and returns it.
    pub(crate) fn drop_oldest(&mut self) -> Option<u64> {
        self.waiting.pop_first().map(|(seq, _)| seq)
    }

    /// Forgets the frames that have grown too old to be sent, and returns them.
    pub(crate) fn drop_stale(&mut self, now: Instant) -> Vec<u64> {
        let Some(max_age) = self.max_age else { return Vec::new() };
        let is_stale = |_: &u64, frame: &mut Waiting| now.saturating_duration_since(frame.arrived) > max_age;
        self.waiting.extract_if(.., is_stale).map(|(seq, _)| seq).collect()
    }

    /// Forgets the frames that failed at every worker that there is, and returns them.
    pub(crate) fn drop_hopeless(&mut self) -> Vec<u64> {
        let lanes = &self.lanes;
        let is_hopeless = |_: &u64, frame: &mut Waiting| {
            let failed_at = &frame.history.failed_at;
            let tried = lanes.values().all(|lane| failed_at.contains(&lane.peer));
            // With nobody there, whoever comes next may be another one.
            tried && !failed_at.is_empty() && !lanes.is_empty()
        };
        self.waiting.extract_if(.., is_hopeless).map(|(seq, _)| seq).collect()
    }

    /// The next frame to send, and where. None: nothing waits, or no worker that is fast enough may hold more.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Assignment> {
        if self.waiting.is_empty() || !self.lanes.values().any(Lane::has_credit) {
            return None;
        }
        let horizon = self.horizon();
        let (seq, link) = match self.max_age {
            None => self.first_of(self.waiting.iter(), horizon, now),
            Some(_) => self.first_of(self.waiting.iter().rev(), horizon, now),
        }?;
        let Waiting { history, arrived } = self.waiting.remove(&seq).expect("it was found there");
        let attempt = history.attempt;
        if self.sample.is_due(now) {
            self.sample.add(seq, link, &self.lanes, now);
        }
        self.lanes.get_mut(&link).expect("it was found there").send(seq, history, arrived, now);
        Some(Assignment { frame: FrameAttempt { seq, attempt }, link, arrived })
    }

    /// The first of these frames that a worker takes, and which. Where a plain one is not taken, no later one is.
    fn first_of<'a>(
        &self,
        frames: impl Iterator<Item = (&'a u64, &'a Waiting)>,
        horizon: Duration,
        now: Instant,
    ) -> Option<(u64, LinkId)> {
        for (seq, frame) in frames {
            match self.lane_for(frame, horizon, now) {
                Some(link) => return Some((*seq, link)),
                None if frame.history.is_plain() => return None,
                None => {}
            }
        }
        None
    }

    fn lane_for(&self, frame: &Waiting, horizon: Duration, now: Instant) -> Option<LinkId> {
        let age = now.saturating_duration_since(frame.arrived);
        let free = self.lanes.iter().filter(|(_, lane)| {
            // A frame that would be too old at its turn is not sent: a newer one may be in time.
            let fresh = self.max_age.is_none_or(|max| lane.in_age(age, max, now));
            // One that few workers may have goes to whoever may, however slow.
            let in_time = !frame.history.is_plain() || lane.in_time(horizon, now);
            lane.takes(&frame.history) && in_time && fresh
        });
        free.min_by_key(|(_, lane)| lane.cost(now)).map(|(link, _)| *link)
    }

    /// The time in which the workers together answer half the window. Behind an answer that takes no longer, the other half of the
    /// window keeps them busy.
    fn horizon(&self) -> Duration {
        let rate: f32 = self.lanes.values().map(Lane::rate).sum();
        Duration::try_from_secs_f32(WINDOW as f32 / 2.0 / rate).unwrap_or(Duration::MAX)
    }

    /// An answer came. None: it was not awaited from there (any more), and is not to be counted.
    pub(crate) fn answered(
        &mut self,
        link: LinkId,
        frame: FrameAttempt,
        pace: Pace,
        work: Work,
        now: Instant,
    ) -> Option<Returned> {
        let lane = self.lanes.get_mut(&link)?;
        let sent = lane.answered(frame)?;
        lane.learn(&sent, pace, work, now);
        let peer = lane.peer;
        Some(Returned { seq: frame.seq, peer, arrived: sent.arrived, history: sent.history })
    }

    /// Lets a frame that could not be worked on wait for a worker that has not tried it yet. False: `opinions` workers agree, or there
    /// is no other.
    pub(crate) fn ask_another(&mut self, returned: Returned, opinions: usize) -> bool {
        let Returned { seq, peer, arrived, mut history } = returned;
        history.failed_at.push(peer);
        let other = self.lanes.values().any(|lane| !history.failed_at.contains(&lane.peer));
        if history.failed_at.len() >= opinions || !other {
            return false;
        }
        let Some(history) = history.again() else { return false };
        self.waiting.insert(seq, Waiting { history, arrived });
        true
    }

    /// The links to the workers that could not do a frame.
    pub(crate) fn failed_at(&self, returned: &Returned) -> Vec<LinkId> {
        let failed = self.lanes.iter().filter(|(_, lane)| returned.history.failed_at.contains(&lane.peer));
        failed.map(|(link, _)| *link).collect()
    }

    /// A link has failed a frame by its own fault: it says so, or another worker has done the frame. Returns how often in a row it was
    /// wrong.
    pub(crate) fn was_wrong(&mut self, link: LinkId) -> u32 {
        self.lanes.get_mut(&link).map_or(0, Lane::was_wrong)
    }

    /// The newest choices, each told once.
    pub(super) fn take_sample(&mut self) -> Sample {
        std::mem::take(&mut self.sample)
    }

    /// Frames that the worker has of this stream.
    pub(super) fn in_flight(&self, link: LinkId) -> usize {
        self.lanes.get(&link).map_or(0, |lane| lane.in_flight.len())
    }

    /// Time that one thread of the worker has spent on a frame; None where none has been worked on.
    pub(crate) fn frame_time(&self, link: LinkId) -> Option<Duration> {
        self.lanes.get(&link).and_then(Lane::frame_time)
    }

    /// The link that is missed least: the slowest of those that hold no frame.
    pub(crate) fn spare(&self) -> Option<LinkId> {
        let idle = self.lanes.iter().filter(|(_, lane)| lane.in_flight.is_empty());
        idle.min_by(|(_, a), (_, b)| a.rate().total_cmp(&b.rate())).map(|(link, _)| *link)
    }

    /// Links that keep an answer back for too long: to be closed, and given to [`Dispatch::link_down`].
    pub(crate) fn overdue(&self, now: Instant) -> Vec<LinkId> {
        let has_alternative = self.lanes.values().any(Lane::has_answered);
        let first = if has_alternative { OVERDUE_FIRST } else { OVERDUE_CEILING };
        let overdue = |lane: &Lane| lane.overdue(first, self.max_age, now);
        self.lanes.iter().filter(|(_, lane)| overdue(lane)).map(|(link, _)| *link).collect()
    }

    /// Nothing was seen of the world for `gap`, as when this process was stopped: answers may have come in that time, so
    /// it does not count for what is overdue.
    pub(crate) fn forgive(&mut self, gap: Duration) {
        self.lanes.values_mut().for_each(|lane| lane.forgive(gap));
    }
}

/// A frame that has come back from a worker.
#[derive(Debug)]
pub(crate) struct Returned {
    seq: u64,
    peer: Peer,
    /// When the frame came from its source.
    pub(super) arrived: Instant,
    history: FrameHistory,
}

#[cfg(test)]
mod tests;
