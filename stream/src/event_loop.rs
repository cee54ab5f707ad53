//! The event loop of one stream: it gives a [`Session`] what happens, one event at a time and in a fixed order, and hands the
//! session's [`Action`]s to a [`Transport`].
//!
//! The loop knows no runtime: the client drives it with sockets and timers, and the simulator with virtual ones, so that what is
//! simulated is what is shipped. The order of events matters. An answer that is here already must be seen before its frame can be
//! called overdue, and a frame that can be reported makes room for the next one, so links come first, and the clock comes last.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use facefleet_proto::DropReason;
use facefleet_proto::view::StreamReport;

use crate::frame::{Finished, SourceFrame};
use crate::session::{Action, LinkEvent, RouteEvent, Session};

/// How often the clock is looked at.
pub const TICK: Duration = Duration::from_millis(100);
/// How long a stream that was told to stop waits for the frames in flight.
pub const GRACE: Duration = Duration::from_secs(5);
/// How long after being told to stop a stream waits for a report that takes nothing, as behind a pipe that nobody reads.
pub const STUCK_AFTER: Duration = Duration::from_secs(30);
/// Frames that a source may have read before the session takes them. More would only be memory.
pub const READ_AHEAD: usize = 4;
/// How long the opening of a stream may take: a worker that is there answers it at once, however busy it is.
pub const OPEN_TIME: Duration = Duration::from_secs(5);

/// The outside world of one stream: its links, masters, source, report and clock.
///
/// The `poll_` methods follow the rules of [`Future::poll`]: one that returns `Pending` has seen to it
/// that the task is woken when it has something.
pub trait Transport {
    /// The time of the clock that the whole stream goes by.
    fn now(&self) -> Instant;

    /// Does what the session wants done, without waiting for it.
    fn act(&mut self, action: Action);

    /// The next event of any link.
    fn poll_link(&mut self, cx: &mut Context<'_>) -> Poll<LinkEvent>;

    /// Whether the report has room for one frame. Once it has, [`Transport::report`] follows.
    ///
    /// # Errors
    /// The report has ended and will take nothing more.
    fn poll_report(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReportClosed>>;

    /// Gives the report the frame that it has room for.
    fn report(&mut self, finished: Finished);

    /// Whether the stream is told to stop. The loop does not ask again after that.
    fn poll_stop(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Ends the source: what it has read ahead is of no use any more.
    fn close_source(&mut self);

    /// What the masters answer to the question that is open. `Pending` when there is none.
    fn poll_route(&mut self, cx: &mut Context<'_>) -> Poll<RouteEvent>;

    /// The next frame of the source; None at its end. Why a source has failed is for the transport to remember.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<SourceFrame>>;

    /// Whether [`TICK`] has passed since the last tick.
    fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// The report has ended before its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportClosed;

/// One step of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// All actions that were pending went to the transport.
    Acted,
    /// The session took an event that has no step of its own.
    Event,
    /// A frame was worked on, so long after it had come from its source.
    Done(Duration),
    /// The clock was looked at.
    Tick,
    /// The stream has ended, and there is no further step.
    Over(Ended),
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every frame has gone to the report.
    Complete,
    /// The report has ended before the stream, and the frames that it did not take are dropped.
    ReportClosed,
    /// The report took nothing for [`STUCK_AFTER`] after the stream was told to stop.
    Stuck,
}

/// A running stream.
#[derive(Debug)]
pub struct EventLoop {
    session: Session,
    stopped_at: Option<Instant>,
}

impl EventLoop {
    /// Starts a session that has seen nothing yet.
    pub fn start(mut session: Session, now: Instant) -> EventLoop {
        session.tick(now);
        EventLoop { session, stopped_at: None }
    }

    /// The state of the stream.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// See [`Session::report`].
    pub fn take_report(&mut self) -> StreamReport {
        self.session.report()
    }

    /// Hands all pending actions to the transport. If there are none, takes one event: the first that is ready of a link's, room
    /// in the report, a stop, a master's answer, a frame of the source and a tick.
    pub fn step(&mut self, cx: &mut Context<'_>, transport: &mut impl Transport) -> Poll<Step> {
        let mut acted = false;
        while let Some(action) = self.session.next_action() {
            transport.act(action);
            acted = true;
        }
        if acted {
            return Poll::Ready(Step::Acted);
        }
        if self.session.is_over() {
            return Poll::Ready(Step::Over(Ended::Complete));
        }
        if let Poll::Ready(event) = transport.poll_link(cx) {
            let done = self.session.link(event, transport.now());
            return Poll::Ready(done.map_or(Step::Event, Step::Done));
        }
        if self.session.has_ready()
            && let Poll::Ready(room) = transport.poll_report(cx)
        {
            return Poll::Ready(self.report(room, transport));
        }
        if self.stopped_at.is_none() && transport.poll_stop(cx).is_ready() {
            self.stopped_at = Some(transport.now());
            self.session.stop();
            transport.close_source();
            return Poll::Ready(Step::Event);
        }
        if let Poll::Ready(event) = transport.poll_route(cx) {
            match event {
                RouteEvent::Route(route) => self.session.routed(route, transport.now()),
                RouteEvent::Queued(streams) => self.session.queued(streams),
            }
            return Poll::Ready(Step::Event);
        }
        if self.session.wants_frame()
            && let Poll::Ready(frame) = transport.poll_frame(cx)
        {
            match frame {
                Some(frame) => self.session.frame(frame, transport.now()),
                None => self.session.source_ended(),
            }
            return Poll::Ready(Step::Event);
        }
        transport.poll_tick(cx).map(|()| self.tick(transport.now()))
    }

    fn report(&mut self, room: Result<(), ReportClosed>, transport: &mut impl Transport) -> Step {
        match room {
            Ok(()) => {
                transport.report(self.session.take_ready().expect("the caller has seen that one is ready"));
                Step::Event
            }
            Err(ReportClosed) => {
                self.session.give_up(&DropReason::NotWritten);
                Step::Over(Ended::ReportClosed)
            }
        }
    }

    fn tick(&mut self, now: Instant) -> Step {
        self.session.tick(now);
        let stopped_for = self.stopped_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        if stopped_for > GRACE {
            self.session.give_up(&DropReason::Interrupted);
        }
        if stopped_for > STUCK_AFTER { Step::Over(Ended::Stuck) } else { Step::Tick }
    }
}
