//! Decides whose frame is next: streams of one priority get equal parts of the detectors' time, and higher priorities get most of
//! it.
//!
//! Within a priority this is start-time fair queueing (P. Goyal, H. M. Vin and H. Cheng, SIGCOMM 1996): each stream has a
//! reading of how much detector time it has had, and among the streams that have frames waiting the one with the lowest reading
//! is served. A stream that has no frame waiting saves nothing up: when it comes back, it starts where the others are. What a frame
//! costs is known only afterwards, so a stream is charged the time of its last frame first, and the charge is corrected when the
//! true time is known.
//!
//! Between priorities turns are counted: while lower priorities wait, a priority keeps seven of eight turns and leaves the eighth to
//! those below it, among which the highest that waits does the same. So three priorities that always wait get 7/8, 7/64 and 1/64 of
//! the turns. A priority that waits below `k` higher ones gets at least one of any 8^k turns, whenever frames of those come. How many
//! frames wait makes no difference.
//!
//! This module is pure. The only times in it are those that frames took.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

/// A priority leaves one of this many turns to the priorities below it while those wait. An eighth keeps a stream alive that all
/// others precede (three frames a second of a worker that does 25), and leaves nearly all turns to the higher ones.
const LOWER_EVERY: u32 = 8;

/// The priorities that are told apart, which are those that a client offers. A priority beyond them counts as the nearest one.
/// Because they are so few, they can be kept for good: a priority that forgot its turns whenever its last stream closes could pass
/// over the lower ones for ever.
const PRIORITIES: RangeInclusive<i32> = -100..=100;

/// What a frame is charged before any frame was measured. Any time will do, because it is the same for all streams.
const FIRST_CHARGE: Duration = Duration::from_millis(10);

/// Frames of several streams, and the order in which to take them.
#[derive(Debug)]
pub(crate) struct Fair<T> {
    levels: BTreeMap<i32, Level<T>>,
    streams_opened: u64,
    frames_pushed: u64,
    /// The time that the last frame of any stream took.
    latest: Duration,
}

/// The streams of one priority.
#[derive(Debug)]
struct Level<T> {
    /// The lowest reading at the last turn, from which a new stream starts.
    clock: Duration,
    /// The turns that this priority has had, while lower ones waited, since it left one to them.
    passed_over: u32,
    streams: BTreeMap<u64, Stream<T>>,
}

#[derive(Debug)]
struct Stream<T> {
    /// The detector time that the stream has been charged, on top of the clock's reading when it started.
    reading: Duration,
    /// The time that the stream's last frame took, or the last frame of any stream when this one has had none.
    expected: Duration,
    /// The frames that wait, the oldest first.
    waiting: VecDeque<Arrived<T>>,
    /// How many frames of the stream were taken and are not done.
    working: usize,
}

/// A frame with its number among all frames, which counts up as they arrive.
#[derive(Debug)]
struct Arrived<T> {
    number: u64,
    frame: T,
}

/// Names a stream from [`Fair::open`] to [`Fair::close`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamId {
    priority: i32,
    number: u64,
}

/// What a stream was charged for a frame that is worked on, until [`Fair::done`] corrects it.
#[derive(Debug)]
#[must_use = "a charge is corrected when the frame is done"]
pub(crate) struct Charge {
    stream: StreamId,
    amount: Duration,
}

impl<T> Fair<T> {
    pub(crate) fn new() -> Fair<T> {
        Fair { levels: BTreeMap::new(), streams_opened: 0, frames_pushed: 0, latest: FIRST_CHARGE }
    }

    /// Opens a stream. Higher priorities go first.
    pub(crate) fn open(&mut self, priority: i32) -> StreamId {
        let priority = priority.clamp(*PRIORITIES.start(), *PRIORITIES.end());
        let number = self.streams_opened;
        self.streams_opened += 1;
        let level = self.levels.entry(priority).or_insert_with(Level::new);
        level.streams.insert(number, Stream::new(self.latest));
        StreamId { priority, number }
    }

    /// Closes a stream and returns its waiting frames.
    pub(crate) fn close(&mut self, id: StreamId) -> impl Iterator<Item = T> + use<T> {
        let level = self.levels.get_mut(&id.priority);
        let closed = level.and_then(|level| level.streams.remove(&id.number));
        closed.into_iter().flat_map(|stream| stream.waiting).map(|arrived| arrived.frame)
    }

    /// Puts a frame behind the others of its stream.
    ///
    /// # Panics
    /// Panics when the stream is not open.
    pub(crate) fn push(&mut self, id: StreamId, frame: T) {
        let level = self.levels.get_mut(&id.priority).expect("a stream is open while frames come");
        let clock = level.clock;
        let stream = level.streams.get_mut(&id.number).expect("a stream is open while frames come");
        if stream.waiting.is_empty() {
            stream.reading = stream.reading.max(clock);
        }
        stream.waiting.push_back(Arrived { number: self.frames_pushed, frame });
        self.frames_pushed += 1;
    }

    /// How many frames of a stream wait.
    pub(crate) fn waiting(&self, id: StreamId) -> usize {
        self.stream(id).map_or(0, |stream| stream.waiting.len())
    }

    /// The number of streams that share the detectors with this one: those of its priority and above that have frames waiting or
    /// worked on, and this one in any case. Streams of lower priorities take next to nothing from it.
    pub(crate) fn sharing(&self, id: StreamId) -> usize {
        let streams = self.levels.range(id.priority..).flat_map(|(_, level)| level.streams.iter());
        streams.filter(|(number, stream)| stream.is_busy() || **number == id.number).count()
    }

    /// Takes the first frame of a stream out of turn, if the frame satisfies `condition`. The stream is not charged.
    pub(crate) fn pop_if(&mut self, id: StreamId, condition: impl FnOnce(&T) -> bool) -> Option<T> {
        let stream = self.levels.get_mut(&id.priority)?.streams.get_mut(&id.number)?;
        stream.waiting.pop_front_if(|arrived| condition(&arrived.frame)).map(|arrived| arrived.frame)
    }

    /// Takes the frame whose turn it is, and charges its stream. Frames of that stream that are `stale` and come first go to `gone`,
    /// which uses up no turn.
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

    /// Corrects what the stream was charged for a frame, which is now known to have taken `spent`.
    pub(crate) fn done(&mut self, Charge { stream, amount }: Charge, spent: Duration) {
        self.latest = spent;
        let level = self.levels.get_mut(&stream.priority);
        // The stream is gone when it was closed while its frame was worked on.
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

    /// Counts a turn of this priority. Higher priorities that wait have left it to this one, and start to count anew.
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

    /// The streams that have frames waiting, with their numbers.
    fn waiting(&self) -> impl Iterator<Item = (u64, &Stream<T>)> {
        let streams = self.streams.iter().map(|(number, stream)| (*number, stream));
        streams.filter(|(_, stream)| !stream.waiting.is_empty())
    }

    /// The stream with the lowest reading, and among equals the one whose frame has waited longest.
    fn least_served(&self, priority: i32) -> Option<StreamId> {
        let (number, _) = self.waiting().min_by_key(|(_, stream)| (stream.reading, stream.arrival()))?;
        Some(StreamId { priority, number })
    }

    /// Takes the first frame of a stream of this level, and charges the stream.
    fn take(&mut self, id: StreamId) -> Option<(T, Charge)> {
        let lowest = self.waiting().map(|(_, stream)| stream.reading).min()?;
        self.clock = self.clock.max(lowest);
        let stream = self.streams.get_mut(&id.number)?;
        let Arrived { frame, .. } = stream.waiting.pop_front()?;
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

    /// The number of the stream's first waiting frame, or one above all others when none waits.
    fn arrival(&self) -> u64 {
        self.waiting.front().map_or(u64::MAX, |arrived| arrived.number)
    }
}

#[cfg(test)]
mod tests;
