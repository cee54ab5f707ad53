//! Workers: machines of some speed, with the manners of the real one and, some of them, with bad ones.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use facefleet_proto::{DropReason, FaceBox, Heartbeat, Identity, Join, Load, WorkerId};
use facefleet_stream::frame::{End, Found};
use facefleet_stream::session::{Disconnect, DisconnectKind, FrameAnswer, FrameAttempt, Greeting, Pace};

use super::Experiment;
use super::bus::Bus;
use super::member::{self, Member, Verdict};
use super::message::{ConnId, Host, Job, Reply, Request, Segment, Timer};
use crate::engine::At;

/// A JPEG that no worker can work on.
pub const CORRUPT: &[u8] = b"corrupt";
/// A JPEG that ends the process that works on it.
pub const KILLS: &[u8] = b"kills";

/// How long a worker that was told to go works on what it holds.
const GRACE: Duration = Duration::from_secs(10);
/// Frames that a stream may have at a worker for each thread; what is sent beyond waits in the connection.
const FRAMES_PER_THREAD: usize = 4;
/// How far the time of a frame is from the mean at most, as a part of it.
const JITTER: f64 = 0.2;
/// Part of the newest frame in a worker's moving average of its time per frame.
const NEWEST: f64 = 1.0 / 8.0;
/// In this time half of what a worker's average differs from its self-test is forgotten, while no frame renews it.
const HALF_LIFE: Duration = Duration::from_secs(5);

/// How a worker treats frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// The worker works on its frames.
    Honest,
    /// The detector is broken: each frame fails at once, and the worker blames itself or the frame.
    Fails {
        /// Whether it says that another worker may do better.
        blames_itself: bool,
    },
    /// Some frames are answered twice.
    Twice,
    /// The worker also answers frames that it was never sent.
    Unasked,
    /// The worker takes frames and answers none.
    Mute,
}

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
    /// What a thread takes for a frame, on average.
    pub service: Duration,
    /// Whether it tests its speed when it starts, as old workers do not.
    is_self_tested: bool,
    /// Frames that are begun before that moment take so many times as long.
    hiccup: Option<(At, u32)>,
    /// When its frames first took longer than usual.
    first_slow: Option<At>,
    /// Until when its threads work, or worked, on a frame that takes longer than usual.
    slow_until: Option<At>,
    /// How it treats frames.
    pub habit: Habit,
    is_draining: bool,
    member: Member,
    streams: BTreeMap<ConnId, Stream>,
    busy: u32,
    /// A moving average, and when it was last renewed.
    frame_time: Option<(Duration, At)>,
}

#[derive(Debug)]
struct Stream {
    max_age: Option<Duration>,
    /// Still in the connection.
    unread: VecDeque<facefleet_proto::AnalyzeFrame>,
    waiting: VecDeque<Job>,
    working: usize,
    /// Time of threads that it has had.
    served: Duration,
    heard: At,
}

impl Stream {
    fn held(&self) -> usize {
        self.waiting.len() + self.working
    }
}

/// A frame has ended the process that worked on it.
#[derive(Debug)]
pub(super) struct Killed;

impl Worker {
    /// A machine with no process on it.
    pub fn new(slot: usize, threads: u32, service: Duration, habit: Habit, is_self_tested: bool) -> Worker {
        Worker {
            slot,
            is_up: false,
            is_dark: false,
            name: format!("w{slot}"),
            generation: 0,
            calendar: 0,
            threads,
            weight: 1,
            service,
            is_self_tested,
            hiccup: None,
            first_slow: None,
            slow_until: None,
            habit,
            is_draining: false,
            member: Member::default(),
            streams: BTreeMap::new(),
            busy: 0,
            frame_time: None,
        }
    }

    /// Lets the worker claim another weight than 1.
    pub fn with_weight(self, weight: u32) -> Worker {
        Worker { weight, ..self }
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
        self.is_draining
    }

    /// Detector threads.
    pub fn threads(&self) -> u32 {
        self.threads
    }

    /// Until when its frames take, or took, longer than usual, as far as they have begun.
    pub fn slow_until(&self) -> Option<At> {
        self.slow_until
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

    /// What the thread of a worker that has done nothing yet takes for a frame, as it measured itself.
    fn self_test(&self) -> Option<Duration> {
        self.is_self_tested.then_some(self.service)
    }

    /// The time per frame that the worker tells: an average that ages towards its self-test while no frame renews it.
    fn frame_time(&self, now: At) -> Option<Duration> {
        let (mean, renewed) = self.frame_time?;
        let Some(rested) = self.self_test() else { return Some(mean) };
        let kept = 0.5_f64.powf((now - renewed).as_secs_f64() / HALF_LIFE.as_secs_f64());
        Some(mean.mul_f64(kept) + rested.mul_f64(1.0 - kept))
    }

    fn load(&self, now: At) -> Load {
        let rate = |time: Duration| self.threads as f32 / time.as_secs_f32();
        Load {
            cpu_percent: 100.0 * self.busy as f32 / self.threads as f32,
            in_flight: self.in_flight(),
            queued: self.in_flight().saturating_sub(self.busy),
            frame_ms: self.frame_time(now).map(|time| time.as_secs_f32() * 1e3),
            frames_per_s: self.self_test().map(rate),
            draining: self.is_draining,
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

    /// When its frames first took longer than usual.
    pub fn first_slow(&self) -> Option<At> {
        self.first_slow
    }

    /// From now on until then, frames that are begun take so many times as long.
    pub fn hiccup(&mut self, now: At, until: At, times: u32) {
        self.first_slow = self.first_slow.or(Some(now));
        self.slow_until = self.slow_until.max(Some(until));
        self.hiccup = Some((until, times));
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
        self.is_draining = false;
        self.member = Member::default();
        self.busy = 0;
        self.frame_time = None;
        bus.log(|| format!("w{} starts", self.slot));
        self.member.next_beat(self.slot, Duration::ZERO, bus);
    }

    /// The process ends. Its peers are told by its machine, unless that is `dark`.
    pub fn end(&mut self, dark: bool, bus: &mut Bus<impl Experiment>) {
        if !self.is_up {
            return;
        }
        self.is_up = false;
        self.is_dark = dark;
        bus.end_life(self.host());
        bus.log(|| format!("w{} ends", self.slot));
        for conn in std::mem::take(&mut self.streams).into_keys() {
            if !dark {
                self.say(conn, Segment::Reset, bus);
            }
        }
    }

    /// SIGTERM.
    pub fn drain(&mut self, bus: &mut Bus<impl Experiment>) {
        if !self.is_up || self.is_draining {
            return;
        }
        self.is_draining = true;
        bus.log(|| format!("w{} drains", self.slot));
        if self.member.is_waiting() {
            self.member.next_beat(self.slot, Duration::ZERO, bus);
        }
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
        let mut member = std::mem::take(&mut self.member);
        let now = bus.now();
        let request = |joined| match joined {
            Some((id, epoch)) => Request::Beat(self.heartbeat(id, epoch, now)),
            None => Request::Join(self.join()),
        };
        member.beat(self.slot, self.is_draining, request, bus);
        self.member = member;
    }

    /// The master has answered its call.
    pub(super) fn answered(&mut self, reply: &Reply, bus: &mut Bus<impl Experiment>) {
        if self.member.answered(self.slot, self.is_draining, reply, bus) == Verdict::Goes {
            self.end(false, bus);
        }
    }

    fn leave(&mut self, bus: &mut Bus<impl Experiment>) {
        if self.member.leave(self.slot, self.generation, bus) == Verdict::Goes {
            self.end(false, bus);
        }
    }

    fn leave_if_drained(&mut self, bus: &mut Bus<impl Experiment>) {
        if self.is_draining && self.streams.is_empty() && !self.member.has_left() {
            self.leave(bus);
        }
    }

    pub(super) fn hears(&mut self, conn: ConnId, segment: Segment, bus: &mut Bus<impl Experiment>) {
        if !self.is_up {
            if !self.is_dark && !matches!(segment, Segment::Reset) {
                self.say(conn, Segment::Reset, bus);
            }
            return;
        }
        if let Some(stream) = self.streams.get_mut(&conn) {
            stream.heard = bus.now();
        }
        match segment {
            Segment::Connect => self.say(conn, Segment::Connected, bus),
            Segment::Open { .. } if self.is_draining => {
                self.say(conn, Segment::Ended(Disconnect::broken("this worker is draining")), bus);
            }
            Segment::Open { max_age } => self.open(conn, max_age, bus),
            Segment::Frame(frame) => match self.streams.get_mut(&conn) {
                Some(_) if self.is_draining => {}
                Some(stream) => {
                    stream.unread.push_back(frame);
                    self.work(conn, bus);
                }
                None => self.say(conn, Segment::Reset, bus),
            },
            Segment::Reset => {
                self.streams.remove(&conn);
                bus.net.forget(conn, self.host());
                self.leave_if_drained(bus);
            }
            Segment::Ping => self.say(conn, Segment::Pong, bus),
            Segment::Pong => {}
            other => unreachable!("no client sends {other:?}"),
        }
    }

    fn open(&mut self, conn: ConnId, max_age: Option<Duration>, bus: &mut Bus<impl Experiment>) {
        // As much as those have had that have work: a stream saves nothing up.
        let served = self.streams.values().map(|stream| stream.served).min().unwrap_or_default();
        let stream =
            Stream { max_age, unread: VecDeque::new(), waiting: VecDeque::new(), working: 0, served, heard: bus.now() };
        self.streams.insert(conn, stream);
        self.say(conn, Segment::Opened(self.greeting()), bus);
        bus.timer(Duration::from_secs(1), self.host(), Timer::Keepalive(conn));
    }

    /// Reads what there is room for, and starts what there are threads for.
    fn work(&mut self, conn: ConnId, bus: &mut Bus<impl Experiment>) {
        if let Some(stream) = self.streams.get_mut(&conn) {
            let most = self.threads as usize * FRAMES_PER_THREAD;
            while stream.held() < most
                && let Some(frame) = stream.unread.pop_front()
            {
                stream.waiting.push_back(Job { frame, arrived: bus.now() });
            }
        }
        while self.busy < self.threads && self.habit != Habit::Mute {
            let waiting = self.streams.iter_mut().filter(|(_, stream)| !stream.waiting.is_empty());
            let Some((conn, stream)) = waiting.min_by_key(|(_, stream)| stream.served) else { return };
            let conn = *conn;
            let job = stream.waiting.pop_front().expect("it is not empty");
            let age = job.frame.age + (bus.now() - job.arrived);
            if stream.max_age.is_some_and(|max| age > max) {
                self.answer(conn, &job, End::Dropped(DropReason::StaleWorker), None, bus);
                continue;
            }
            stream.working += 1;
            self.busy += 1;
            let spent = self.next_service(bus);
            bus.timer(spent, self.host(), Timer::Done(conn, job, spent));
        }
    }

    /// What a frame that is begun now will take.
    fn next_service(&mut self, bus: &mut Bus<impl Experiment>) -> Duration {
        let hiccup = self.hiccup.filter(|(until, _)| bus.now() < *until);
        let mean = match (self.habit, hiccup) {
            (Habit::Fails { .. }, _) => Duration::from_millis(1),
            (_, Some((_, times))) => self.service * times,
            (_, None) => self.service,
        };
        let service = mean.mul_f64(1.0 - JITTER + 2.0 * JITTER * bus.rng.f64());
        if hiccup.is_some() {
            self.slow_until = self.slow_until.max(Some(bus.now() + service));
        }
        service
    }

    fn done(&mut self, conn: ConnId, job: &Job, spent: Duration, bus: &mut Bus<impl Experiment>) -> Option<Killed> {
        let is_honest = !matches!(self.habit, Habit::Fails { .. });
        if is_honest && job.frame.jpeg == KILLS {
            self.end(false, bus);
            return Some(Killed);
        }
        let is_corrupt = job.frame.jpeg == CORRUPT;
        self.busy -= 1;
        if is_honest && !is_corrupt {
            bus.experiment.worked_on(conn.0, job.frame.seq);
            let mean = self.frame_time.map_or(spent, |(mean, _)| mean.mul_f64(1.0 - NEWEST) + spent.mul_f64(NEWEST));
            self.frame_time = Some((mean, bus.now()));
        }
        if let Some(stream) = self.streams.get_mut(&conn) {
            stream.working -= 1;
            stream.served += spent;
            self.answer_done(conn, job, is_corrupt, spent, bus);
        }
        self.work(conn, bus);
        self.end_if_drained(conn, bus);
        None
    }

    fn answer_done(&self, conn: ConnId, job: &Job, is_corrupt: bool, spent: Duration, bus: &mut Bus<impl Experiment>) {
        let end = match self.habit {
            Habit::Fails { .. } => failed("device"),
            _ if is_corrupt => failed("corrupt"),
            _ => End::Ok(found()),
        };
        if self.habit == Habit::Unasked && bus.one_in(5) {
            // One that it was never sent, or in another attempt.
            let (more, other) = if bus.rng.bool() { (100_000, 0) } else { (0, 1) };
            let mut never = job.clone();
            never.frame.seq += more;
            never.frame.attempt += other;
            self.answer(conn, &never, End::Ok(found()), Some(spent), bus);
        }
        let is_twice = self.habit == Habit::Twice && matches!(end, End::Ok(_)) && bus.one_in(5);
        self.answer(conn, job, end, Some(spent), bus);
        if is_twice {
            self.answer(conn, job, End::Ok(found()), Some(spent), bus);
        }
    }

    /// `spent` is what a thread took for the frame; None where none did.
    fn answer(&self, conn: ConnId, job: &Job, mut end: End, spent: Option<Duration>, bus: &mut Bus<impl Experiment>) {
        let sharing = self.streams.iter().filter(|(id, stream)| **id == conn || stream.held() > 0).count();
        let own = spent.filter(|_| matches!(end, End::Ok(_)));
        let pace = Pace {
            frame_time: own.or(self.frame_time(bus.now())),
            stayed: own.map(|_| bus.now() - job.arrived),
            in_flight: self.in_flight(),
            streams: sharing.try_into().expect("few"),
        };
        if let End::Ok(Found { faces: Some(faces), .. }) = &mut end {
            // Tells which answer it was that reached the report.
            faces[0].x = bus.rng.f32();
        }
        let elsewhere = matches!(end, End::Failed { .. }) && self.habit == Habit::Fails { blames_itself: true };
        let answer = FrameAnswer {
            frame: FrameAttempt { seq: job.frame.seq, attempt: job.frame.attempt },
            end,
            elsewhere,
            pace,
        };
        self.say(conn, Segment::Answer(answer), bus);
    }

    fn end_if_drained(&mut self, conn: ConnId, bus: &mut Bus<impl Experiment>) {
        if self.is_draining && self.streams.get(&conn).is_some_and(|stream| stream.held() == 0) {
            self.streams.remove(&conn);
            let reason = "it ended the stream".to_owned();
            self.say(conn, Segment::Ended(Disconnect { kind: DisconnectKind::Left, reason }), bus);
            self.leave_if_drained(bus);
        }
    }
}

fn failed(code: &str) -> End {
    End::Failed { code: code.into(), message: String::new() }
}

fn found() -> Found {
    let face = FaceBox { x: 0.0, y: 0.0, width: 1.0, height: 1.0, score: 1.0, landmarks: None };
    Found { faces: Some(vec![face]), picture: None, stages: None }
}
