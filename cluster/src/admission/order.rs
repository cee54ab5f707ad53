//! Who is next.

use std::time::Duration;

use clap::ValueEnum;

use super::Asking;

/// Who is let in, and in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AdmissionName {
    /// Everybody, at once.
    #[default]
    Open,
    /// As many streams as the workers have cores; first come, first served.
    Fifo,
    /// As many streams as the workers have cores; the highest priority and the largest task first, and whoever has
    /// waited long enough before them.
    Fair,
}

impl AdmissionName {
    /// As on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            AdmissionName::Open => "open",
            AdmissionName::Fifo => "fifo",
            AdmissionName::Fair => "fair",
        }
    }

    /// The order in which streams wait; None: none does.
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

/// The order of those who wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// First come, first served.
    Fifo,
    /// See [`Limit::step`].
    Fair,
}

/// That there is a limit to the streams that are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Who of those who wait is next.
    pub order: Order,
    /// How long a stream waits before it is refused.
    pub max_wait: Duration,
}

/// The range in which steps count: that of the client's `--priority`.
const PRIORITIES: std::ops::RangeInclusive<i32> = -100..=100;
/// Steps between the least and the most that a stream can have: from the lowest priority to the highest, and the 30
/// doublings of a size.
const STEPS: u32 = 230;

/// A place in the order, the lowest first: when a stream would have come to be next, had it no priority, and a number
/// that settles ties by who asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    came_us: i64,
    number: u64,
}

impl Rank {
    /// Of a stream that runs already, which goes before all that wait to begin.
    pub(super) fn running(number: u64) -> Rank {
        Rank { came_us: i64::MIN, number }
    }
}

impl Limit {
    /// What a step of priority is worth: a stream goes before all that came up to this much earlier with one step less. So
    /// the order ages: what has waited longer than the steps between them are worth is not passed any more. All steps
    /// together are worth half of the longest wait. Who has waited for so long is passed by nobody, and nobody starves.
    pub fn step(&self) -> Duration {
        self.max_wait / 2 / STEPS
    }

    /// The rank of a stream that asks at this time since the beginning, as the `number`th.
    pub(super) fn rank(&self, asking: &Asking, at: Duration, number: u64) -> Rank {
        Rank { came_us: micros(at) - micros(asking.waited) - self.head_start_us(steps(asking)), number }
    }

    /// The same for a stream of so many [`steps`] that has `rank` by this limit, by the `next` one.
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

/// A step for each of its priority, and one for each doubling of its size, so that a size is a tie's end and not a
/// number that beats every priority.
pub(super) fn steps(asking: &Asking) -> i32 {
    let priority = asking.priority.clamp(*PRIORITIES.start(), *PRIORITIES.end());
    let size = asking.size.max(1).ilog2();
    priority + i32::try_from(size).expect("the logarithm of an i32 is below 32")
}

/// Of a process's age, or of a wait, of which both are far below the 292,000 years that fit.
fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 4)
}
