//! The order in which streams are let in.

use std::time::Duration;

use clap::ValueEnum;

use super::request::SlotRequest;

/// Which streams are let in, and in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AdmissionName {
    /// Every stream, at once.
    #[default]
    Open,
    /// As many streams as the workers have cores; first come, first served.
    Fifo,
    /// As many streams as the workers have cores; the highest priority and the largest task first, but a stream that has waited
    /// long enough goes before them.
    Fair,
}

impl AdmissionName {
    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            AdmissionName::Open => "open",
            AdmissionName::Fifo => "fifo",
            AdmissionName::Fair => "fair",
        }
    }

    /// The order in which streams wait; None: no stream has to.
    pub fn order(self) -> Option<Order> {
        match self {
            AdmissionName::Open => None,
            AdmissionName::Fifo => Some(Order::Fifo),
            AdmissionName::Fair => Some(Order::Fair),
        }
    }
}

impl From<Order> for AdmissionName {
    fn from(order: Order) -> AdmissionName {
        match order {
            Order::Fifo => AdmissionName::Fifo,
            Order::Fair => AdmissionName::Fair,
        }
    }
}

/// The order of the streams that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// First come, first served.
    Fifo,
    /// The highest priority and the largest task first, with ageing: see [`Limit::step`].
    Fair,
}

/// How streams wait where not all are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Which of the streams that wait is next.
    pub order: Order,
    /// How long a stream waits before it is refused.
    pub max_wait: Duration,
}

/// The range in which priorities count, which is the range of the client's `--priority`.
const PRIORITIES: std::ops::RangeInclusive<i32> = -100..=100;
/// Steps between the least and the most that a stream can have: from the lowest priority to the highest, and the 30
/// doublings of a size.
const STEPS: u32 = 230;

/// A place in the order, the lowest first: the time at which a stream without priority would have to come for the same place, and
/// a number that settles ties in favour of the stream that asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    came_us: i64,
    number: u64,
}

impl Rank {
    /// The rank of a stream that runs already, which goes before all that wait to begin.
    pub(super) fn running(number: u64) -> Rank {
        Rank { came_us: i64::MIN, number }
    }
}

impl Limit {
    /// What a step of priority is worth: a stream goes before all that came up to this much earlier with one step less.
    ///
    /// So the order ages: a stream that has waited for longer than the steps between it and another are worth is not passed by
    /// the other any more. All steps together are worth half of the longest wait. A stream that has waited for so long is passed
    /// by no other, so none starves.
    pub fn step(&self) -> Duration {
        self.max_wait / 2 / STEPS
    }

    /// The rank of a stream that asks when the admission has lasted for `at`. `number` counts the streams.
    pub(super) fn rank(&self, request: &SlotRequest, at: Duration, number: u64) -> Rank {
        Rank { came_us: micros(at) - micros(request.waited) - self.head_start_us(steps(request)), number }
    }

    /// The rank by the `next` limit of a stream with so many [`steps`] that has `rank` by this one.
    pub(super) fn rank_by(&self, next: &Limit, rank: Rank, steps: i32) -> Rank {
        let came_us = rank.came_us.saturating_add(self.head_start_us(steps) - next.head_start_us(steps));
        Rank { came_us, ..rank }
    }

    fn head_start_us(&self, steps: i32) -> i64 {
        match self.order {
            Order::Fifo => 0,
            Order::Fair => micros(self.step()) * i64::from(steps),
        }
    }
}

/// The steps of priority that a stream has: one for each unit of its priority, and one for each doubling of its size. So a size
/// settles ties, and does not beat every priority.
pub(super) fn steps(request: &SlotRequest) -> i32 {
    let priority = request.priority.clamp(*PRIORITIES.start(), *PRIORITIES.end());
    let size = request.size.max(1).ilog2();
    priority + i32::try_from(size).expect("the logarithm of an i32 is below 32")
}

/// Microseconds of a process's age or of a wait, which are both far below the 292,000 years that fit.
fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 4)
}
