//! Admission: which streams may use the cluster now, and which wait.
//!
//! A *slot* is one stream's full use of one core, and a worker offers as many slots as it has detector threads. A detector works
//! on one frame at a time, so a cluster with as many streams as cores gives each of them one core's work, and one more would
//! slow down all. Fewer streams share what is idle: a stream that holds a slot may send frames to every worker, and the slot
//! only says that it counts.
//!
//! A slot is held under the [number of the stream](crate::stream_lease), so that a question that is asked again (by a client
//! that did not get the answer, or at another master) comes from the same stream. Workers name the streams that they have open
//! in their heartbeats, and a stream that nobody names loses its slot. When a worker is gone, its slots are gone: the streams
//! that held them go on where they run, and are the first to get other slots.

mod order;
mod queue;
mod request;
mod slots;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use facefleet_proto::{StreamLeaseId, WorkerId};

use order::Rank;
pub use order::{AdmissionName, Limit, Order};
use queue::{Head, Queue};
pub use request::{Place, SlotAnswer, SlotRequest, Ticket};
pub use slots::SlotCount;
use slots::Slots;

/// How long a stream keeps its slot that was named once and is named no more. Within this time a client that lost all its
/// workers at once finds out (2 s, see the client's `lane.rs`) and asks again, and the next heartbeat names its stream.
pub const NAMED_TTL: Duration = Duration::from_secs(5);
/// How long a stream keeps its slot that nobody has named yet. Old clients and old workers never name a stream, nor do they say
/// when it ends: less time would let others in while most such streams still run, and more would keep slots for longer from
/// those that wait.
pub const UNNAMED_TTL: Duration = Duration::from_secs(30);
/// How long a master that has just started lets nobody begin. Within this time the workers of its earlier life have joined
/// again, and named the streams that run.
pub const SETTLES_WITHIN: Duration = Duration::from_secs(3);
/// Heartbeats that may be lost before a stream loses its slot; a worker itself is lost after as many.
const MISSED_BEATS: u32 = 3;
/// Most streams that wait for a slot. Each has a call open.
pub const MAX_WAITING: usize = 10_000;
/// Most streams that are known: those that wait, those that have a slot, and those that workers name.
const MAX_STREAMS: usize = 100_000;

/// Slots, the streams that hold them, and those that want one.
#[derive(Debug)]
pub struct Admission {
    limit: Limit,
    start: Instant,
    slots: Slots,
    streams: HashMap<StreamLeaseId, Stream>,
    queue: Queue,
    /// The calls that wait, or have a slot to collect, and the stream of each.
    tickets: HashMap<Ticket, StreamLeaseId>,
    /// The calls that have got a slot since [`Admission::admit`].
    called: Vec<Ticket>,
    /// Counts ranks and tickets.
    next_number: u64,
}

#[derive(Debug)]
struct Stream {
    rank: Rank,
    /// The steps of priority, from which the rank follows together with the time: see [`Limit::step`].
    steps: i32,
    detector: Option<String>,
    state: State,
    /// The tickets of the stream's calls, mostly one. While masters come and go, the same question may arrive in two ways for a
    /// moment, and nobody knows which of the two will go away.
    tickets: Vec<Ticket>,
    /// Whether one of the calls has got the slot. The others do not take it along when they end.
    is_answered: bool,
    /// Whether a worker has named the stream.
    is_named: bool,
    /// When the stream is forgotten.
    until: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Wants,
    Has(WorkerId),
    /// The stream is over. It is remembered for a while, so that a heartbeat that was on its way does not bring it back.
    Ended,
}

impl Admission {
    /// An admission to which no worker has offered slots yet. Tickets get numbers above `last_number`.
    pub fn new(limit: Limit, last_number: u64, now: Instant) -> Admission {
        Admission {
            limit,
            start: now,
            slots: Slots::default(),
            streams: HashMap::new(),
            queue: Queue::default(),
            tickets: HashMap::new(),
            called: Vec::new(),
            next_number: last_number,
        }
    }

    /// A worker is in service and offers so many slots. If they are fewer than before, the streams that came last lose theirs.
    pub fn offer(&mut self, worker: WorkerId, slots: u32, detectors: &[String]) {
        self.slots.offer(worker, slots, detectors);
        let too_many = self.slots.excess(worker);
        if too_many == 0 {
            return;
        }
        let mut holders: Vec<StreamLeaseId> = self.slots.holders(worker).collect();
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

    /// Asks for a slot for a stream. A stream that holds one asks again when it needs more workers.
    pub fn ask(&mut self, request: SlotRequest, now: Instant) -> SlotAnswer {
        let lease = request.stream;
        let known = self.streams.get_mut(&lease).filter(|stream| stream.state != State::Ended);
        let is_known = known.is_some();
        let has_slot = known.as_ref().is_some_and(|stream| matches!(stream.state, State::Has(_)));
        // The client is there, so the stream keeps its turn, even while no worker has a slot for it.
        known.into_iter().for_each(|stream| stream.renew(now));
        if !has_slot && !self.slots.has(request.detector.as_deref()) {
            return SlotAnswer::Nobody;
        }
        if !is_known {
            let number = self.number();
            let rank = self.limit.rank(&request, now.saturating_duration_since(self.start), number);
            self.begin(lease, rank, order::steps(&request), request.detector, now);
        }
        self.fill(now);
        let stream = self.streams.get_mut(&lease).expect("it was there or has just begun");
        match stream.state {
            State::Has(worker) => {
                stream.is_answered = true;
                SlotAnswer::Placed(Place { stream: lease, worker, ttl: stream.ttl() })
            }
            State::Wants | State::Ended if !is_known && self.queue.len() > MAX_WAITING => {
                self.forget(lease);
                SlotAnswer::Full
            }
            State::Wants | State::Ended => SlotAnswer::Waits(self.ticket(lease)),
        }
    }

    /// Gives free slots to the streams that are next. Returns the calls that have waited for one: each is to be woken, and then
    /// to [collect](Admission::collect). To be called after whatever may have freed a slot.
    pub fn admit(&mut self, now: Instant) -> Vec<Ticket> {
        self.fill(now);
        std::mem::take(&mut self.called)
    }

    /// The slot that a call has waited for; None: it was lost again, with its worker, and the call waits on.
    pub fn collect(&mut self, ticket: Ticket, now: Instant) -> Option<Place> {
        let lease = self.tickets.get(&ticket).copied()?;
        let stream = self.streams.get_mut(&lease).expect("a stream has its ticket until it is forgotten");
        let State::Has(worker) = stream.state else { return None };
        stream.tickets.retain(|other| *other != ticket);
        stream.is_answered = true;
        stream.renew(now);
        let ttl = stream.ttl();
        self.tickets.remove(&ticket);
        Some(Place { stream: lease, worker, ttl })
    }

    /// Ends a call that waits, or was called and has not collected: its client is gone or has waited long enough.
    pub fn cancel(&mut self, ticket: Ticket) {
        let Some(lease) = self.tickets.remove(&ticket) else { return };
        let stream = self.streams.get_mut(&lease).expect("a stream has its ticket until it is forgotten");
        stream.tickets.retain(|other| *other != ticket);
        // A stream that workers name has been running, and ends when they name it no more.
        if stream.tickets.is_empty() && !stream.is_answered && !stream.is_named {
            self.forget(lease);
        }
    }

    /// A worker that beats every `interval` has this stream open. A stream that is not known began under another life of the
    /// master, or lost its slot; it takes one of this worker's slots, if one is free.
    pub fn name(&mut self, lease: StreamLeaseId, worker: WorkerId, interval: Duration, now: Instant) {
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

    /// Ends a stream, and so frees its slot.
    pub fn end(&mut self, lease: StreamLeaseId, now: Instant) {
        if self.streams.contains_key(&lease) {
            self.vacate(lease);
            let stream = self.streams.get_mut(&lease).expect("it is there");
            (stream.state, stream.until) = (State::Ended, now + NAMED_TTL);
            for ticket in stream.tickets.drain(..) {
                self.tickets.remove(&ticket);
            }
        }
    }

    /// Ends the streams that nobody has named in time. To be called a few times a second.
    pub fn expire(&mut self, now: Instant) {
        let is_over = |stream: &Stream| stream.tickets.is_empty() && stream.until <= now;
        let over: Vec<StreamLeaseId> =
            self.streams.iter().filter(|(_, stream)| is_over(stream)).map(|(id, _)| *id).collect();
        over.into_iter().for_each(|lease| self.forget(lease));
    }

    /// Keeps all streams while nobody can be heard to name them. To be called as often as [`Admission::expire`].
    pub fn hold(&mut self, now: Instant) {
        self.streams.values_mut().filter(|stream| stream.state != State::Ended).for_each(|stream| stream.renew(now));
    }

    /// Changes the limit, and puts the streams that wait into its order.
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

    /// Ends the admission. Returns the calls that wait: each is to be woken, and then to ask again.
    pub fn close(self) -> Vec<Ticket> {
        self.tickets.into_keys().collect()
    }

    /// Whether a call waits, or was called and has not collected.
    pub fn is_waiting(&self, ticket: Ticket) -> bool {
        self.tickets.contains_key(&ticket)
    }

    /// A number above those of all tickets.
    pub fn next_number(&self) -> u64 {
        self.next_number + 1
    }

    /// The order in which slots are given.
    pub fn order(&self) -> Order {
        self.limit.order
    }

    /// How many streams want a slot and have none.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// The slots of one worker.
    pub fn slots(&self, worker: WorkerId) -> SlotCount {
        self.slots.of(worker)
    }

    /// Gives free slots to the streams that are next.
    fn fill(&mut self, now: Instant) {
        if now.saturating_duration_since(self.start) < SETTLES_WITHIN {
            return;
        }
        loop {
            let mut heads = self.queue.heads().into_iter();
            let next =
                heads.find_map(|Head { stream, detector, .. }| Some((stream, self.slots.take(detector, stream)?)));
            let Some((lease, worker)) = next else { return };
            let stream = self.streams.get_mut(&lease).expect("who is in the queue is known");
            stream.state = State::Has(worker);
            self.queue.remove(stream.detector.as_deref(), stream.rank);
            self.called.extend(&stream.tickets);
        }
    }

    fn begin(&mut self, lease: StreamLeaseId, rank: Rank, steps: i32, detector: Option<String>, now: Instant) {
        self.queue.insert(detector.as_deref(), rank, lease);
        let stream = Stream {
            rank,
            steps,
            detector,
            state: State::Wants,
            tickets: Vec::new(),
            is_answered: false,
            is_named: false,
            until: now + UNNAMED_TTL,
        };
        self.streams.insert(lease, stream);
    }

    /// Takes from a stream its slot, or its place in the queue.
    fn vacate(&mut self, lease: StreamLeaseId) {
        let stream = &self.streams[&lease];
        match stream.state {
            State::Has(worker) => self.slots.give_back(worker, lease),
            State::Wants => self.queue.remove(stream.detector.as_deref(), stream.rank),
            State::Ended => {}
        }
    }

    fn forget(&mut self, lease: StreamLeaseId) {
        self.vacate(lease);
        for ticket in self.streams.remove(&lease).into_iter().flat_map(|stream| stream.tickets) {
            self.tickets.remove(&ticket);
        }
    }

    /// Puts a stream whose slot is gone back into the queue.
    fn displace(&mut self, lease: StreamLeaseId) {
        let stream = self.streams.get_mut(&lease).expect("who holds a slot is known");
        (stream.state, stream.is_answered) = (State::Wants, false);
        self.queue.insert(stream.detector.as_deref(), stream.rank, lease);
    }

    /// A ticket for one more call of the stream.
    fn ticket(&mut self, lease: StreamLeaseId) -> Ticket {
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
    /// How long the stream lasts from a sign of its client on.
    fn ttl(&self) -> Duration {
        if self.is_named { NAMED_TTL } else { UNNAMED_TTL }
    }

    /// Takes a sign of the stream's client.
    fn renew(&mut self, now: Instant) {
        self.until = self.until.max(now + self.ttl());
    }
}

#[cfg(test)]
mod tests;
