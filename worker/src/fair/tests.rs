use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A frame here is its stream's index and its number in that stream.
type Frame = (usize, u64);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn take<T>(fair: &mut Fair<T>) -> Option<(T, Charge)> {
    let mut gone = Vec::new();
    let taken = fair.take(|_| false, &mut gone);
    assert!(gone.is_empty());
    taken
}

/// Streams that always have frames waiting, before detector threads that are never idle.
struct Machine {
    fair: Fair<Frame>,
    streams: Vec<StreamId>,
    next: Vec<u64>,
    /// The frames that are worked on, by the time at which they are done.
    working: Vec<(Duration, usize, Charge, Duration)>,
    /// The number of frames that were taken of each stream.
    taken: Vec<u64>,
    /// The detector time that each stream's frames have had.
    spent: Vec<Duration>,
    now: Duration,
}

impl Machine {
    fn new() -> Machine {
        Machine {
            fair: Fair::new(),
            streams: Vec::new(),
            next: Vec::new(),
            working: Vec::new(),
            taken: Vec::new(),
            spent: Vec::new(),
            now: Duration::ZERO,
        }
    }

    fn of(priorities: &[i32]) -> Machine {
        let mut machine = Machine::new();
        priorities.iter().for_each(|priority| machine.open(*priority));
        machine
    }

    /// Streams of these priorities that always have this number of frames waiting.
    fn with_queues(streams: &[(i32, usize)]) -> Machine {
        let mut machine = Machine::new();
        for (index, (priority, waiting)) in streams.iter().enumerate() {
            machine.open(*priority);
            (1..*waiting).for_each(|_| machine.push(index));
        }
        machine
    }

    fn open(&mut self, priority: i32) {
        let stream = self.fair.open(priority);
        self.fill(stream);
    }

    fn fill(&mut self, stream: StreamId) {
        let index = self.streams.len();
        self.streams.push(stream);
        self.next.push(0);
        self.taken.push(0);
        self.spent.push(Duration::ZERO);
        self.push(index);
    }

    fn push(&mut self, index: usize) {
        self.fair.push(self.streams[index], (index, self.next[index]));
        self.next[index] += 1;
    }

    /// Gives one of `threads` threads a turn, and returns the stream that had it.
    fn turn(&mut self, threads: usize, cost: impl Fn(Frame) -> Duration) -> usize {
        if self.working.len() == threads {
            let first = (0..threads).min_by_key(|n| self.working[*n].0).unwrap();
            let (end, index, charge, cost) = self.working.swap_remove(first);
            self.now = end;
            self.fair.done(charge, cost);
            self.spent[index] += cost;
        }
        let (frame, charge) = take(&mut self.fair).unwrap();
        let (index, number) = frame;
        assert_eq!(number, self.taken[index], "first in, first out");
        self.working.push((self.now + cost(frame), index, charge, cost(frame)));
        self.taken[index] += 1;
        self.push(index);
        index
    }

    /// Gives a single thread a number of turns, and returns the streams that had them.
    fn run(&mut self, turns: u64) -> Vec<usize> {
        (0..turns).map(|_| self.turn(1, |_| ms(10))).collect()
    }
}

fn spread<N: Ord + Copy + std::ops::Sub<Output = N>>(values: &[N]) -> N {
    *values.iter().max().unwrap() - *values.iter().min().unwrap()
}

#[test]
fn equal_streams_are_never_more_than_one_frame_apart() {
    for (streams, threads) in [(2, 1), (3, 1), (5, 2), (2, 4)] {
        let mut machine = Machine::of(&vec![0; streams]);
        for _ in 0..200 {
            machine.turn(threads, |_| ms(7));
            assert!(spread(&machine.taken) <= 1, "{streams} streams, {threads} threads: {:?}", machine.taken);
        }
    }
}

#[test]
fn a_stream_with_expensive_frames_gets_no_more_time() {
    let mut machine = Machine::of(&[0, 0]);
    for _ in 0..400 {
        machine.turn(1, |(index, _)| ms([10, 30][index]));
        assert!(spread(&machine.spent) <= ms(40), "{:?}", machine.spent);
    }
    assert!(machine.taken[0].abs_diff(machine.taken[1] * 3) <= 4, "{:?}", machine.taken);
}

#[test]
fn a_higher_priority_gets_seven_frames_of_eight() {
    let mut machine = Machine::of(&[0, 5, 0]);
    let turns = machine.run(80);
    for eight in turns.chunks(8) {
        assert_eq!(eight.iter().filter(|index| **index == 1).count(), 7, "{turns:?}");
    }
    assert_eq!(machine.taken, [5, 70, 5]);
}

#[test]
fn a_longer_queue_below_a_busy_priority_is_no_longer_part() {
    let mut machine = Machine::with_queues(&[(1, 16), (0, 16), (0, 1)]);
    machine.run(800);
    assert_eq!(machine.taken, [700, 50, 50]);
    let mut machine = Machine::with_queues(&[(2, 16), (1, 2), (0, 16)]);
    machine.run(640);
    assert_eq!(machine.taken, [560, 70, 10]);
}

#[test]
fn a_turn_that_a_lower_priority_cannot_use_is_kept_for_it() {
    let mut fair = Fair::new();
    let (high, low) = (fair.open(1), fair.open(0));
    let mut gone = Vec::new();
    let mut turn = |frames: &[&str]| {
        fair.push(high, "high".to_owned());
        frames.iter().for_each(|frame| fair.push(low, (*frame).to_owned()));
        let (frame, charge) = fair.take(|frame| frame == "stale", &mut gone).unwrap();
        fair.done(charge, ms(10));
        frame
    };
    assert_eq!(turn(&["stale"]), "high");
    (2..8).for_each(|_| assert_eq!(turn(&[]), "high"));
    assert_eq!(turn(&[]), "high", "the other is stale");
    assert_eq!(turn(&["fresh", "fresh"]), "fresh");
    assert_eq!(turn(&[]), "high");
    assert_eq!(gone, ["stale"]);
}

#[test]
fn turns_while_nobody_else_waits_do_not_count() {
    let mut machine = Machine::of(&[1]);
    machine.run(20);
    machine.open(0);
    assert_eq!(machine.run(8), [0, 0, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn priorities_beyond_the_range_are_its_ends() {
    let mut fair = Fair::new();
    for priority in (-1000..1000).chain([i32::MIN, i32::MAX]) {
        let stream = fair.open(priority);
        fair.push(stream, priority);
        assert_eq!(take(&mut fair).unwrap().0, priority);
        assert_eq!(fair.close(stream).count(), 0);
    }
    assert_eq!(fair.levels.len(), PRIORITIES.count());
}

#[test]
fn a_stream_that_comes_late_is_served_at_once_and_gets_no_more_than_its_part() {
    for threads in [1, 3] {
        let mut machine = Machine::of(&[0, 0]);
        // This stream was there from the start, but sent nothing.
        let idle = machine.fair.open(0);
        for _ in 0..500 {
            machine.turn(threads, |_| ms(10));
        }
        machine.open(0);
        machine.fill(idle);
        let turns: Vec<usize> = (0..80).map(|_| machine.turn(threads, |_| ms(10))).collect();
        for late in [2, 3] {
            let first = turns.iter().position(|index| *index == late).unwrap();
            assert!(first < 4 + threads, "{threads} threads: {turns:?}");
            assert!(machine.taken[late].abs_diff(20) <= 1 + threads as u64, "{threads} threads: {turns:?}");
        }
    }
}

#[test]
fn stale_frames_go_at_once_and_use_up_no_turn() {
    let mut fair = Fair::new();
    let streams = [fair.open(0), fair.open(0)];
    for frame in [(0, 0), (0, 1), (0, 2), (1, 0), (0, 3)] {
        fair.push(streams[frame.0], frame);
    }
    let mut gone = Vec::new();
    let stale = |(index, number): &Frame| *index == 0 && *number < 2;
    let mut order = Vec::new();
    while let Some((frame, charge)) = fair.take(stale, &mut gone) {
        order.push(frame);
        fair.done(charge, ms(10));
    }
    assert_eq!(gone, [(0, 0), (0, 1)]);
    // The first turn is still theirs, unless another frame has waited longer than the first that is fresh.
    assert_eq!(order, [(0, 2), (1, 0), (0, 3)]);
}

#[test]
fn a_closed_stream_gives_back_what_waits_and_its_last_frame_may_still_be_done() {
    let mut fair = Fair::new();
    let (gone, stays) = (fair.open(1), fair.open(0));
    (0..3).for_each(|number| fair.push(gone, number));
    fair.push(stays, 9);
    let (_, charge) = take(&mut fair).unwrap();
    assert_eq!(fair.close(gone).collect::<Vec<_>>(), [1, 2]);
    fair.done(charge, ms(10));
    assert_eq!(take(&mut fair).map(|(frame, _)| frame), Some(9));
    assert_eq!(fair.close(gone).count(), 0);
    assert!(take(&mut fair).is_none());
}

#[test]
fn streams_share_while_their_frames_wait_or_are_worked_on() {
    let mut fair = Fair::new();
    let (first, second, third) = (fair.open(0), fair.open(1), fair.open(0));
    assert_eq!([fair.sharing(first), fair.sharing(third)], [1, 1]);
    fair.push(first, 0);
    fair.push(second, 0);
    assert_eq!([fair.sharing(first), fair.sharing(second), fair.sharing(third)], [2, 1, 3]);
    let (_, charge) = take(&mut fair).unwrap();
    assert_eq!(fair.sharing(first), 2, "one of them is worked on");
    fair.done(charge, ms(10));
    assert_eq!(fair.sharing(first), 1);
}

#[test]
fn a_stream_does_not_share_with_those_of_lower_priority() {
    let mut fair = Fair::new();
    let (low, high) = (fair.open(0), fair.open(1));
    fair.push(low, 0);
    fair.push(high, 1);
    assert_eq!([fair.sharing(low), fair.sharing(high)], [2, 1]);
}

proptest! {
    /// Theorem 1 of Goyal, Vin and Cheng holds in every priority and however many frames wait, also for frames whose cost is known only
    /// when they are done, and for several threads.
    #[test]
    fn streams_of_a_priority_that_always_wait_get_equal_time_whatever_their_frames_cost(
        streams in vec((0..3_i32, 1..17_usize), 2..8),
        threads in 1..5_usize,
        costs in vec(1..=30_u64, 1..20),
    ) {
        let most = ms(*costs.iter().max().unwrap());
        let limit = most * 2 * (threads as u32 + 1);
        let mut machine = Machine::with_queues(&streams);
        for _ in 0..300 {
            machine.turn(threads, |(index, number)| ms(costs[(index * 7 + number as usize) % costs.len()]));
            for (priority, _) in &streams {
                let equals = (0..streams.len()).filter(|index| streams[*index].0 == *priority);
                let spent: Vec<Duration> = equals.map(|index| machine.spent[index]).collect();
                prop_assert!(spread(&spent) <= limit, "{:?} apart by more than {limit:?}", spent);
            }
        }
    }

    #[test]
    fn each_priority_that_always_waits_gets_seven_eighths_of_what_those_above_leave(
        streams in vec((0..4_i32, 1..17_usize), 1..8),
        turns in 0..1500_u64,
    ) {
        let mut machine = Machine::with_queues(&streams);
        machine.run(turns);
        let mut taken = BTreeMap::new();
        for ((priority, _), frames) in streams.iter().zip(&machine.taken) {
            *taken.entry(*priority).or_insert(0) += frames;
        }
        let mut left = turns;
        while let Some((_, frames)) = taken.pop_last() {
            let below = if taken.is_empty() { 0 } else { left / u64::from(LOWER_EVERY) };
            prop_assert_eq!(frames, left - below);
            left = below;
        }
    }

    /// A priority that always waits gets its turns, whenever frames of two priorities above it come and their streams close.
    #[test]
    fn nobody_starves(steps in vec((1..4_u8, 0..4_u8), 0..400)) {
        let mut fair = Fair::new();
        let low = fair.open(0);
        let mut above = [fair.open(1), fair.open(2)];
        let mut since = 0;
        for (pushes, closes) in steps {
            for (n, stream) in above.iter_mut().enumerate() {
                if closes >> n & 1 == 1 {
                    fair.close(*stream).for_each(drop);
                    *stream = fair.open(n as i32 + 1);
                }
                if pushes >> n & 1 == 1 {
                    fair.push(*stream, "above");
                }
            }
            fair.push(low, "low");
            let (frame, charge) = take(&mut fair).unwrap();
            fair.done(charge, ms(10));
            since = if frame == "low" { 0 } else { since + 1 };
            prop_assert!(since < LOWER_EVERY.pow(2), "{since} turns without one");
        }
    }

    #[test]
    fn nothing_is_lost_or_comes_twice_or_overtakes(
        priorities in vec(0..3_i32, 1..6),
        deeds in vec((0..5_u8, 0..6_usize, 0..50_u64), 0..200),
    ) {
        let mut fair = Fair::new();
        let mut streams: Vec<StreamId> = priorities.iter().map(|priority| fair.open(*priority)).collect();
        let (mut pushed, mut gone, mut charges) = (0_u64, Vec::new(), Vec::new());
        for (deed, which, number) in deeds {
            let which = which % streams.len();
            match deed {
                0 | 1 => {
                    fair.push(streams[which], (streams[which], pushed));
                    pushed += 1;
                }
                2 => {
                    let stale = |(_, frame): &(StreamId, u64)| frame % 5 == 0;
                    let taken = fair.take(stale, &mut gone);
                    charges.extend(taken.map(|(frame, charge)| { gone.push(frame); charge }));
                }
                3 if !charges.is_empty() => fair.done(charges.swap_remove(which % charges.len()), ms(number)),
                3 => gone.extend(fair.pop_if(streams[which], |_| true)),
                _ => {
                    gone.extend(fair.close(streams[which]));
                    streams[which] = fair.open(priorities[which]);
                }
            }
            let waiting: usize = streams.iter().map(|stream| fair.waiting(*stream)).sum();
            prop_assert_eq!(waiting + gone.len(), pushed as usize);
        }
        while let Some((frame, charge)) = take(&mut fair) {
            gone.push(frame);
            fair.done(charge, ms(1));
        }
        let mut last = BTreeMap::new();
        for (stream, frame) in &gone {
            prop_assert!(last.insert(*stream, *frame).is_none_or(|before| before < *frame), "{:?}", gone);
        }
        let mut frames: Vec<u64> = gone.iter().map(|(_, frame)| *frame).collect();
        frames.sort_unstable();
        prop_assert_eq!(frames, (0..pushed).collect::<Vec<_>>());
    }
}
