//! A cluster and its clients: hosts with real schedulers and sessions, and simulated workers, between them a network.
//!
//! Every process works with a [`Bus`], which has the time, the timers and the network. [`World`] gives each what is for it. What
//! happens to the world from outside, and who watches it, is an [`Experiment`].

mod bus;
pub mod client;
pub mod master;
mod member;
pub mod message;
pub mod network;
pub mod worker;

pub use bus::{Bus, CALL_TIMEOUT, KEEPALIVE, Log};

use std::fmt;
use std::time::Instant;

use bytes::Bytes;
use facefleet_cluster::scheduler::Scheduler;
use facefleet_stream::event_loop::{EventLoop, Step};
use facefleet_stream::frame::{Finished, Unreadable};
use facefleet_stream::session::{Action, LinkEvent};
use fastrand::Rng;

use crate::engine::At;
use bus::Event;
use client::Client;
use master::Master;
use message::{Body, Host, Packet, Reply, Request, Timer};
use network::Network;
use worker::Worker;

/// A cluster and its clients.
#[derive(Debug)]
pub struct World<X: Experiment> {
    /// Time, network and experiment.
    pub bus: Bus<X>,
    /// The only master.
    pub master: Master,
    /// The workers' machines, by slot.
    pub workers: Vec<Worker>,
    /// One for each stream, in the order in which they began.
    pub clients: Vec<Client>,
}

/// What happens to a world from outside, and who watches it. Every method but [`Experiment::happen`] may be left as it is.
pub trait Experiment: Sized {
    /// What happens from outside: it is scheduled with [`Bus::at`].
    type Event: fmt::Debug;

    /// Something from outside happens.
    fn happen(world: &mut World<Self>, event: Self::Event);

    /// A stream has looked at all that it has, and waits.
    fn waits(_world: &mut World<Self>, _client: usize) {}

    /// A stream has ended.
    fn ended(_world: &mut World<Self>, _client: usize) {}

    /// A frame that ends the process that works on it has ended this worker.
    fn killed(_world: &mut World<Self>, _slot: usize) {}

    /// The JPEG of a frame, or why there is none. See [`worker::CORRUPT`] and [`worker::KILLS`].
    fn jpeg(&self, _client: usize, _frame: u64) -> Result<Bytes, Unreadable> {
        Ok(Bytes::from_static(b"jpeg"))
    }

    /// A source gives this frame to its stream, whose own clock shows `now`.
    fn given(&mut self, _client: usize, _frame: u64, _now: Instant) {}

    /// A stream is about to take this event of a link.
    fn link(&mut self, _client: usize, _event: &LinkEvent, _at: At) {}

    /// A stream wants this done.
    fn act(&mut self, _client: usize, _action: &Action, _at: At) {}

    /// A stream was told to stop. `now` is the time on its own clock.
    fn stopped(&mut self, _client: usize, _now: Instant) {}

    /// A stream has taken a step. `now` is the time on its own clock.
    fn step(&mut self, _client: usize, _step: Step, _stream: &mut EventLoop, _at: At, _now: Instant) {}

    /// A frame goes to the report.
    fn reported(&mut self, _client: usize, _finished: &Finished) {}

    /// A worker has found the faces in a frame.
    fn worked_on(&mut self, _client: usize, _frame: u64) {}

    /// The master has answered a call.
    fn called(_bus: &mut Bus<Self>, _from: Host, _request: &Request, _reply: &Reply, _scheduler: &Scheduler) {}

    /// A packet has come to a cut.
    fn held_up(&mut self) {}

    /// A connection was given up, because its peer said nothing.
    fn given_up_for_silence(&mut self) {}
}

impl<X: Experiment> World<X> {
    /// A world in which nothing runs yet.
    pub fn new(rng: Rng, net: Network, master: Master, experiment: X, log: Log) -> World<X> {
        World { bus: Bus::new(rng, net, experiment, log), master, workers: Vec::new(), clients: Vec::new() }
    }

    /// Adds a client, whose stream starts then.
    pub fn start_client(&mut self, client: Client, at: At) {
        let number = self.clients.len();
        self.clients.push(client);
        self.clients[number].start(number, at, &mut self.bus);
    }

    /// Lets the next thing happen. Returns whether there was one before `end`.
    pub fn pass(&mut self, end: At) -> bool {
        if let Some(client) = self.bus.next_woken() {
            self.clients[client].go_on(client, &mut self.bus);
            match self.clients[client].is_done {
                true => X::ended(self, client),
                false => X::waits(self, client),
            }
            return true;
        }
        if self.bus.engine.next_at().is_none_or(|at| at >= end) {
            return false;
        }
        let event = self.bus.engine.pop().expect("there is a next one");
        self.happen(event);
        true
    }

    /// How many events were scheduled so far.
    pub fn events(&self) -> u64 {
        self.bus.engine.scheduled()
    }

    fn happen(&mut self, event: Event<X::Event>) {
        let host = match &event {
            Event::Packet(packet) => packet.to,
            Event::Timer(host, life, _) if *life == self.bus.life(*host) => *host,
            Event::Timer(..) => return,
            Event::Experiment(_) => {
                let Event::Experiment(event) = event else { unreachable!("it has just been looked at") };
                return X::happen(self, event);
            }
        };
        match self.bus.unless_stopped(host, event) {
            Some(Event::Packet(packet)) => {
                if let Some(packet) = self.bus.arrive(packet) {
                    self.deliver(packet);
                }
            }
            Some(Event::Timer(host, _, timer)) => self.timer(host, timer),
            Some(Event::Experiment(_)) => unreachable!("those are no host's"),
            None => {}
        }
    }

    fn timer(&mut self, host: Host, timer: Timer) {
        match (host, timer) {
            (_, Timer::CallOver(call)) => self.replied(call, Reply::Failed("no answer in time".to_owned())),
            (Host::Master, timer) => self.master.timer(&timer, &mut self.bus),
            (Host::Worker(slot), timer) => {
                if self.workers[slot].timer(timer, &mut self.bus).is_some() {
                    X::killed(self, slot);
                }
            }
            (Host::Client(number), timer) => self.clients[number].timer(number, timer, &mut self.bus),
        }
    }

    fn deliver(&mut self, Packet { from, to, body }: Packet) {
        match (to, body) {
            (Host::Master, Body::Call(call, request)) => self.master.called(from, call, &request, &mut self.bus),
            (_, Body::Call(..)) => unreachable!("only the master is called"),
            (_, Body::Reply(call, reply)) => self.replied(call, reply),
            (Host::Worker(slot), Body::Segment(conn, segment)) => {
                self.workers[slot].hears(conn, segment, &mut self.bus);
            }
            (Host::Client(number), Body::Segment(conn, segment)) => {
                self.clients[number].hears(from, conn, segment, &mut self.bus);
            }
            (Host::Master, Body::Segment(..)) => unreachable!("frames never pass through the master"),
        }
    }

    /// An answer has come; or the time for it is over.
    fn replied(&mut self, call: u64, reply: Reply) {
        match self.bus.caller(call) {
            Some(Host::Worker(slot)) => self.workers[slot].answered(&reply, &mut self.bus),
            Some(Host::Client(number)) => self.clients[number].answered(number, reply, &mut self.bus),
            Some(Host::Master) => unreachable!("the master calls nobody"),
            None => {}
        }
    }
}
