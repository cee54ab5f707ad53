//! One stream: frames from a source, over the workers, back in order, to the report.
//!
//! [`EventLoop`] decides what happens, and in which order. Here is what it works with, on tokio: the links, the masters, the source,
//! the report and the clock; and beside it what people are shown.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use facefleet_proto::{AnalyzeFrame, AnalyzeOpen, Candidate};
use facefleet_service::address::HostPorts;
use facefleet_service::clock;
use facefleet_service::trace::StreamTrace;
use facefleet_stream::event_loop::{Ended, EventLoop, ReportClosed, STUCK_AFTER, Step, TICK, Transport};
use facefleet_stream::frame::{Finished, SourceFrame};
use facefleet_stream::ledger::Counts;
use facefleet_stream::session::{self, Action, LinkId, RouteEvent, Session, StreamSpec};
use tokio::sync::mpsc;
use tokio::time::Interval;
use tokio_util::sync::{CancellationToken, PollSender, WaitForCancellationFutureOwned};

use crate::link::{Link, LinkEvent};
use crate::metrics::Seen;
use crate::report::Progress;
use crate::reporter::Reporter;
use crate::route::Masters;
use crate::source::{Source, SourceError};
use crate::trace::Trace;

/// Why a stream ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// Its source failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Whoever reads the output has stopped to.
    #[error("what was found could not be written for {} s, and its end is missing", STUCK_AFTER.as_secs())]
    Stuck,
}

/// Runs a stream to its end, or to `stop`. Every frame that the source gives goes to `report`, in order. Returns what
/// the ledger says, and what ended the stream before its time.
pub(crate) async fn run(
    spec: StreamSpec,
    masters: &HostPorts,
    source: Source,
    report: mpsc::Sender<Finished>,
    progress: Progress,
    seen: Seen,
    stop: CancellationToken,
) -> (Counts, Result<(), StreamError>) {
    let trace = StreamTrace::random();
    let mut shell = Shell {
        masters: Masters::new(masters, trace),
        links: Links::new(trace),
        source,
        source_error: None,
        report: PollSender::new(report),
        progress: progress.clone(),
        stop: Box::pin(stop.cancelled_owned()),
        tick: tokio::time::interval(TICK),
        trace: Trace::of(trace),
    };
    let mut reporter = Reporter::new(clock::now());
    // Streams that wait for the same worker do not come back in step.
    let mut stream = EventLoop::start(Session::new(spec, clock::unix_us()), clock::now());
    let ended = loop {
        match poll_fn(|cx| stream.step(cx, &mut shell)).await {
            Step::Acted | Step::Event => {}
            Step::Done(latency) => seen.done(latency),
            Step::Tick => {
                let now = clock::now();
                progress.update(stream.session().ledger().counts(), now);
                if reporter.is_due(now) {
                    reporter.tell(shell.masters.current(), stream.take_report(), now);
                }
                seen.uses(stream.session().workers_in_use());
            }
            Step::Over(ended) => break ended,
        }
    };
    let counts = stream.session().ledger().counts().clone();
    progress.update(&counts, clock::now());
    seen.uses(0);
    let Shell { masters, source_error, .. } = shell;
    // Both are done at once, as a rule, and neither takes more than a second.
    tokio::join!(reporter.end(masters.current(), stream.take_report()), masters.end(stream.session().results()));
    let ended = match (ended, source_error) {
        (Ended::Stuck, _) => Err(StreamError::Stuck),
        // Why a report has ended it says itself.
        (Ended::Complete | Ended::ReportClosed, Some(error)) => Err(error.into()),
        (Ended::Complete | Ended::ReportClosed, None) => Ok(()),
    };
    (counts, ended)
}

/// The [`Transport`] of a stream, over tokio.
struct Shell {
    masters: Masters,
    links: Links,
    source: Source,
    source_error: Option<SourceError>,
    report: PollSender<Finished>,
    progress: Progress,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    tick: Interval,
    trace: Trace,
}

impl Transport for Shell {
    fn now(&self) -> Instant {
        clock::now()
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Ask(query) => self.masters.ask(query),
            Action::Connect(link, candidate, open) => self.links.connect(link, candidate, open),
            Action::Send(link, frame) => {
                self.trace.sent(&frame);
                self.links.send(link, frame);
            }
            Action::Close(link) => self.links.close(link),
            Action::Say(line) => self.progress.say(&line),
        }
    }

    fn poll_link(&mut self, cx: &mut Context<'_>) -> Poll<session::LinkEvent> {
        let event = self.links.poll_event(cx);
        if let Poll::Ready(session::LinkEvent::Answer(_, answer)) = &event {
            self.trace.answered(answer);
        }
        event
    }

    fn poll_report(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReportClosed>> {
        self.report.poll_reserve(cx).map_err(|_closed| ReportClosed)
    }

    fn report(&mut self, finished: Finished) {
        self.trace.ended(&finished);
        // Err: the report has ended since it had room, and the loop learns that from the next frame.
        let _ = self.report.send_item(finished);
    }

    fn poll_stop(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.stop.as_mut().poll(cx)
    }

    fn close_source(&mut self) {
        self.source.close();
    }

    fn poll_route(&mut self, cx: &mut Context<'_>) -> Poll<RouteEvent> {
        self.masters.poll_answer(cx)
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<SourceFrame>> {
        self.source.poll_next(cx).map(|next| match next? {
            Ok(frame) => {
                self.trace.came(frame.index);
                Some(frame)
            }
            Err(error) => {
                self.source_error = Some(error);
                None
            }
        })
    }

    fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.tick.poll_tick(cx).map(drop)
    }
}

/// The connections that the session has asked for.
struct Links {
    open: BTreeMap<LinkId, Open>,
    events: mpsc::UnboundedReceiver<LinkEvent>,
    /// What each link tells its events to.
    sender: mpsc::UnboundedSender<LinkEvent>,
    trace: StreamTrace,
}

struct Open {
    _link: Link,
    /// None until the worker takes frames. It takes as many as it is given: the session bounds them.
    frames: Option<mpsc::UnboundedSender<AnalyzeFrame>>,
}

impl Links {
    fn new(trace: StreamTrace) -> Links {
        let (sender, events) = mpsc::unbounded_channel();
        Links { open: BTreeMap::new(), events, sender, trace }
    }

    fn connect(&mut self, id: LinkId, candidate: Candidate, open: AnalyzeOpen) {
        let link = Link::start(id, candidate, open, self.trace, self.sender.clone());
        self.open.insert(id, Open { _link: link, frames: None });
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<session::LinkEvent> {
        self.events.poll_recv(cx).map(|event| match event.expect("`Links` holds a sender of its own") {
            LinkEvent::Up(id, greeting, frames) => {
                if let Some(open) = self.open.get_mut(&id) {
                    open.frames = Some(frames);
                }
                session::LinkEvent::Up(id, greeting)
            }
            LinkEvent::Answer(id, answer) => session::LinkEvent::Answer(id, answer),
            LinkEvent::Down(id, lost) => session::LinkEvent::Down(id, lost),
        })
    }

    fn send(&self, id: LinkId, frame: AnalyzeFrame) {
        let frames = self.open.get(&id).and_then(|open| open.frames.as_ref());
        // Err: the link is going down, and its Down is on the way.
        let _ = frames.expect("frames are given only to links that are up").send(frame);
    }

    fn close(&mut self, id: LinkId) {
        self.open.remove(&id);
    }
}
