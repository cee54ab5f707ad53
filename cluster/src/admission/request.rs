//! What a stream that asks for a slot says, and what it is answered.

use std::time::Duration;

use facefleet_proto::{StreamLeaseId, WorkerId};

/// A stream that asks for a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotRequest {
    /// Which stream asks.
    pub stream: StreamLeaseId,
    /// The detector that the worker of the slot must offer; None: any will do.
    pub detector: Option<String>,
    /// A higher priority goes first.
    pub priority: i32,
    /// A larger stream goes first.
    pub size: i32,
    /// For how long the stream has waited already, at other masters or in calls that ended without an answer.
    pub waited: Duration,
}

/// The answer to a stream that asks for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotAnswer {
    /// The stream has a slot.
    Placed(Place),
    /// The stream waits: [`Admission::admit`](super::Admission::admit) will name the ticket.
    Waits(Ticket),
    /// No worker in service offers what the stream asks for, so there is nothing to wait for.
    Nobody,
    /// [`MAX_WAITING`](super::MAX_WAITING) streams wait.
    Full,
}

/// A slot that a stream holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which stream holds the slot.
    pub stream: StreamLeaseId,
    /// The worker that offers the slot.
    pub worker: WorkerId,
    /// How long the stream keeps the slot if nobody names it.
    pub ttl: Duration,
}

/// One call that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(super) u64);
