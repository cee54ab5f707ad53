//! What every process of a world works with: time, chance, timers, and the network.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::Experiment;
use super::message::{Body, ConnId, Host, Packet, Reply, Request, Segment, Timer};
use super::network::{Arrival, Network};
use crate::engine::{At, Engine};

/// The keepalive of every HTTP/2 connection, as in `facefleet_service::grpc`: a peer is pinged when it has said nothing for this
/// time, and given up after twice that. A test of the benchmarks, which may import both, compares them.
pub const KEEPALIVE: Duration = Duration::from_secs(5);
/// How long a call to the master may take, as in `facefleet_service::grpc`.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(3);
const KEEPALIVE_CHECK: Duration = Duration::from_millis(2500);

/// What makes something happen.
#[derive(Debug)]
pub(super) enum Event<E> {
    /// A packet comes to the end of its way.
    Packet(Packet),
    /// A timer in a process; nothing to a later life of it.
    Timer(Host, u32, Timer),
    /// Something of the experiment's own.
    Experiment(E),
}

/// Calls that are not answered, and who waits for them: in which life.
#[derive(Debug, Default)]
struct Calls {
    open: HashMap<u64, Caller>,
    made: u64,
}

/// A process that waits for an answer.
#[derive(Debug)]
struct Caller {
    host: Host,
    life: u32,
}

/// Whether what happens in a world is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// Every event is a line on stdout.
    Printed,
    /// Nothing is printed.
    Silent,
}

/// The engine of one world, its network and its experiment.
pub struct Bus<X: Experiment> {
    pub(super) engine: Engine<Event<X::Event>>,
    /// All that is left to chance comes from here.
    pub rng: Rng,
    /// The network.
    pub net: Network,
    /// What the world is made for.
    pub experiment: X,
    calls: Calls,
    /// How often a process has ended; 0 for those that are not named.
    lives: BTreeMap<Host, u32>,
    /// What comes to those who are stopped waits here.
    stopped: BTreeMap<Host, Vec<Event<X::Event>>>,
    /// Clients that have something to look at.
    woken: VecDeque<usize>,
    log: Log,
}

impl<X: Experiment> fmt::Debug for Bus<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a world after {:?}", self.now())
    }
}

impl<X: Experiment> Bus<X> {
    pub(super) fn new(rng: Rng, net: Network, experiment: X, log: Log) -> Bus<X> {
        Bus {
            engine: Engine::new(),
            rng,
            net,
            experiment,
            calls: Calls::default(),
            lives: BTreeMap::new(),
            stopped: BTreeMap::new(),
            woken: VecDeque::new(),
            log,
        }
    }

    /// The virtual time.
    pub fn now(&self) -> At {
        self.engine.now()
    }

    /// The virtual time on a monotonic clock.
    pub fn instant(&self) -> Instant {
        self.engine.instant()
    }

    /// A random time between so many milliseconds.
    pub fn between(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_micros(self.rng.u64(least * 1000..=most * 1000))
    }

    /// True once in so many times, by chance.
    pub fn one_in(&mut self, times: u32) -> bool {
        self.rng.u32(0..times) == 0
    }

    /// Prints a line of the world's log, if somebody reads it.
    pub fn log(&self, line: impl FnOnce() -> String) {
        if self.log == Log::Printed {
            println!("{:>10.4} {}", self.now().as_secs_f64(), line());
        }
    }

    /// Schedules something of the experiment's own.
    pub fn at(&mut self, at: At, event: X::Event) {
        self.engine.at(at, Event::Experiment(event));
    }

    pub(super) fn timer(&mut self, after: Duration, host: Host, timer: Timer) {
        self.timer_at(self.now() + after, host, timer);
    }

    pub(super) fn timer_at(&mut self, at: At, host: Host, timer: Timer) {
        let life = self.life(host);
        self.engine.at(at, Event::Timer(host, life, timer));
    }

    /// Which life of a process this is.
    pub fn life(&self, host: Host) -> u32 {
        self.lives.get(&host).copied().unwrap_or_default()
    }

    /// A process ends: its timers mean nothing any more, and it cannot be stopped.
    pub(super) fn end_life(&mut self, host: Host) {
        *self.lives.entry(host).or_default() += 1;
        self.stopped.remove(&host);
    }

    /// Stops a process: it does nothing, and does not know it.
    pub fn pause(&mut self, host: Host) {
        self.stopped.entry(host).or_default();
    }

    /// Lets a process go on, with all that has come in the meantime. What waits for a stopped process may be seen before its
    /// keepalive timers or after.
    pub fn resume(&mut self, host: Host) {
        let Some(mut waiting) = self.stopped.remove(&host) else { return };
        if self.rng.bool() {
            waiting.sort_by_key(|event| matches!(event, Event::Timer(_, _, Timer::Keepalive(_))));
        }
        let now = self.now();
        waiting.into_iter().for_each(|event| self.engine.at(now, event));
    }

    /// The processes that are stopped.
    pub fn all_stopped(&self) -> Vec<Host> {
        self.stopped.keys().copied().collect()
    }

    /// Keeps what comes to a process that is stopped. Returns what comes to one that is not.
    pub(super) fn unless_stopped(&mut self, host: Host, event: Event<X::Event>) -> Option<Event<X::Event>> {
        match self.stopped.get_mut(&host) {
            Some(waiting) => {
                waiting.push(event);
                None
            }
            None => Some(event),
        }
    }

    /// Whether every process runs and nothing is wrong with the network.
    pub fn is_calm(&self) -> bool {
        self.stopped.is_empty() && self.net.is_calm()
    }

    /// A client has something to look at, when all that happens at this moment has happened.
    pub(super) fn wake(&mut self, client: usize) {
        if !self.woken.contains(&client) {
            self.woken.push_back(client);
        }
    }

    /// The next client to look at what it has, unless something else happens at this moment.
    pub(super) fn next_woken(&mut self) -> Option<usize> {
        let is_last = self.engine.next_at().is_none_or(|at| at > self.now());
        is_last.then(|| self.woken.pop_front()).flatten()
    }

    /// Sends a packet.
    pub fn send(&mut self, from: Host, to: Host, body: Body) {
        let at = self.net.arrival(from, &body, self.engine.now(), &mut self.rng);
        self.engine.at(at, Event::Packet(Packet { from, to, body }));
    }

    pub(super) fn say(&mut self, from: Host, to: Host, conn: ConnId, segment: Segment) {
        self.send(from, to, Body::Segment(conn, segment));
    }

    /// A packet has come to the end of its way. Returns it if it is there.
    pub(super) fn arrive(&mut self, packet: Packet) -> Option<Packet> {
        match self.net.arrive(packet, self.engine.now()) {
            Arrival::Here(packet) => Some(packet),
            Arrival::HeldUp => {
                self.experiment.held_up();
                None
            }
            Arrival::Later(at, packet) => {
                self.engine.at(at, Event::Packet(packet));
                None
            }
        }
    }

    /// Ends all cuts. What they held up is sent again soon, in its order.
    pub fn heal(&mut self) {
        for (at, packet) in self.net.heal(self.engine.now(), &mut self.rng) {
            self.engine.at(at, Event::Packet(packet));
        }
    }

    /// Calls the master.
    pub(super) fn call(&mut self, from: Host, request: Request) {
        let call = self.calls.made;
        self.calls.made += 1;
        let life = self.life(from);
        self.calls.open.insert(call, Caller { host: from, life });
        self.send(from, Host::Master, Body::Call(call, request));
        self.timer(CALL_TIMEOUT, from, Timer::CallOver(call));
    }

    /// The end of a call. Returns who waits for it, unless that life is over or it has ended before.
    pub(super) fn caller(&mut self, call: u64) -> Option<Host> {
        let Caller { host, life } = self.calls.open.remove(&call)?;
        (self.life(host) == life).then_some(host)
    }

    pub(super) fn reply(&mut self, to: Host, call: u64, reply: Reply) {
        self.send(Host::Master, to, Body::Reply(call, reply));
    }

    /// Looks whether the peer is still there, as both ends of a connection do. Returns whether it is given up.
    pub(super) fn is_silent(&mut self, host: Host, peer: Host, conn: ConnId, heard: At) -> bool {
        let silence = self.now().saturating_sub(heard);
        if silence >= KEEPALIVE * 2 {
            self.experiment.given_up_for_silence();
            return true;
        }
        if silence >= KEEPALIVE {
            self.say(host, peer, conn, Segment::Ping);
        }
        self.timer(KEEPALIVE_CHECK, host, Timer::Keepalive(conn));
        false
    }
}
