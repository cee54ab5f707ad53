//! Workers: machines of some speed, with the manners of the real one and, some of them, with bad ones.

mod habit;
mod speed;
mod work;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use facefleet_proto::{Heartbeat, Identity, Join, Load, WorkerId};
use facefleet_stream::session::Greeting;

use super::Experiment;
use super::bus::Bus;
use super::member::{self, Due, Joined, Member, Verdict};
use super::message::{ConnId, Ends, Host, Reply, Request, Segment, Timer};
use crate::engine::At;
pub use habit::{CORRUPT, Habit, KILLS};
pub use speed::Speed;
use work::Stream;

/// How long a worker that was told to go works on what it holds.
const GRACE: Duration = Duration::from_secs(10);

/// A worker's machine, and the process that may run on it.
#[derive(Debug)]
pub struct Worker {
    slot: usize,
    is_up: bool,
    /// The machine is off: nothing comes back, not even that nobody is there.
    is_dark: bool,
    name: String,
    generation: u64,
    /// How wrong its machine's calendar is, in microseconds.
    pub calendar: i64,
    threads: u32,
    /// What it claims to be worth when it joins.
    weight: u32,
    /// What its threads take for a frame.
    pub speed: Speed,
    /// How it treats frames.
    pub habit: Habit,
    member: Member,
    streams: BTreeMap<ConnId, Stream>,
    /// Threads that work on a frame.
    busy: u32,
}

/// A frame has ended the process that worked on it.
#[derive(Debug)]
pub(super) struct Killed;

impl Worker {
    /// A machine with no process on it. A process tests its speed when it starts, and its threads take `service` for a frame, on average.
    pub fn new(slot: usize, threads: u32, service: Duration, habit: Habit) -> Worker {
        Worker {
            slot,
            is_up: false,
            is_dark: false,
            name: format!("w{slot}"),
            generation: 0,
            calendar: 0,
            threads,
            weight: 1,
            speed: Speed::new(service),
            habit,
            member: Member::default(),
            streams: BTreeMap::new(),
            busy: 0,
        }
    }

    /// Lets the worker claim another weight than 1.
    pub fn with_weight(self, weight: u32) -> Worker {
        Worker { weight, ..self }
    }

    /// Lets the worker start without a test of its speed, as old workers do.
    pub fn without_self_test(mut self) -> Worker {
        self.speed.is_self_tested = false;
        self
    }

    /// The address of a slot.
    pub fn address(slot: usize) -> SocketAddr {
        let slot = u32::try_from(slot).expect("there are few");
        SocketAddr::from((Ipv4Addr::from_bits(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + slot), 50_050))
    }

    /// The slot at an address.
    pub fn slot_of(address: SocketAddr) -> usize {
        let SocketAddr::V4(address) = address else { unreachable!("all are IPv4") };
        (address.ip().to_bits() & 0x00ff_ffff) as usize
    }

    /// Whether its process runs.
    pub fn is_up(&self) -> bool {
        self.is_up
    }

    /// The start of its present or last process.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether it was told to go.
    pub fn is_draining(&self) -> bool {
        self.member.is_draining()
    }

    /// Detector threads.
    pub fn threads(&self) -> u32 {
        self.threads
    }

    /// The streams that are open there.
    pub fn streams(&self) -> Vec<ConnId> {
        self.streams.keys().copied().collect()
    }

    /// Frames that it holds.
    pub fn in_flight(&self) -> u32 {
        self.streams.values().map(Stream::held).sum::<usize>().try_into().expect("few")
    }

    fn host(&self) -> Host {
        Host::Worker(self.slot)
    }

    fn load(&self, now: At) -> Load {
        let rate = |time: Duration| self.threads as f32 / time.as_secs_f32();
        Load {
            cpu_percent: 100.0 * self.busy as f32 / self.threads as f32,
            in_flight: self.in_flight(),
            queued: self.in_flight().saturating_sub(self.busy),
            frame_ms: self.speed.frame_time(now).map(|time| time.as_secs_f32() * 1e3),
            frames_per_s: self.speed.self_test().map(rate),
            draining: self.is_draining(),
            ..Load::default()
        }
    }

    fn greeting(&self) -> Greeting {
        Greeting { name: self.name.clone(), generation: self.generation, threads: self.threads }
    }

    /// What it joins with.
    pub fn join(&self) -> Join {
        let identity = Identity { name: self.name.clone(), generation: self.generation };
        member::join(Worker::address(self.slot), identity, self.threads, self.weight)
    }

    /// The heartbeat of the worker, when this master has given it this id.
    pub fn heartbeat(&self, id: WorkerId, epoch: u64, now: At) -> Heartbeat {
        member::heartbeat(id, epoch, self.generation, self.load(now))
    }

    /// A process starts on the machine, unless one runs. It may have another name than the last.
    pub fn start(&mut self, name: Option<String>, bus: &mut Bus<impl Experiment>) {
        if self.is_up {
            return;
        }
        let unix_us = 1_700_000_000_000_000 + bus.now().as_micros() as i64;
        self.is_up = true;
        self.is_dark = false;
        self.name = name.unwrap_or_else(|| self.name.clone());
        self.generation = (unix_us + self.calendar) as u64;
        self.member = Member::default();
        self.busy = 0;
        self.speed.forget();
        bus.log(|| format!("w{} starts", self.slot));
        self.member.next_beat(self.slot, Duration::ZERO, bus);
    }

    /// The process ends, alone or with its machine.
    pub fn end(&mut self, ends: Ends, bus: &mut Bus<impl Experiment>) {
        if !self.is_up {
            return;
        }
        self.is_up = false;
        self.is_dark = ends == Ends::Machine;
        bus.end_life(self.host());
        bus.log(|| format!("w{} ends", self.slot));
        for conn in std::mem::take(&mut self.streams).into_keys() {
            if !self.is_dark {
                self.say(conn, Segment::Reset, bus);
            }
        }
    }

    /// The process is told to go, as by SIGTERM.
    pub fn drain(&mut self, bus: &mut Bus<impl Experiment>) {
        if !self.is_up || self.is_draining() {
            return;
        }
        bus.log(|| format!("w{} drains", self.slot));
        self.member.drain(self.slot, bus);
        bus.timer(GRACE, self.host(), Timer::GraceOver);
        for conn in self.streams() {
            self.streams.get_mut(&conn).expect("it was there").unread.clear();
            self.end_if_drained(conn, bus);
        }
        self.leave_if_drained(bus);
    }

    fn say(&self, conn: ConnId, segment: Segment, bus: &mut Bus<impl Experiment>) {
        bus.say(self.host(), Host::Client(conn.0), conn, segment);
    }

    /// Some: the frame that its thread was done with has ended it.
    pub(super) fn timer(&mut self, timer: Timer, bus: &mut Bus<impl Experiment>) -> Option<Killed> {
        match timer {
            Timer::Member => self.beat(bus),
            Timer::Done(conn, job, spent) => return self.done(conn, &job, spent, bus),
            Timer::GraceOver => self.leave(bus),
            Timer::Keepalive(conn) => {
                let heard = self.streams.get(&conn)?.heard;
                if bus.is_silent(self.host(), Host::Client(conn.0), conn, heard) {
                    self.streams.remove(&conn);
                    self.say(conn, Segment::Reset, bus);
                    self.leave_if_drained(bus);
                }
            }
            other => unreachable!("a worker does not wait for {other:?}"),
        }
        None
    }

    fn beat(&mut self, bus: &mut Bus<impl Experiment>) {
        let request = match self.member.due(bus.now()) {
            None => return,
            Some(Due::Heartbeat(Joined { id, epoch })) => Request::Beat(self.heartbeat(id, epoch, bus.now())),
            Some(Due::Join) => Request::Join(self.join()),
        };
        bus.call(self.host(), request);
    }

    /// The master has answered its call.
    pub(super) fn answered(&mut self, reply: &Reply, bus: &mut Bus<impl Experiment>) {
        if self.member.answered(self.slot, reply, bus) == Verdict::Goes {
            self.end(Ends::Process, bus);
        }
    }

    fn leave(&mut self, bus: &mut Bus<impl Experiment>) {
        if self.member.leave(self.slot, self.generation, bus) == Verdict::Goes {
            self.end(Ends::Process, bus);
        }
    }

    fn leave_if_drained(&mut self, bus: &mut Bus<impl Experiment>) {
        if self.is_draining() && self.streams.is_empty() && !self.member.has_left() {
            self.leave(bus);
        }
    }
}
