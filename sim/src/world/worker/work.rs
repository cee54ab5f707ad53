//! What a worker does with its streams: it takes frames from each in turn, and answers.

use std::collections::VecDeque;
use std::time::Duration;

use facefleet_proto::{AnalyzeFrame, DropReason, FaceBox};
use facefleet_stream::frame::{End, Found};
use facefleet_stream::session::{Disconnect, DisconnectKind, FrameAnswer, FrameAttempt, Pace};

use super::habit::{CORRUPT, Habit, KILLS};
use super::speed::jitter;
use super::{Killed, Worker};
use crate::engine::At;
use crate::world::Experiment;
use crate::world::bus::Bus;
use crate::world::message::{ConnId, Ends, Job, Segment, Timer};

/// Frames that a stream may have at a worker for each thread; what is sent beyond waits in the connection.
const FRAMES_PER_THREAD: usize = 4;
/// What a worker with a broken detector takes to say so.
const FAILS_WITHIN: Duration = Duration::from_millis(1);

/// A stream at a worker.
#[derive(Debug)]
pub(super) struct Stream {
    max_age: Option<Duration>,
    /// Still in the connection.
    pub(super) unread: VecDeque<AnalyzeFrame>,
    waiting: VecDeque<Job>,
    working: usize,
    /// Time of threads that it has had.
    served: Duration,
    pub(super) heard: At,
}

impl Stream {
    pub(super) fn held(&self) -> usize {
        self.waiting.len() + self.working
    }
}

impl Worker {
    pub(in crate::world) fn hears(&mut self, conn: ConnId, segment: Segment, bus: &mut Bus<impl Experiment>) {
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
            Segment::Open { .. } if self.is_draining() => {
                self.say(conn, Segment::Ended(Disconnect::broken("this worker is draining")), bus);
            }
            Segment::Open { max_age } => self.open(conn, max_age, bus),
            Segment::Frame(frame) => match self.streams.get_mut(&conn) {
                Some(_) if self.member.is_draining() => {}
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
        match self.habit {
            Habit::Fails { .. } => jitter(FAILS_WITHIN, &mut bus.rng),
            _ => self.speed.next_service(bus.now(), &mut bus.rng),
        }
    }

    pub(super) fn done(
        &mut self,
        conn: ConnId,
        job: &Job,
        spent: Duration,
        bus: &mut Bus<impl Experiment>,
    ) -> Option<Killed> {
        let is_honest = !matches!(self.habit, Habit::Fails { .. });
        if is_honest && job.frame.jpeg == KILLS {
            self.end(Ends::Process, bus);
            return Some(Killed);
        }
        self.busy -= 1;
        if is_honest && job.frame.jpeg != CORRUPT {
            bus.experiment.worked_on(conn.0, job.frame.seq);
            self.speed.measure(spent, bus.now());
        }
        if let Some(stream) = self.streams.get_mut(&conn) {
            stream.working -= 1;
            stream.served += spent;
            self.answer_done(conn, job, spent, bus);
        }
        self.work(conn, bus);
        self.end_if_drained(conn, bus);
        None
    }

    fn answer_done(&self, conn: ConnId, job: &Job, spent: Duration, bus: &mut Bus<impl Experiment>) {
        let end = match self.habit {
            Habit::Fails { .. } => failed("device"),
            _ if job.frame.jpeg == CORRUPT => failed("corrupt"),
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
            frame_time: own.or(self.speed.frame_time(bus.now())),
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

    pub(super) fn end_if_drained(&mut self, conn: ConnId, bus: &mut Bus<impl Experiment>) {
        if self.is_draining() && self.streams.get(&conn).is_some_and(|stream| stream.held() == 0) {
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
