//! Clients: real sessions, with the event loop of [`crate::stream`] played for them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use facefleet_proto::view::StreamReport;
use facefleet_proto::{AnalyzeOpen, DropReason, RouteQuery, wire};

use super::super::PAUSED;
use super::invariants::Audit;
use super::master::{Reply, Request};
use super::network::{Body, Segment};
use super::worker::Worker;
use super::world::{At, ConnId, Heard, Host, Poison, Timer, World};
use crate::frame::{SourceFrame, Unreadable};
use crate::session::{Action, LinkId, Loss, Lost, NoRoute, Session, StreamSpec};

/// As in [`crate::stream`], [`crate::source`], [`crate::link`] and `facefleet_service::grpc`.
const TICK: Duration = Duration::from_millis(100);
const GRACE: Duration = Duration::from_secs(5);
const READ_AHEAD: u64 = 4;
const OPEN_TIME: Duration = Duration::from_secs(5);
/// What a disk that is full of other work takes for a frame.
pub(super) const SLOW_REPORT: Duration = Duration::from_millis(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Client {
    pub(super) session: Session,
    pub(super) started: At,
    pub(super) is_done: bool,
    pub(super) max_age: Option<Duration>,
    /// How far its clock has jumped ahead.
    pub(super) ahead: Duration,
    pub(super) source: Source,
    /// What the report takes for a frame, and whether it can take one.
    pub(super) report_time: Duration,
    report_is_free: bool,
    is_asking: bool,
    last_tick: Option<Instant>,
    conns: BTreeMap<LinkId, Conn>,
    /// Whether its links still tell what comes after they were closed, as one that is just being closed may.
    hears_the_dead: bool,
    /// When the last of what its links tell is seen.
    inbox: At,
    pub(super) stopped_at: Option<At>,
    pub(super) audit: Audit,
}

/// Where its frames come from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) frames: u64,
    /// Frames that it has read ahead, and that it has given.
    ready: u64,
    pub(super) given: u64,
    pub(super) every: Duration,
    is_waiting: bool,
}

#[derive(Debug)]
struct Conn {
    slot: usize,
    phase: Phase,
    heard: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    Opening,
    Up,
}

impl Client {
    pub(super) fn new(workers: usize, rng: &mut fastrand::Rng) -> Client {
        let is_live = rng.u32(0..3) == 0;
        let max_age = is_live.then(|| Duration::from_millis(rng.u64(200..1000)));
        let every = if is_live { rng.u64(20_000..100_000) } else { rng.u64(500..3000) };
        let frames = if is_live { rng.u64(50..300) } else { rng.u64(50..500) };
        let wanted = if rng.bool() { workers } else { rng.usize(1..=workers) };
        let slow_report = rng.u32(0..10) == 0;
        let query = RouteQuery { wanted, ..RouteQuery::default() };
        let open = AnalyzeOpen { max_age, ..AnalyzeOpen::default() };
        let spec = StreamSpec {
            masters: "master:50051".to_owned(),
            source: String::new(),
            query,
            open,
            max_frame_bytes: 1 << 20,
        };
        Client {
            session: Session::new(spec, rng.u64(..)),
            started: At::ZERO,
            is_done: false,
            max_age,
            ahead: Duration::ZERO,
            source: Source { frames, ready: 0, given: 0, every: Duration::from_micros(every), is_waiting: false },
            report_time: Duration::from_micros(if slow_report {
                SLOW_REPORT.as_micros() as u64
            } else {
                rng.u64(50..2000)
            }),
            report_is_free: true,
            is_asking: false,
            last_tick: None,
            conns: BTreeMap::new(),
            hears_the_dead: rng.bool(),
            inbox: At::ZERO,
            stopped_at: None,
            audit: Audit::new(wanted),
        }
    }
}

impl World {
    /// The time as this client reads it.
    fn client_instant(&self, number: usize) -> Instant {
        self.instant() + self.clients[number].ahead
    }

    pub(super) fn client_timer(&mut self, number: usize, timer: Timer) {
        let now = self.client_instant(number);
        let host = Host::Client(number);
        let client = &mut self.clients[number];
        if client.is_done {
            return;
        }
        match timer {
            Timer::Tick => {
                let links: Vec<LinkId> = client.session.links.keys().copied().collect();
                client.session.tick(now);
                let report = wire::StreamReport::from(StreamReport { lease: 1, ..client.session.report() });
                StreamReport::try_from(report).expect("what people are shown adds up at any time");
                let gap = client.last_tick.replace(now).map(|last| now - last);
                let was_stopped = gap.is_some_and(|gap| gap > PAUSED);
                let all_are_kept = links.iter().all(|link| client.session.links.contains_key(link));
                assert!(!was_stopped || all_are_kept, "what came in {gap:?} was not waited for");
                if client.stopped_at.is_some_and(|at| self.now > at + GRACE) {
                    client.audit.given_up();
                    client.session.give_up(&DropReason::Interrupted);
                }
                self.timer(TICK, host, Timer::Tick);
                self.check_that_it_goes_on(number);
            }
            Timer::Source => {
                let Source { frames, ready, given, every, is_waiting } = &mut client.source;
                if *given + *ready < *frames && *ready < READ_AHEAD {
                    *ready += 1;
                }
                *is_waiting = *ready == READ_AHEAD;
                let (every, goes_on) = (*every, !*is_waiting && *given + *ready < *frames);
                if goes_on {
                    self.timer(every, host, Timer::Source);
                }
            }
            Timer::Report => client.report_is_free = true,
            Timer::CallOver(call) => return self.replied(call, Reply::Failed("no answer in time".to_owned())),
            Timer::TooLong(link, what) => {
                let awaited = if what == CONNECTING { Phase::Connecting } else { Phase::Opening };
                if client.conns.get(&link).is_some_and(|conn| conn.phase == awaited) {
                    self.lose(number, link, what);
                }
            }
            Timer::Keepalive((_, link)) => {
                let Some(&Conn { slot, heard, .. }) = client.conns.get(&link) else { return };
                if self.is_silent(host, Host::Worker(slot), (number, link), heard) {
                    self.say_to_worker(slot, (number, link), Segment::Reset);
                    self.lose(number, link, "it says nothing");
                }
            }
            Timer::Heard(link, heard) => self.tell(number, link, heard, now),
            Timer::Stop => {
                if client.stopped_at.is_none() {
                    client.stopped_at = Some(self.now);
                    client.session.stop();
                    client.source.ready = 0;
                    client.source.frames = client.source.given;
                }
            }
            other => unreachable!("a client does not wait for {other:?}"),
        }
        self.go_on(number);
    }

    pub(super) fn client_routed(&mut self, number: usize, reply: Reply) {
        let now = self.client_instant(number);
        let client = &mut self.clients[number];
        if client.is_done {
            return;
        }
        client.is_asking = false;
        client.session.routed(
            match reply {
                Reply::Route(route) => Ok(route),
                Reply::Failed(why) => Err(NoRoute::Away(why)),
                other => unreachable!("no answer to a question: {other:?}"),
            },
            now,
        );
        self.go_on(number);
    }

    fn say_to_worker(&mut self, slot: usize, conn: ConnId, segment: Segment) {
        self.send(Host::Client(conn.0), Host::Worker(slot), Body::Segment(conn, segment));
    }

    /// A link has something to tell.
    fn hear(&mut self, number: usize, link: LinkId, heard: Heard) {
        let at = self.clients[number].inbox.max(self.now + Duration::from_micros(self.rng.u64(0..2000)));
        self.clients[number].inbox = at;
        self.timer_at(at, Host::Client(number), Timer::Heard(link, heard));
    }

    fn lose(&mut self, number: usize, link: LinkId, why: &str) {
        if self.clients[number].conns.remove(&link).is_some() {
            self.hear(number, link, Heard::Down(Lost::because(why)));
        }
    }

    pub(super) fn client_hears(&mut self, from: Host, conn @ (number, link): ConnId, segment: Segment) {
        let Host::Worker(slot) = from else { unreachable!("clients have connections to workers alone") };
        let client = &mut self.clients[number];
        let Some(open) = client.conns.get_mut(&link) else {
            if let Segment::Answer(id, answer) = segment
                && client.hears_the_dead
            {
                self.hear(number, link, Heard::Answer(id, answer));
            }
            return;
        };
        open.heard = self.now;
        match segment {
            Segment::Connected => {
                open.phase = Phase::Opening;
                let max_age = client.max_age;
                self.say_to_worker(slot, conn, Segment::Open { max_age });
                self.timer(OPEN_TIME, Host::Client(number), Timer::TooLong(link, OPENING));
                self.timer(Duration::from_secs(1), Host::Client(number), Timer::Keepalive(conn));
            }
            Segment::Opened(greeting) => {
                open.phase = Phase::Up;
                self.hear(number, link, Heard::Up(greeting));
            }
            Segment::Answer(id, answer) => self.hear(number, link, Heard::Answer(id, answer)),
            Segment::Ended(lost) => {
                client.conns.remove(&link);
                self.hear(number, link, Heard::Down(lost));
            }
            Segment::Reset => self.lose(number, link, "the connection was reset"),
            Segment::Ping => self.say_to_worker(slot, conn, Segment::Pong),
            Segment::Pong => {}
            other => unreachable!("no worker sends {other:?}"),
        }
    }

    /// The session hears of a link.
    fn tell(&mut self, number: usize, link: LinkId, heard: Heard, now: Instant) {
        let time = self.now;
        if let Heard::Down(lost) = &heard {
            self.log(|| format!("c{number} {link:?} is down: {}", lost.reason));
        }
        let Client { session, audit, .. } = &mut self.clients[number];
        match heard {
            Heard::Up(greeting) => {
                audit.up(link, &greeting, &self.workers, time);
                session.link_up(link, greeting, now);
            }
            Heard::Down(lost) => {
                audit.down(link, lost.loss == Loss::Left, time);
                session.link_down(link, &lost, now);
            }
            Heard::Answer(id, answer) => {
                let expected = audit.answered(link, id, &answer, session, time);
                session.answer(link, answer, now);
                Audit::check_answered(expected, session, time);
            }
        }
    }

    /// Does what the session says, and gives it what it wants, until it waits.
    fn go_on(&mut self, number: usize) {
        loop {
            while let Some(action) = self.clients[number].session.next_action() {
                self.act(number, action);
            }
            let now = self.client_instant(number);
            let client = &mut self.clients[number];
            let (is_live, is_stopped) = (client.max_age.is_some(), client.stopped_at.is_some());
            client.audit.check(&client.session, is_live, is_stopped, self.now);
            if client.session.is_over() {
                return self.finish(number);
            }
            if client.report_is_free
                && let Some(finished) = client.session.take_ready()
            {
                client.report_is_free = false;
                let after = client.report_time;
                let poison = self.poison.get(&(number, finished.frame.index)).copied();
                let was_worked_on = self.worked_on.contains(&(number, finished.frame.index));
                let may_drop: &[DropReason] = match (is_live, is_stopped) {
                    (false, false) => &[],
                    (false, true) => &[DropReason::Interrupted],
                    (true, _) => &[
                        DropReason::Interrupted,
                        DropReason::StaleClient,
                        DropReason::StaleWorker,
                        DropReason::QueueFull,
                    ],
                };
                client.audit.reported(&finished, poison, was_worked_on, may_drop, &mut self.tally);
                self.timer(after, Host::Client(number), Timer::Report);
            } else if client.session.wants_frame() && client.source.ready > 0 {
                let index = client.source.given;
                client.source.given += 1;
                client.source.ready -= 1;
                let poison = self.poison.get(&(number, index));
                let jpeg = match poison {
                    Some(Poison::Unreadable) => Err(Unreadable("it is not there".to_owned())),
                    _ => Ok(Bytes::from_static(b"jpeg")),
                };
                client.audit.given(index, now);
                client.session.frame(SourceFrame { index, time: None, image: None, jpeg }, now);
                if std::mem::take(&mut client.source.is_waiting) {
                    let every = client.source.every;
                    self.timer(every, Host::Client(number), Timer::Source);
                }
            } else if client.session.wants_frame() && client.source.given == client.source.frames {
                client.session.source_ended();
            } else {
                return self.check_that_workers_are_busy(number);
            }
        }
    }

    fn act(&mut self, number: usize, action: Action) {
        let now = self.client_instant(number);
        let client = &mut self.clients[number];
        match action {
            Action::Ask(query) => {
                assert!(!std::mem::replace(&mut client.is_asking, true), "one question at a time");
                let excusable = client.audit.excusable(self.now);
                self.call(Host::Client(number), 0, Request::Route(query, excusable));
            }
            Action::Connect(link, candidate, _) => {
                let slot = Worker::slot_of(candidate.address);
                client.audit.connect(link, candidate.address, self.now);
                client.conns.insert(link, Conn { slot, phase: Phase::Connecting, heard: self.now });
                self.log(|| format!("c{number} {link:?} to w{slot}"));
                self.say_to_worker(slot, (number, link), Segment::Connect);
                self.timer(CONNECT_TIMEOUT, Host::Client(number), Timer::TooLong(link, CONNECTING));
            }
            Action::Send(link, frame) => {
                client.audit.send(link, &frame, &client.session, (now, self.now));
                let slot = client.conns.get(&link).map(|conn| conn.slot);
                self.log(|| format!("c{number} {link:?} frame {} attempt {}", frame.seq, frame.attempt));
                // None: it is going down, and that is on the way to the session.
                if let Some(slot) = slot {
                    self.say_to_worker(slot, (number, link), Segment::Frame(frame));
                }
            }
            Action::Close(link) => {
                client.audit.down(link, false, self.now);
                let conn = client.conns.remove(&link);
                self.log(|| format!("c{number} {link:?} is closed"));
                if let Some(Conn { slot, .. }) = conn {
                    self.say_to_worker(slot, (number, link), Segment::Reset);
                }
            }
            Action::Say(line) => self.log(|| format!("c{number}: {line}")),
        }
    }

    fn finish(&mut self, number: usize) {
        let client = &mut self.clients[number];
        client.is_done = true;
        client.audit.check_end(&client.session, client.source.given, self.now);
        let conns = std::mem::take(&mut client.conns);
        self.tally.stream(&self.clients[number].session, self.now);
        self.log(|| format!("c{number} is done"));
        for (link, Conn { slot, .. }) in conns {
            self.say_to_worker(slot, (number, link), Segment::Reset);
        }
    }
}

const CONNECTING: &str = "it cannot be reached in time";
const OPENING: &str = "it does not open the stream in time";
