//! Who may use the cluster now, and who waits. Pure: time is an argument.
//!
//! A *slot* is one stream's full use of one core, and a worker offers as many as it has detector threads: a detector
//! works on one frame at a time, so a cluster with as many streams as cores gives each of them one core's work, and one
//! more would slow down all. Fewer streams share what is idle: whoever holds a slot may send frames to every worker, and
//! the slot says only that it counts.
//!
//! A slot is held under a lease, whose number the client has chosen, so that a question that is asked again (by a
//! client that did not get the answer, or of another master) is the same stream. Workers name the leases of the streams
//! that they have open in their heartbeats, and a lease that nobody names ends. When a worker is gone, its slots are gone:
//! the streams that held them go on where they run, and are the first to get other slots.

mod order;
mod queue;
mod slots;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use facefleet_proto::WorkerId;

use order::Rank;
pub use order::{AdmissionName, Limit, Order};
use queue::Queue;
use slots::Slots;

/// How long a lease lasts that was named once and is named no more: the time in which a client that lost all its workers at
/// once finds out (2 s, see the client's `lane.rs`) and asks again, and that the next heartbeat takes.
pub const NAMED_TTL: Duration = Duration::from_secs(5);
/// How long a lease lasts that nobody has named yet. An old client and an old worker never name any, and say nothing
/// either when a stream ends: less would let others in while most such streams run, and more would keep a slot for
/// longer from those who wait.
pub const UNNAMED_TTL: Duration = Duration::from_secs(30);
/// For how long a master that has just started lets nobody begin: within this time the workers that it had in an earlier
/// life have joined again, and named the streams that run.
pub const SETTLES_WITHIN: Duration = Duration::from_secs(3);
/// Heartbeats that may be lost before a lease ends, as for a worker itself.
const MISSED_BEATS: u32 = 3;
/// Most streams that wait for a slot. Each has a call open.
pub const MAX_WAITING: usize = 10_000;
/// Most streams that are known, those that have a slot and those that workers name included.
const MAX_STREAMS: usize = 100_000;

/// Names a stream's place, for as long as the stream lives.
pub type LeaseId = u64;

/// One call that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// A stream that asks for a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// The number that its client has chosen; None from an old client, each of whose questions is a stream.
    pub lease: Option<LeaseId>,
    /// What the worker of the slot must offer; None: any will do.
    pub detector: Option<String>,
    /// Higher goes first.
    pub priority: i32,
    /// Larger goes first.
    pub size: i32,
    /// For how long it has waited already, at other masters or in calls that ended without an answer.
    pub waited: Duration,
}

/// What a stream that asks is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has a slot.
    Placed(Place),
    /// It waits: [`Admission::admit`] will name the ticket.
    Waits(Ticket),
    /// No worker that is in service offers what it asks for, so that there is nothing to wait for.
    Nobody,
    /// [`MAX_WAITING`] streams wait.
    Full,
}

/// A slot that a stream holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Under which lease.
    pub lease: LeaseId,
    /// Whose slot it is.
    pub worker: WorkerId,
    /// How long it lasts if nobody names it.
    pub ttl: Duration,
}

/// Slots, the streams that hold them, and those that want one.
#[derive(Debug)]
pub struct Admission {
    limit: Limit,
    start: Instant,
    slots: Slots,
    streams: HashMap<LeaseId, Stream>,
    queue: Queue,
    /// The calls that wait, or have not heard yet that they need not any more.
    tickets: HashMap<Ticket, LeaseId>,
    /// Those that are to be told.
    called: Vec<Ticket>,
    /// Of the next rank or ticket.
    next_number: u64,
    /// The lease of the next stream that has chosen none.
    next_lease: LeaseId,
}

#[derive(Debug)]
struct Stream {
    rank: Rank,
    /// What its rank comes of, beside the time: see [`Limit::step`].
    steps: i32,
    detector: Option<String>,
    state: State,
    /// Of its calls, mostly one. While masters come and go, the same question may come by two ways for a moment, and which of
    /// them goes away is not known.
    tickets: Vec<Ticket>,
    /// Whether one of them was told of the slot that it has. The others do not take it along when they end.
    is_told: bool,
    /// Whether a worker has named it.
    is_named: bool,
    until: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Wants,
    Has(WorkerId),
    /// Remembered for a while, so that a heartbeat that was on its way does not bring it back.
    Ended,
}

impl Admission {
    /// Nobody offers anything yet. Calls, and streams that choose no lease, get numbers from `first` on.
    pub fn new(limit: Limit, first: u64, now: Instant) -> Admission {
        let (slots, streams, queue, tickets, called) = Default::default();
        Admission {
            limit,
            start: now,
            slots,
            streams,
            queue,
            tickets,
            called,
            next_number: first,
            next_lease: first.max(1),
        }
    }

    /// A worker is in service and offers so many slots. If they are fewer than before, who came last loses its own.
    pub fn offer(&mut self, worker: WorkerId, slots: u32, detectors: &[String]) {
        self.slots.offer(worker, slots, detectors);
        let too_many = self.slots.excess(worker);
        if too_many == 0 {
            return;
        }
        let mut holders: Vec<LeaseId> = self.slots.holders(worker).collect();
        holders.sort_unstable_by_key(|lease| self.streams[lease].rank);
        for lease in holders.split_off(holders.len() - too_many) {
            self.slots.give_back(worker, lease);
            self.displace(lease);
        }
    }

    /// A worker is in service no more.
    pub fn withdraw(&mut self, worker: WorkerId) {
        self.slots.withdraw(worker).into_iter().for_each(|lease| self.displace(lease));
    }

    /// A stream asks for a slot, or again, for more workers, under the one that it holds.
    pub fn ask(&mut self, asking: Asking, now: Instant) -> Answer {
        let lease = asking.lease.unwrap_or_else(|| {
            self.next_lease += 1;
            self.next_lease - 1
        });
        let known = self.streams.get_mut(&lease).filter(|stream| stream.state != State::Ended);
        let is_known = known.is_some();
        let has_slot = known.as_ref().is_some_and(|stream| matches!(stream.state, State::Has(_)));
        // Its client is there, and its turn stays its own, also while there is nobody to take it.
        known.into_iter().for_each(|stream| stream.renew(now));
        if !has_slot && !self.slots.has(asking.detector.as_deref()) {
            return Answer::Nobody;
        }
        if !is_known {
            let number = self.number();
            let rank = self.limit.rank(&asking, now.saturating_duration_since(self.start), number);
            self.begin(lease, rank, order::steps(&asking), asking.detector, now);
        }
        self.fill(now);
        let stream = self.streams.get_mut(&lease).expect("it was there or has just begun");
        match stream.state {
            State::Has(worker) => {
                stream.is_told = true;
                Answer::Placed(Place { lease, worker, ttl: stream.ttl() })
            }
            State::Wants | State::Ended if !is_known && self.queue.len() > MAX_WAITING => {
                self.forget(lease);
                Answer::Full
            }
            State::Wants | State::Ended => Answer::Waits(self.ticket(lease)),
        }
    }

    /// Gives free slots to those who are next. Returns the calls that have waited for one: each is to be told, and then to
    /// [collect](Admission::collect). To be called after whatever may have freed a slot.
    pub fn admit(&mut self, now: Instant) -> Vec<Ticket> {
        self.fill(now);
        std::mem::take(&mut self.called)
    }

    /// The slot that a call has waited for. None: it was lost again, with its worker, and the call waits on.
    pub fn collect(&mut self, ticket: Ticket, now: Instant) -> Option<Place> {
        let lease = self.tickets.get(&ticket).copied()?;
        let stream = self.streams.get_mut(&lease).expect("a stream has its ticket until it is forgotten");
        let State::Has(worker) = stream.state else { return None };
        stream.tickets.retain(|other| *other != ticket);
        stream.is_told = true;
        stream.renew(now);
        let ttl = stream.ttl();
        self.tickets.remove(&ticket);
        Some(Place { lease, worker, ttl })
    }

    /// A call that waits, or was called and has not collected, is over: its client is gone or has waited long enough.
    pub fn cancel(&mut self, ticket: Ticket) {
        let Some(lease) = self.tickets.remove(&ticket) else { return };
        let stream = self.streams.get_mut(&lease).expect("a stream has its ticket until it is forgotten");
        stream.tickets.retain(|other| *other != ticket);
        // One that workers name has been running, and ends when they name it no more.
        if stream.tickets.is_empty() && !stream.is_told && !stream.is_named {
            self.forget(lease);
        }
    }

    /// A worker has a stream open under this lease; it beats this often. One that is not known began under another life
    /// of the master, or lost its slot, and takes one of that worker's, if one is free.
    pub fn name(&mut self, lease: LeaseId, worker: WorkerId, interval: Duration, now: Instant) {
        if !self.streams.contains_key(&lease) {
            if self.streams.len() >= MAX_STREAMS {
                return;
            }
            let rank = Rank::running(self.number());
            self.begin(lease, rank, 0, None, now);
        }
        let stream = self.streams.get_mut(&lease).expect("it was there or has just begun");
        if stream.state == State::Ended {
            return;
        }
        let until = now + NAMED_TTL.max(interval * MISSED_BEATS);
        stream.until = if stream.is_named { stream.until.max(until) } else { until };
        stream.is_named = true;
        if stream.state == State::Wants && self.slots.take_of(worker, lease) {
            stream.state = State::Has(worker);
            self.queue.remove(stream.detector.as_deref(), stream.rank);
            self.called.extend(&stream.tickets);
        }
    }

    /// A stream has ended.
    pub fn end(&mut self, lease: LeaseId, now: Instant) {
        if self.streams.contains_key(&lease) {
            self.vacate(lease);
            let stream = self.streams.get_mut(&lease).expect("it is there");
            (stream.state, stream.until) = (State::Ended, now + NAMED_TTL);
            for ticket in stream.tickets.drain(..) {
                self.tickets.remove(&ticket);
            }
        }
    }

    /// Ends the leases that nobody has named in time. To be called a few times a second.
    pub fn expire(&mut self, now: Instant) {
        let is_over = |stream: &Stream| stream.tickets.is_empty() && stream.until <= now;
        let over: Vec<LeaseId> = self.streams.iter().filter(|(_, stream)| is_over(stream)).map(|(id, _)| *id).collect();
        over.into_iter().for_each(|lease| self.forget(lease));
    }

    /// Nobody can be heard, so no lease ends. To be called as often as [`Admission::expire`].
    pub fn hold(&mut self, now: Instant) {
        self.streams.values_mut().filter(|stream| stream.state != State::Ended).for_each(|stream| stream.renew(now));
    }

    /// Whoever waits does so by this limit from now on.
    pub fn set_limit(&mut self, limit: Limit) {
        for (lease, stream) in &mut self.streams {
            let rank = self.limit.rank_by(&limit, stream.rank, stream.steps);
            if stream.state == State::Wants {
                self.queue.remove(stream.detector.as_deref(), stream.rank);
                self.queue.insert(stream.detector.as_deref(), rank, *lease);
            }
            stream.rank = rank;
        }
        self.limit = limit;
    }

    /// Everybody is let in from now on. Returns the calls that wait: each is to be told.
    pub fn close(self) -> Vec<Ticket> {
        self.tickets.into_keys().collect()
    }

    /// Whether a call waits, or was called and has not collected.
    pub fn is_waiting(&self, ticket: Ticket) -> bool {
        self.tickets.contains_key(&ticket)
    }

    /// All numbers that it has given are below.
    pub fn next_number(&self) -> u64 {
        self.next_number.max(self.next_lease) + 1
    }

    /// In which order slots are given.
    pub fn order(&self) -> Order {
        self.limit.order
    }

    /// How many streams want a slot and have none.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// How many slots the worker offers, and how many of them are taken.
    pub fn slots(&self, worker: WorkerId) -> (u32, u32) {
        self.slots.of(worker)
    }

    /// Gives free slots to those who are next.
    fn fill(&mut self, now: Instant) {
        if now.saturating_duration_since(self.start) < SETTLES_WITHIN {
            return;
        }
        loop {
            let mut heads = self.queue.heads().into_iter();
            let next = heads.find_map(|(_, lease, detector)| Some((lease, self.slots.take(detector, lease)?)));
            let Some((lease, worker)) = next else { return };
            let stream = self.streams.get_mut(&lease).expect("who is in the queue is known");
            stream.state = State::Has(worker);
            self.queue.remove(stream.detector.as_deref(), stream.rank);
            self.called.extend(&stream.tickets);
        }
    }

    fn begin(&mut self, lease: LeaseId, rank: Rank, steps: i32, detector: Option<String>, now: Instant) {
        let until = now + UNNAMED_TTL;
        self.queue.insert(detector.as_deref(), rank, lease);
        let (state, tickets) = (State::Wants, Vec::new());
        let stream = Stream { rank, steps, detector, state, tickets, is_told: false, is_named: false, until };
        self.streams.insert(lease, stream);
    }

    /// Takes its slot, or its place in the queue, from a stream.
    fn vacate(&mut self, lease: LeaseId) {
        let stream = &self.streams[&lease];
        match stream.state {
            State::Has(worker) => self.slots.give_back(worker, lease),
            State::Wants => self.queue.remove(stream.detector.as_deref(), stream.rank),
            State::Ended => {}
        }
    }

    fn forget(&mut self, lease: LeaseId) {
        self.vacate(lease);
        for ticket in self.streams.remove(&lease).into_iter().flat_map(|stream| stream.tickets) {
            self.tickets.remove(&ticket);
        }
    }

    /// The slot of a stream is gone.
    fn displace(&mut self, lease: LeaseId) {
        let stream = self.streams.get_mut(&lease).expect("who holds a slot is known");
        (stream.state, stream.is_told) = (State::Wants, false);
        self.queue.insert(stream.detector.as_deref(), stream.rank, lease);
    }

    /// A ticket for one more call of the stream.
    fn ticket(&mut self, lease: LeaseId) -> Ticket {
        let ticket = Ticket(self.number());
        let stream = self.streams.get_mut(&lease).expect("only a known stream gets a ticket");
        stream.tickets.push(ticket);
        self.tickets.insert(ticket, lease);
        ticket
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }
}

impl Stream {
    /// How long it lasts from a sign of its client on.
    fn ttl(&self) -> Duration {
        if self.is_named { NAMED_TTL } else { UNNAMED_TTL }
    }

    /// Its client is there.
    fn renew(&mut self, now: Instant) {
        self.until = self.until.max(now + self.ttl());
    }
}

#[cfg(test)]
mod tests;
