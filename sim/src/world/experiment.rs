//! What a world is made for.

use std::fmt;

use bytes::Bytes;
use facefleet_cluster::scheduler::Scheduler;
use facefleet_stream::event_loop::{EventLoop, Step};
use facefleet_stream::frame::{Finished, Unreadable};
use facefleet_stream::session::{Action, LinkEvent};

use super::World;
use super::message::{Host, Reply, Request};
use crate::engine::At;

/// What happens to a world from outside, and who watches it. Every method but [`Experiment::happen`] may be left as it is.
pub trait Experiment: Sized {
    /// What happens from outside: it is scheduled with [`Bus::at`](super::Bus::at).
    type Event: fmt::Debug;

    /// Something from outside happens.
    fn happen(world: &mut World<Self>, event: Self::Event);

    /// A stream has looked at all that it has, and waits.
    fn waits(_world: &mut World<Self>, _client: usize) {}

    /// A stream has ended.
    fn ended(_world: &mut World<Self>, _client: usize) {}

    /// A frame that ends the process that works on it has ended this worker.
    fn killed(_world: &mut World<Self>, _slot: usize) {}

    /// The JPEG of a frame, or why there is none. See [`super::worker::CORRUPT`] and [`super::worker::KILLS`].
    fn jpeg(&self, _client: usize, _frame: u64) -> Result<Bytes, Unreadable> {
        Ok(Bytes::from_static(b"jpeg"))
    }

    /// A source gives this frame to its stream, whose own clock shows `now`.
    fn given(&mut self, _client: usize, _frame: u64, _now: std::time::Instant) {}

    /// A stream is about to take this event of a link.
    fn link(&mut self, _client: usize, _event: &LinkEvent, _at: At) {}

    /// A stream wants this done.
    fn act(&mut self, _client: usize, _action: &Action, _at: At) {}

    /// A stream was told to stop. `now` is the time on its own clock.
    fn stopped(&mut self, _client: usize, _now: std::time::Instant) {}

    /// A stream has taken a step. `now` is the time on its own clock.
    fn step(&mut self, _client: usize, _step: Step, _stream: &mut EventLoop, _at: At, _now: std::time::Instant) {}

    /// A frame goes to the report.
    fn reported(&mut self, _client: usize, _finished: &Finished) {}

    /// A worker has found the faces in a frame.
    fn worked_on(&mut self, _client: usize, _frame: u64) {}

    /// The master has answered a call.
    fn called(_bus: &mut super::Bus<Self>, _from: Host, _request: &Request, _reply: &Reply, _scheduler: &Scheduler) {}

    /// A packet has come to a cut.
    fn held_up(&mut self) {}

    /// A connection was given up, because its peer said nothing.
    fn given_up_for_silence(&mut self) {}
}
