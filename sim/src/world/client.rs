//! Clients: real streams, whose event loop works with a network, a source and a report that are simulated.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use facefleet_proto::{AnalyzeOpen, Candidate, RouteQuery};
use facefleet_stream::event_loop::{EventLoop, OPEN_TIME, READ_AHEAD, ReportClosed, Step, TICK, Transport};
use facefleet_stream::frame::{Finished, SourceFrame};
use facefleet_stream::session::{Action, Disconnect, LinkEvent, LinkId, NoRoute, RouteEvent, Session, StreamSpec};

use super::Experiment;
use super::bus::Bus;
use super::message::{ConnId, Host, Phase, Reply, Request, Segment, Timer};
use super::worker::Worker;
use crate::engine::At;

/// How long a connection may take to be made, as in `facefleet_service::grpc`.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// What a client is to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Most workers that it may use.
    pub wanted: usize,
    /// Workers that it begins with.
    pub workers_at_first: usize,
    /// How old its frames may be, if it is live.
    pub max_age: Option<Duration>,
    /// How many frames its source has, and the time between two.
    pub frames: u64,
    /// See [`Plan::frames`].
    pub every: Duration,
    /// How many frames the source may be ahead of the stream; a camera does not wait.
    pub read_ahead: u64,
    /// What the report takes for a frame.
    pub report_time: Duration,
    /// Whether its links still tell what comes after they were closed, as one that is just being closed may.
    pub hears_the_dead: bool,
    /// What the random part of its waits follows from.
    pub seed: u64,
}

impl Plan {
    /// A source that is read as the real client does.
    pub const READ_AHEAD: u64 = READ_AHEAD as u64;
}

/// A process with one stream.
#[derive(Debug)]
pub struct Client {
    plan: Plan,
    /// None before it starts and after it has ended.
    stream: Option<EventLoop>,
    ports: Ports,
    /// When it started.
    pub started: At,
    /// Whether its stream has ended.
    pub is_done: bool,
}

/// What the event loop works with.
#[derive(Debug, Default)]
struct Ports {
    /// How far its clock has jumped ahead.
    ahead: Duration,
    links: VecDeque<LinkEvent>,
    is_asking: bool,
    routes: VecDeque<RouteEvent>,
    /// Frames that the source has read ahead, and that it has given.
    ready: u64,
    given: u64,
    source_waits: bool,
    source_ended: bool,
    report_is_busy: bool,
    is_told_to_stop: bool,
    next_tick: At,
    conns: HashMap<LinkId, Conn>,
    /// When the last of what its links tell is seen.
    seen: At,
}

#[derive(Debug)]
struct Conn {
    slot: usize,
    phase: Phase,
    heard: At,
}

impl Client {
    /// A client that has not started.
    pub fn new(plan: Plan) -> Client {
        Client { plan, stream: None, ports: Ports::default(), started: At::ZERO, is_done: false }
    }

    /// What it is to do.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The stream, while it runs.
    pub fn stream(&self) -> Option<&EventLoop> {
        self.stream.as_ref()
    }

    /// Whether its user has pressed Ctrl-C.
    pub fn is_stopped(&self) -> bool {
        self.ports.is_told_to_stop
    }

    /// Frames that its source has given.
    pub fn given(&self) -> u64 {
        self.ports.given
    }

    /// Whether its source has no frame left.
    pub fn is_exhausted(&self) -> bool {
        self.ports.given == self.plan.frames || self.ports.source_ended
    }

    pub(super) fn start(&mut self, number: usize, at: At, bus: &mut Bus<impl Experiment>) {
        self.started = at;
        self.ports.next_tick = at;
        bus.timer_at(at, Host::Client(number), Timer::Tick);
        bus.timer_at(at, Host::Client(number), Timer::Source);
    }

    /// The client's clock jumps ahead.
    pub fn jump(&mut self, by: Duration) {
        self.ports.ahead += by;
    }

    /// The client's user presses Ctrl-C.
    pub fn stop(&mut self, number: usize, bus: &mut Bus<impl Experiment>) {
        self.ports.is_told_to_stop = true;
        bus.wake(number);
    }

    pub(super) fn timer(&mut self, number: usize, timer: Timer, bus: &mut Bus<impl Experiment>) {
        if self.is_done {
            return;
        }
        match timer {
            Timer::Tick => {}
            Timer::Source => self.ports.read(number, &self.plan, bus),
            Timer::Report => self.ports.report_is_busy = false,
            Timer::TooLong(link, phase) => {
                if self.ports.conns.get(&link).is_some_and(|conn| conn.phase == phase) {
                    self.ports.lose(number, link, "it takes too long", bus);
                }
            }
            Timer::Keepalive((_, link)) => {
                let Some(&Conn { slot, heard, .. }) = self.ports.conns.get(&link) else { return };
                let (host, worker) = (Host::Client(number), Host::Worker(slot));
                if bus.is_silent(host, worker, (number, link), heard) {
                    bus.say(host, worker, (number, link), Segment::Reset);
                    self.ports.lose(number, link, "it says nothing", bus);
                }
            }
            Timer::Link(event) => self.ports.links.push_back(event),
            other => unreachable!("a client does not wait for {other:?}"),
        }
        bus.wake(number);
    }

    /// The master has answered a call.
    pub(super) fn answered(&mut self, number: usize, reply: Reply, bus: &mut Bus<impl Experiment>) {
        let route = match reply {
            Reply::Route(route) => Ok(route),
            Reply::Failed(why) => Err(NoRoute::Away(why)),
            Reply::Done => return,
            other => unreachable!("no answer to a question: {other:?}"),
        };
        self.ports.routes.push_back(RouteEvent::Route(route));
        bus.wake(number);
    }

    pub(super) fn hears(&mut self, from: Host, conn: ConnId, segment: Segment, bus: &mut Bus<impl Experiment>) {
        let Host::Worker(slot) = from else { unreachable!("clients have connections to workers alone") };
        if !self.is_done {
            self.ports.hears(slot, conn, segment, &self.plan, bus);
        }
    }

    /// Lets the stream take all that there is for it.
    pub(super) fn go_on<X: Experiment>(&mut self, number: usize, bus: &mut Bus<X>) {
        if self.is_done {
            return;
        }
        let Client { plan, stream, ports, .. } = self;
        let stream = stream.get_or_insert_with(|| EventLoop::start(plan.session(), bus.instant() + ports.ahead));
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(step) = stream.step(&mut cx, &mut Shell { number, plan, ports, bus }) {
            bus.experiment.step(number, step, stream, bus.engine.now(), bus.engine.instant() + ports.ahead);
            if let Step::Over(_) = step {
                let results = stream.session().results();
                bus.call(Host::Client(number), Request::End(results));
                self.ports.end(number, bus);
                self.is_done = true;
                self.stream = None;
                return;
            }
        }
    }
}

impl Plan {
    fn session(&self) -> Session {
        let spec = StreamSpec {
            masters: "master:50051".to_owned(),
            source: String::new(),
            query: RouteQuery { wanted: self.wanted, ..RouteQuery::default() },
            workers_at_first: self.workers_at_first,
            open: AnalyzeOpen { max_age: self.max_age, ..AnalyzeOpen::default() },
            max_frame_bytes: 1 << 20,
        };
        Session::new(spec, self.seed)
    }
}

impl Ports {
    /// The source reads a frame, if there is room for it, and goes on until it waits or has read all.
    fn read(&mut self, number: usize, plan: &Plan, bus: &mut Bus<impl Experiment>) {
        let is_left = |ports: &Ports| ports.given + ports.ready < plan.frames && !ports.source_ended;
        if is_left(self) && self.ready < plan.read_ahead {
            self.ready += 1;
        }
        self.source_waits = self.ready == plan.read_ahead;
        if !self.source_waits && is_left(self) {
            bus.timer(plan.every, Host::Client(number), Timer::Source);
        }
    }

    /// A link has something to tell, which the stream sees a little later, and in order.
    fn tell(&mut self, number: usize, event: LinkEvent, bus: &mut Bus<impl Experiment>) {
        self.seen = self.seen.max(bus.now() + Duration::from_micros(bus.rng.u64(0..2000)));
        bus.timer_at(self.seen, Host::Client(number), Timer::Link(event));
    }

    fn lose(&mut self, number: usize, link: LinkId, why: &str, bus: &mut Bus<impl Experiment>) {
        if self.conns.remove(&link).is_some() {
            self.tell(number, LinkEvent::Down(link, Disconnect::broken(why)), bus);
        }
    }

    fn hears(
        &mut self,
        slot: usize,
        conn @ (number, link): ConnId,
        segment: Segment,
        plan: &Plan,
        bus: &mut Bus<impl Experiment>,
    ) {
        let (host, worker) = (Host::Client(number), Host::Worker(slot));
        let Some(open) = self.conns.get_mut(&link) else {
            if let Segment::Answer(answer) = segment
                && plan.hears_the_dead
            {
                self.tell(number, LinkEvent::Answer(link, answer), bus);
            }
            return;
        };
        open.heard = bus.now();
        match segment {
            Segment::Connected => {
                open.phase = Phase::Opening;
                bus.say(host, worker, conn, Segment::Open { max_age: plan.max_age });
                bus.timer(OPEN_TIME, host, Timer::TooLong(link, Phase::Opening));
                bus.timer(Duration::from_secs(1), host, Timer::Keepalive(conn));
            }
            Segment::Opened(greeting) => {
                open.phase = Phase::Up;
                self.tell(number, LinkEvent::Up(link, greeting), bus);
            }
            Segment::Answer(answer) => self.tell(number, LinkEvent::Answer(link, answer), bus),
            Segment::Ended(lost) => {
                self.conns.remove(&link);
                self.tell(number, LinkEvent::Down(link, lost), bus);
            }
            Segment::Reset => self.lose(number, link, "the connection was reset", bus),
            Segment::Ping => bus.say(host, worker, conn, Segment::Pong),
            Segment::Pong => {}
            other => unreachable!("no worker sends {other:?}"),
        }
    }

    fn connect(&mut self, number: usize, link: LinkId, address: SocketAddr, bus: &mut Bus<impl Experiment>) {
        let slot = Worker::slot_of(address);
        self.conns.insert(link, Conn { slot, phase: Phase::Connecting, heard: bus.now() });
        bus.log(|| format!("c{number} {link:?} to w{slot}"));
        let host = Host::Client(number);
        bus.say(host, Host::Worker(slot), (number, link), Segment::Connect);
        bus.timer(CONNECT_TIMEOUT, host, Timer::TooLong(link, Phase::Connecting));
    }

    fn close(&mut self, number: usize, link: LinkId, bus: &mut Bus<impl Experiment>) {
        if let Some(Conn { slot, .. }) = self.conns.remove(&link) {
            bus.say(Host::Client(number), Host::Worker(slot), (number, link), Segment::Reset);
        }
    }

    fn end(&mut self, number: usize, bus: &mut Bus<impl Experiment>) {
        let mut links: Vec<LinkId> = self.conns.keys().copied().collect();
        links.sort_unstable();
        links.into_iter().for_each(|link| self.close(number, link, bus));
        *self = Ports { given: self.given, is_told_to_stop: self.is_told_to_stop, ..Ports::default() };
        bus.log(|| format!("c{number} is done"));
    }
}

/// The [`Transport`] of a stream in a simulated world.
struct Shell<'a, X: Experiment> {
    number: usize,
    plan: &'a Plan,
    ports: &'a mut Ports,
    bus: &'a mut Bus<X>,
}

impl<X: Experiment> Transport for Shell<'_, X> {
    fn now(&self) -> Instant {
        self.bus.instant() + self.ports.ahead
    }

    fn act(&mut self, action: Action) {
        let Shell { number, ports, bus, .. } = self;
        let number = *number;
        bus.experiment.act(number, &action, bus.engine.now());
        match action {
            Action::Ask(query) => {
                assert!(!std::mem::replace(&mut ports.is_asking, true), "one question at a time");
                bus.call(Host::Client(number), Request::Route(query));
            }
            Action::Connect(link, Candidate { address, .. }, _) => ports.connect(number, link, address, bus),
            Action::Send(link, frame) => {
                bus.log(|| format!("c{number} {link:?} frame {} attempt {}", frame.seq, frame.attempt));
                // None: it is going down, and that is on the way to the session.
                if let Some(conn) = ports.conns.get(&link) {
                    bus.say(Host::Client(number), Host::Worker(conn.slot), (number, link), Segment::Frame(frame));
                }
            }
            Action::Close(link) => {
                bus.log(|| format!("c{number} {link:?} is closed"));
                ports.close(number, link, bus);
            }
            Action::Say(line) => bus.log(|| format!("c{number}: {line}")),
        }
    }

    fn poll_link(&mut self, _: &mut Context<'_>) -> Poll<LinkEvent> {
        let Some(event) = self.ports.links.pop_front() else { return Poll::Pending };
        if let LinkEvent::Down(link, lost) = &event {
            self.bus.log(|| format!("c{} {link:?} is down: {}", self.number, lost.reason));
        }
        self.bus.experiment.link(self.number, &event, self.bus.engine.now());
        Poll::Ready(event)
    }

    fn poll_report(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ReportClosed>> {
        if self.ports.report_is_busy { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn report(&mut self, finished: Finished) {
        self.ports.report_is_busy = true;
        self.bus.experiment.reported(self.number, &finished);
        self.bus.timer(self.plan.report_time, Host::Client(self.number), Timer::Report);
    }

    fn poll_stop(&mut self, _: &mut Context<'_>) -> Poll<()> {
        if self.ports.is_told_to_stop { Poll::Ready(()) } else { Poll::Pending }
    }

    fn close_source(&mut self) {
        self.ports.ready = 0;
        self.ports.source_ended = true;
        let now = self.now();
        self.bus.experiment.stopped(self.number, now);
    }

    fn poll_route(&mut self, _: &mut Context<'_>) -> Poll<RouteEvent> {
        let Some(route) = self.ports.routes.pop_front() else { return Poll::Pending };
        self.ports.is_asking = false;
        Poll::Ready(route)
    }

    fn poll_frame(&mut self, _: &mut Context<'_>) -> Poll<Option<SourceFrame>> {
        let Shell { number, plan, ports, bus } = self;
        if ports.given == plan.frames || ports.source_ended {
            return Poll::Ready(None);
        }
        if ports.ready == 0 {
            return Poll::Pending;
        }
        let index = ports.given;
        ports.given += 1;
        ports.ready -= 1;
        if std::mem::take(&mut ports.source_waits) {
            bus.timer(plan.every, Host::Client(*number), Timer::Source);
        }
        let now = bus.instant() + ports.ahead;
        bus.experiment.given(*number, index, now);
        Poll::Ready(Some(SourceFrame::new(index, bus.experiment.jpeg(*number, index))))
    }

    fn poll_tick(&mut self, _: &mut Context<'_>) -> Poll<()> {
        if self.bus.now() < self.ports.next_tick {
            return Poll::Pending;
        }
        // As tokio's interval: ticks that were missed come one after the other.
        self.ports.next_tick += TICK;
        self.bus.timer_at(self.ports.next_tick, Host::Client(self.number), Timer::Tick);
        Poll::Ready(())
    }
}
