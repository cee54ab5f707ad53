//! Whose frame is next: equal parts of the detectors' time for streams of one priority, and most of it for higher ones.
//!
//! Within a priority this is start-time fair queueing (P. Goyal, H. M. Vin and H. Cheng, SIGCOMM 1996): each stream has a
//! reading of how much detector time it has had, and of the streams that have frames waiting the one with the lowest is
//! served. A stream that has none waiting saves nothing up: when it comes back, it starts from where the others are. What
//! a frame costs is known only afterwards, so a stream is charged what its last frame took, which is put right when the
//! true time is known.
//!
//! Between priorities turns are counted: while lower ones wait, a priority keeps seven of eight turns and leaves the eighth
//! to those below it, of which the highest that waits does the same. So three that always wait get 7/8, 7/64 and 1/64. A
//! priority that waits gets at least one of any 8^k turns, when frames of `k` higher ones come meanwhile, whenever they do.
//! How many frames wait makes no difference.
//!
//! No clock in here: the only times are those that frames took.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Of so many turns of a priority while others below it wait, one is theirs. An eighth keeps a stream that everybody passes
/// alive (three frames a second of a worker that does 25), and leaves the higher ones nearly all.
const LOWER_EVERY: u32 = 8;

/// The priorities that are told apart, which are those that a client offers; one beyond them counts as the nearest. So few
/// can be kept for good: one that forgot its turns when its last stream closes could pass over the others for ever.
const PRIORITIES: RangeInclusive<i32> = -100..=100;

/// What a frame is charged before any was measured. Any time does, for it is the same for all streams.
const FIRST_CHARGE: Duration = Duration::from_millis(10);

/// Frames of several streams, and the order to take them in.
#[derive(Debug)]
pub(crate) struct Fair<T> {
    levels: BTreeMap<i32, Level<T>>,
    streams_opened: u64,
    frames_pushed: u64,
    /// What the last frame of any stream took.
    latest: Duration,
}

/// The streams of one priority.
#[derive(Debug)]
struct Level<T> {
    /// The lowest reading at the last turn, which is where a stream starts.
    clock: Duration,
    /// Its turns since it left one to a lower priority, while such waited.
    passed_over: u32,
    streams: BTreeMap<u64, Stream<T>>,
}

#[derive(Debug)]
struct Stream<T> {
    /// Detector time that it has been charged, counted from where it started.
    reading: Duration,
    /// What its last frame took, or the last of any when it has had none.
    expected: Duration,
    /// With the number of their arrival among all frames.
    waiting: VecDeque<(u64, T)>,
    /// Its frames that were taken and are not done.
    working: usize,
}

/// Names a stream from [`Fair::open`] to [`Fair::close`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamId {
    priority: i32,
    number: u64,
}

/// What a stream was charged for a frame that is being worked on; see [`Fair::done`].
#[derive(Debug)]
#[must_use = "a charge is put right when the frame is done"]
pub(crate) struct Charge {
    stream: StreamId,
    amount: Duration,
}

impl<T> Fair<T> {
    pub(crate) fn new() -> Fair<T> {
        Fair { levels: BTreeMap::new(), streams_opened: 0, frames_pushed: 0, latest: FIRST_CHARGE }
    }

    /// Lets a stream in. Higher priorities go first.
    pub(crate) fn open(&mut self, priority: i32) -> StreamId {
        let priority = priority.clamp(*PRIORITIES.start(), *PRIORITIES.end());
        let number = self.streams_opened;
        self.streams_opened += 1;
        let level = self.levels.entry(priority).or_insert_with(Level::new);
        level.streams.insert(number, Stream::new(self.latest));
        StreamId { priority, number }
    }

    /// Forgets a stream. Gives back its frames that nobody took.
    pub(crate) fn close(&mut self, id: StreamId) -> impl Iterator<Item = T> + use<T> {
        let level = self.levels.get_mut(&id.priority);
        let closed = level.and_then(|level| level.streams.remove(&id.number));
        closed.into_iter().flat_map(|stream| stream.waiting).map(|(_, frame)| frame)
    }

    /// Puts a frame behind the others of its stream.
    ///
    /// # Panics
    /// When the stream is not open.
    pub(crate) fn push(&mut self, id: StreamId, frame: T) {
        let level = self.levels.get_mut(&id.priority).expect("a stream is open while frames come");
        let clock = level.clock;
        let stream = level.streams.get_mut(&id.number).expect("a stream is open while frames come");
        if stream.waiting.is_empty() {
            stream.reading = stream.reading.max(clock);
        }
        stream.waiting.push_back((self.frames_pushed, frame));
        self.frames_pushed += 1;
    }

    /// How many frames of a stream wait.
    pub(crate) fn waiting(&self, id: StreamId) -> usize {
        self.stream(id).map_or(0, |stream| stream.waiting.len())
    }

    /// Streams of this one's priority and above that have frames waiting or worked on, and this one in any case. Those
    /// below take next to nothing from it.
    pub(crate) fn sharing(&self, id: StreamId) -> usize {
        let streams = self.levels.range(id.priority..).flat_map(|(_, level)| level.streams.iter());
        streams.filter(|(number, stream)| stream.is_busy() || **number == id.number).count()
    }

    /// Takes the first frame of a stream out of turn, if it is such a one. The stream is not charged.
    pub(crate) fn pop_if(&mut self, id: StreamId, such: impl FnOnce(&T) -> bool) -> Option<T> {
        let stream = self.levels.get_mut(&id.priority)?.streams.get_mut(&id.number)?;
        let (_, frame) = stream.waiting.pop_front_if(|(_, frame)| such(frame))?;
        Some(frame)
    }

    /// Takes the frame whose turn it is, and charges its stream. Of the stream that is next, all frames in front that are
    /// `stale` go to `gone`, which uses up no turn.
    pub(crate) fn take(&mut self, stale: impl Fn(&T) -> bool, gone: &mut Vec<T>) -> Option<(T, Charge)> {
        loop {
            let id = self.next()?;
            match self.pop_if(id, &stale) {
                Some(frame) => gone.push(frame),
                None => {
                    self.count_turn(id.priority);
                    return self.levels.get_mut(&id.priority)?.take(id);
                }
            }
        }
    }

    /// Puts right what the frame was charged, now that it is known to have taken `spent`.
    pub(crate) fn done(&mut self, Charge { stream, amount }: Charge, spent: Duration) {
        self.latest = spent;
        let level = self.levels.get_mut(&stream.priority);
        // None: it was closed while its frame was worked on.
        if let Some(stream) = level.and_then(|level| level.streams.get_mut(&stream.number)) {
            stream.working -= 1;
            stream.reading = stream.reading - amount + spent;
            stream.expected = spent;
        }
    }

    /// The stream whose turn it is.
    fn next(&self) -> Option<StreamId> {
        let mut levels = self.levels.iter().rev().filter(|(_, level)| level.is_waiting()).peekable();
        loop {
            let (priority, level) = levels.next()?;
            if level.passed_over + 1 < LOWER_EVERY || levels.peek().is_none() {
                return level.least_served(*priority);
            }
        }
    }

    /// Counts the turn of a stream of this priority, which those above it have left to it.
    fn count_turn(&mut self, priority: i32) {
        let mut lower_waits = false;
        for (of, level) in self.levels.iter_mut().filter(|(_, level)| level.is_waiting()) {
            match of.cmp(&priority) {
                Ordering::Less => lower_waits = true,
                Ordering::Equal => level.passed_over += u32::from(lower_waits),
                Ordering::Greater => level.passed_over = 0,
            }
        }
    }

    fn stream(&self, id: StreamId) -> Option<&Stream<T>> {
        self.levels.get(&id.priority)?.streams.get(&id.number)
    }
}

impl<T> Level<T> {
    fn new() -> Level<T> {
        Level { clock: Duration::ZERO, passed_over: 0, streams: BTreeMap::new() }
    }

    fn is_waiting(&self) -> bool {
        self.waiting().next().is_some()
    }

    /// The streams that have frames waiting.
    fn waiting(&self) -> impl Iterator<Item = (u64, &Stream<T>)> {
        let streams = self.streams.iter().map(|(number, stream)| (*number, stream));
        streams.filter(|(_, stream)| !stream.waiting.is_empty())
    }

    /// The stream with the lowest reading; among equals, the one whose frame has waited longest.
    fn least_served(&self, priority: i32) -> Option<StreamId> {
        let (number, _) = self.waiting().min_by_key(|(_, stream)| (stream.reading, stream.arrival()))?;
        Some(StreamId { priority, number })
    }

    fn take(&mut self, id: StreamId) -> Option<(T, Charge)> {
        let lowest = self.waiting().map(|(_, stream)| stream.reading).min()?;
        self.clock = self.clock.max(lowest);
        let stream = self.streams.get_mut(&id.number)?;
        let (_, frame) = stream.waiting.pop_front()?;
        let amount = stream.expected;
        stream.reading += amount;
        stream.working += 1;
        Some((frame, Charge { stream: id, amount }))
    }
}

impl<T> Stream<T> {
    fn new(expected: Duration) -> Stream<T> {
        Stream { reading: Duration::ZERO, expected, waiting: VecDeque::new(), working: 0 }
    }

    fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || self.working > 0
    }

    /// The number of its first frame, above all others when it has none.
    fn arrival(&self) -> u64 {
        self.waiting.front().map_or(u64::MAX, |(arrival, _)| *arrival)
    }
}

#[cfg(test)]
mod tests;
