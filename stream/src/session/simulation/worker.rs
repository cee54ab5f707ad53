//! Workers: machines of some speed, with the manners of the real one and, some of them, with bad ones.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use facefleet_proto::{AnalyzeFrame, DropReason, FaceBox, Load, WorkerId};

use super::master::Reply;
use super::network::{Body, Segment};
use super::world::{At, ConnId, Host, Poison, Timer, World};
use crate::frame::{End, Found};
use crate::session::{Answer, Greeting, Loss, Lost, Pace};

/// How long a worker that was told to go works on what it holds.
const GRACE: Duration = Duration::from_secs(10);
/// Frames that a stream may have at a worker for each thread; what is sent beyond waits in the connection.
const FRAMES_PER_THREAD: usize = 4;

/// How a worker treats frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    Honest,
    /// Its detector is broken: each frame fails at once, and it blames itself or the frame.
    Fails {
        blames_itself: bool,
    },
    /// Some frames are answered twice.
    Twice,
    /// It answers frames that it was never sent.
    Unasked,
    /// It takes frames and answers none.
    Mute,
}

#[derive(Debug)]
pub(super) struct Worker {
    /// Goes up whenever a process ends.
    pub(super) life: u32,
    pub(super) is_up: bool,
    /// Its machine is off: nothing comes back, not even that nobody is there.
    is_dark: bool,
    pub(super) name: String,
    pub(super) generation: u64,
    /// How wrong its machine's calendar is.
    pub(super) calendar: i64,
    pub(super) threads: u32,
    /// What a thread takes for a frame, mostly.
    pub(super) service: Duration,
    pub(super) habit: Habit,
    pub(super) is_draining: bool,
    pub(super) joined: Option<(WorkerId, u64)>,
    /// When to beat or join next; None while a call is under way.
    pub(super) next_beat: Option<At>,
    pub(super) failed_calls: u32,
    pub(super) said_draining: bool,
    pub(super) has_left: bool,
    streams: BTreeMap<ConnId, Stream>,
    busy: u32,
    frame_time: Option<Duration>,
}

#[derive(Debug)]
struct Stream {
    max_age: Option<Duration>,
    /// Still in the connection.
    unread: VecDeque<AnalyzeFrame>,
    waiting: VecDeque<Job>,
    working: usize,
    /// Time of threads that it has had.
    served: Duration,
    heard: At,
}

#[derive(Debug)]
pub(super) struct Job {
    seq: u64,
    attempt: u32,
    age: Duration,
    arrived: At,
    began: At,
}

impl Stream {
    fn held(&self) -> usize {
        self.waiting.len() + self.working
    }
}

impl Worker {
    pub(super) fn new(slot: usize, rng: &mut fastrand::Rng) -> Worker {
        // The first is the one that stays healthy when all is over.
        let habit = match rng.u32(0..40) {
            _ if slot == 0 => Habit::Honest,
            0 => Habit::Fails { blames_itself: true },
            1 => Habit::Fails { blames_itself: false },
            2 => Habit::Twice,
            3 => Habit::Unasked,
            4 => Habit::Mute,
            _ => Habit::Honest,
        };
        Worker {
            life: 0,
            is_up: false,
            is_dark: false,
            name: format!("w{slot}"),
            generation: 0,
            calendar: 0,
            threads: rng.u32(1..=4),
            service: Duration::from_micros(rng.u64(15_000..300_000)),
            habit,
            is_draining: false,
            joined: None,
            next_beat: None,
            failed_calls: 0,
            said_draining: false,
            has_left: false,
            streams: BTreeMap::new(),
            busy: 0,
            frame_time: None,
        }
    }

    pub(super) fn address(slot: usize) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, u8::try_from(slot).expect("there are few")], 50_050))
    }

    pub(super) fn slot_of(address: SocketAddr) -> usize {
        let SocketAddr::V4(address) = address else { unreachable!("all are IPv4") };
        address.ip().octets()[3].into()
    }

    pub(super) fn streams(&self) -> Vec<ConnId> {
        self.streams.keys().copied().collect()
    }

    pub(super) fn load(&self) -> Load {
        let in_flight = self.streams.values().map(Stream::held).sum::<usize>();
        Load {
            in_flight: in_flight.try_into().expect("few"),
            frame_ms: self.frame_time.map(|time| time.as_secs_f32() * 1e3),
            draining: self.is_draining,
            ..Load::default()
        }
    }

    fn greeting(&self) -> Greeting {
        Greeting { name: self.name.clone(), generation: self.generation, threads: self.threads }
    }
}

impl World {
    /// A process starts at this worker's address, unless one is there.
    pub(super) fn start_worker(&mut self, slot: usize, name: Option<String>) {
        let unix_us = 1_700_000_000_000_000 + self.now.as_micros() as i64;
        let worker = &mut self.workers[slot];
        if worker.is_up {
            return;
        }
        worker.is_up = true;
        worker.is_dark = false;
        worker.name = name.unwrap_or_else(|| worker.name.clone());
        worker.generation = (unix_us + worker.calendar) as u64;
        worker.is_draining = false;
        worker.said_draining = false;
        worker.has_left = false;
        worker.joined = None;
        worker.failed_calls = 0;
        worker.busy = 0;
        worker.frame_time = None;
        self.log(|| format!("w{slot} starts"));
        self.next_beat(slot, Duration::ZERO);
    }

    /// A process ends. Its peers are told by their machine's network, unless the machine is `dark`.
    pub(super) fn end_worker(&mut self, slot: usize, dark: bool) {
        let worker = &mut self.workers[slot];
        if !worker.is_up {
            return;
        }
        worker.is_up = false;
        worker.is_dark = dark;
        worker.life += 1;
        let streams = std::mem::take(&mut worker.streams);
        self.forget_pause(Host::Worker(slot));
        self.log(|| format!("w{slot} ends"));
        if !dark {
            streams.into_keys().for_each(|conn| self.say(slot, conn, Segment::Reset));
        }
    }

    /// SIGTERM.
    pub(super) fn drain_worker(&mut self, slot: usize) {
        let worker = &mut self.workers[slot];
        if !worker.is_up || worker.is_draining {
            return;
        }
        worker.is_draining = true;
        let is_waiting = worker.next_beat.is_some();
        self.log(|| format!("w{slot} drains"));
        if is_waiting {
            self.next_beat(slot, Duration::ZERO);
        }
        self.timer(GRACE, Host::Worker(slot), Timer::GraceOver);
        for conn in self.workers[slot].streams() {
            self.workers[slot].streams.get_mut(&conn).expect("it was there").unread.clear();
            self.end_if_drained(slot, conn);
        }
        self.leave_if_drained(slot);
    }

    fn say(&mut self, slot: usize, conn: ConnId, segment: Segment) {
        self.send(Host::Worker(slot), Host::Client(conn.0), Body::Segment(conn, segment));
    }

    pub(super) fn worker_timer(&mut self, slot: usize, timer: Timer) {
        match timer {
            Timer::Member => self.beat(slot),
            Timer::Done(conn, job, spent) => self.done(slot, conn, &job, spent),
            Timer::GraceOver => self.leave(slot),
            Timer::CallOver(call) => self.replied(call, Reply::Failed("no answer in time".to_owned())),
            Timer::Keepalive(conn) => {
                let Some(heard) = self.workers[slot].streams.get(&conn).map(|stream| stream.heard) else { return };
                if self.is_silent(Host::Worker(slot), Host::Client(conn.0), conn, heard) {
                    self.workers[slot].streams.remove(&conn);
                    self.say(slot, conn, Segment::Reset);
                    self.leave_if_drained(slot);
                }
            }
            other => unreachable!("a worker does not wait for {other:?}"),
        }
    }

    pub(super) fn worker_hears(&mut self, slot: usize, conn: ConnId, segment: Segment) {
        let worker = &mut self.workers[slot];
        if !worker.is_up {
            if !worker.is_dark && !matches!(segment, Segment::Reset) {
                self.say(slot, conn, Segment::Reset);
            }
            return;
        }
        if let Some(stream) = worker.streams.get_mut(&conn) {
            stream.heard = self.now;
        }
        match segment {
            Segment::Connect => self.say(slot, conn, Segment::Connected),
            Segment::Open { .. } if worker.is_draining => {
                self.say(slot, conn, Segment::Ended(Lost::because("this worker is draining")));
            }
            Segment::Open { max_age } => {
                let greeting = worker.greeting();
                // As of the others that have work: a stream saves nothing up.
                let served = worker.streams.values().map(|stream| stream.served).min().unwrap_or_default();
                let (unread, waiting) = Default::default();
                let stream = Stream { max_age, unread, waiting, working: 0, served, heard: self.now };
                worker.streams.insert(conn, stream);
                self.say(slot, conn, Segment::Opened(greeting));
                self.timer(Duration::from_secs(1), Host::Worker(slot), Timer::Keepalive(conn));
            }
            Segment::Frame(frame) => match worker.streams.get_mut(&conn) {
                Some(_) if worker.is_draining => {}
                Some(stream) => {
                    stream.unread.push_back(frame);
                    self.work(slot, conn);
                }
                None => self.say(slot, conn, Segment::Reset),
            },
            Segment::Reset => {
                worker.streams.remove(&conn);
                self.leave_if_drained(slot);
            }
            Segment::Ping => self.say(slot, conn, Segment::Pong),
            Segment::Pong => {}
            other => unreachable!("no client sends {other:?}"),
        }
    }

    /// Reads what there is room for, and starts what there are threads for.
    fn work(&mut self, slot: usize, conn: ConnId) {
        let worker = &mut self.workers[slot];
        if let Some(stream) = worker.streams.get_mut(&conn) {
            let most = worker.threads as usize * FRAMES_PER_THREAD;
            while stream.held() < most
                && let Some(AnalyzeFrame { seq, attempt, age, jpeg: _ }) = stream.unread.pop_front()
            {
                stream.waiting.push_back(Job { seq, attempt, age, arrived: self.now, began: self.now });
            }
        }
        while self.workers[slot].busy < self.workers[slot].threads && self.workers[slot].habit != Habit::Mute {
            let worker = &mut self.workers[slot];
            let waiting = worker.streams.iter_mut().filter(|(_, stream)| !stream.waiting.is_empty());
            let Some((conn, stream)) = waiting.min_by_key(|(_, stream)| stream.served) else { return };
            let conn = *conn;
            let mut job = stream.waiting.pop_front().expect("it is not empty");
            let age = job.age + (self.now - job.arrived);
            if stream.max_age.is_some_and(|max| age > max) {
                let pace = self.pace(slot, conn, None);
                self.answer(slot, conn, &job, End::Dropped(DropReason::StaleWorker), false, pace);
                continue;
            }
            stream.working += 1;
            worker.busy += 1;
            job.began = self.now;
            let mean = match worker.habit {
                Habit::Fails { .. } => Duration::from_millis(1),
                _ => worker.service,
            };
            let spent = mean.mul_f64(0.8 + 0.4 * self.rng.f64());
            self.timer(spent, Host::Worker(slot), Timer::Done(conn, job, spent));
        }
    }

    fn done(&mut self, slot: usize, conn: ConnId, job: &Job, spent: Duration) {
        let is_honest = !matches!(self.workers[slot].habit, Habit::Fails { .. });
        let poison = self.poison.get(&(conn.0, job.seq)).copied().filter(|_| is_honest);
        if poison == Some(Poison::Kills) {
            self.tally.killers += 1;
            self.disturbed = Some(self.now);
            self.end_worker(slot, false);
            let again = self.now + self.between(200, 3000);
            self.at(again, super::world::Event::Fault(super::faults::Fault::Start(slot, None)));
            return;
        }
        let worker = &mut self.workers[slot];
        worker.busy -= 1;
        if is_honest && poison.is_none() {
            self.worked_on.insert((conn.0, job.seq));
            worker.frame_time = Some(worker.frame_time.map_or(spent, |mean| mean.mul_f64(0.8) + spent.mul_f64(0.2)));
        }
        if let Some(stream) = worker.streams.get_mut(&conn) {
            stream.working -= 1;
            stream.served += spent;
            let habit = worker.habit;
            let (end, blames_itself) = match (habit, poison) {
                (Habit::Fails { blames_itself }, _) => (failed("device"), blames_itself),
                (_, Some(_)) => (failed("corrupt"), false),
                (_, None) => (End::Ok(found()), false),
            };
            let stayed = self.now - job.arrived;
            let pace = self.pace(slot, conn, Some(stayed));
            if habit == Habit::Unasked && self.one_in(5) {
                // One that it was never sent, or in another attempt.
                let (more, other) = if self.rng.bool() { (100_000, 0) } else { (0, 1) };
                let never = Job { seq: job.seq + more, attempt: job.attempt + other, ..*job };
                self.answer(slot, conn, &never, End::Ok(found()), false, pace);
            }
            let twice = habit == Habit::Twice && matches!(end, End::Ok(_)) && self.one_in(5);
            self.answer(slot, conn, job, end, blames_itself, pace);
            if twice {
                self.answer(slot, conn, job, End::Ok(found()), false, pace);
            }
        }
        self.work(slot, conn);
        self.end_if_drained(slot, conn);
    }

    fn pace(&self, slot: usize, conn: ConnId, stayed: Option<Duration>) -> Pace {
        let worker = &self.workers[slot];
        let sharing = worker.streams.iter().filter(|(id, stream)| **id == conn || stream.held() > 0).count();
        let streams = sharing.try_into().expect("few");
        Pace { frame_time: worker.frame_time, stayed, in_flight: worker.load().in_flight, streams }
    }

    fn answer(&mut self, slot: usize, conn: ConnId, job: &Job, mut end: End, elsewhere: bool, pace: Pace) {
        self.answers += 1;
        if let End::Ok(Found { faces: Some(faces), .. }) = &mut end {
            // Tells which answer it was that reached the report.
            faces[0].x = self.answers as f32;
        }
        let answer = Answer { seq: job.seq, attempt: job.attempt, end, elsewhere, pace };
        self.say(slot, conn, Segment::Answer(self.answers, answer));
    }

    fn end_if_drained(&mut self, slot: usize, conn: ConnId) {
        let worker = &mut self.workers[slot];
        if worker.is_draining && worker.streams.get(&conn).is_some_and(|stream| stream.held() == 0) {
            worker.streams.remove(&conn);
            let reason = "it ended the stream".to_owned();
            self.say(slot, conn, Segment::Ended(Lost { loss: Loss::Left, reason }));
            self.leave_if_drained(slot);
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
