//! One stream: frames from a source, over the workers, back in order, to the report.
//!
//! This is the event loop around [`Session`], which decides everything: it waits for one thing at a time, tells the
//! session, and does what the session says. It computes nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use facefleet_proto::{AnalyzeFrame, DropReason};
use facefleet_service::address::HostPorts;
use facefleet_service::clock;
use facefleet_service::trace::StreamTrace;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::ffmpeg::FfmpegError;
use crate::link::{Link, LinkEvent};
use crate::metrics::Seen;
use crate::report::Progress;
use crate::reporter::Reporter;
use crate::route::{Masters, Said};
use crate::source::Source;
use crate::trace::Trace;
use facefleet_stream::frame::Finished;
use facefleet_stream::ledger::Counts;
use facefleet_stream::session::{Action, LinkId, Session, StreamSpec};

/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(100);
/// How long a stream that was told to stop waits for the frames in flight.
const GRACE: Duration = Duration::from_secs(5);

/// How long after being told to stop a stream waits for a report that takes nothing: behind a pipe that nobody reads.
pub(crate) const STUCK_AFTER: Duration = Duration::from_secs(30);

/// Why a stream ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// Its source failed.
    #[error(transparent)]
    Source(#[from] FfmpegError),
    /// Whoever reads the output has stopped to.
    #[error("what was found could not be written for {} s, and its end is missing", STUCK_AFTER.as_secs())]
    Stuck,
}

/// Runs a stream to its end, or to `stop`. Every frame that the source gives goes to `report`, in order. Returns what
/// the ledger says, and what ended the stream before its time.
pub(crate) async fn run(
    spec: StreamSpec,
    masters: &HostPorts,
    mut source: Source,
    report: mpsc::Sender<Finished>,
    progress: Progress,
    seen: Seen,
    stop: CancellationToken,
) -> (Counts, Result<(), StreamError>) {
    let (event_sender, mut events) = mpsc::unbounded_channel();
    let stream_trace = StreamTrace::random();
    let mut trace = Trace::of(stream_trace);
    let mut masters = Masters::new(masters, stream_trace);
    let mut reporter = Reporter::new(clock::now());
    // Streams that wait for the same worker do not come back in step.
    let mut session = Session::new(spec, clock::unix_us());
    let mut links = Links { open: BTreeMap::new(), events: event_sender, trace: stream_trace };
    let mut tick = tokio::time::interval(TICK);
    let mut ended = Ok(());
    let mut stopped_at: Option<Instant> = None;
    session.tick(clock::now());
    while !session.is_over() {
        while let Some(action) = session.next_action() {
            match action {
                Action::Ask(query) => masters.ask(query),
                Action::Connect(link, candidate, open) => links.connect(link, candidate, open),
                Action::Send(link, frame) => {
                    trace.sent(&frame);
                    links.send(link, frame);
                }
                Action::Close(link) => links.close(link),
                Action::Say(line) => progress.say(&line),
            }
        }
        tokio::select! {
            // In this order: an answer that is here already must be seen before its frame can be called overdue.
            biased;
            Some(event) = events.recv() => match event {
                LinkEvent::Up(link, greeting, frames) => {
                    links.up(link, frames);
                    session.link_up(link, greeting, clock::now());
                }
                LinkEvent::Answer(link, answer) => {
                    trace.answered(&answer);
                    if let Some(took) = session.answer(link, answer, clock::now()) {
                        seen.done(took);
                    }
                }
                LinkEvent::Down(link, lost) => session.link_down(link, &lost, clock::now()),
            },
            permit = report.reserve(), if session.has_ready() => match permit {
                Ok(permit) => {
                    let finished = session.take_ready().expect("the guard says that one is ready");
                    trace.ended(&finished);
                    permit.send(finished);
                }
                // The report has failed, and will say why.
                Err(_closed) => {
                    session.give_up(&DropReason::NotWritten);
                    break;
                }
            },
            () = stop.cancelled(), if stopped_at.is_none() => {
                stopped_at = Some(clock::now());
                session.stop();
                source.close();
            }
            said = masters.says() => match said {
                Said::Route(route) => session.routed(route, clock::now()),
                Said::Waits(streams) => session.waits(streams),
            },
            frame = source.next(), if session.wants_frame() => match frame {
                Some(Ok(frame)) => {
                    trace.came(frame.index);
                    session.frame(frame, clock::now());
                }
                Some(Err(error)) => {
                    ended = Err(error.into());
                    session.source_ended();
                }
                None => session.source_ended(),
            },
            _ = tick.tick() => {
                let now = clock::now();
                session.tick(now);
                if stopped_at.is_some_and(|at| now.saturating_duration_since(at) > GRACE) {
                    session.give_up(&DropReason::Interrupted);
                }
                if stopped_at.is_some_and(|at| now.saturating_duration_since(at) > STUCK_AFTER) {
                    ended = Err(StreamError::Stuck);
                    break;
                }
                progress.update(session.ledger().counts(), now);
                if reporter.is_due(now) {
                    reporter.tell(masters.current(), session.report(), now);
                }
                seen.uses(session.workers_in_use());
            }
        }
    }
    progress.update(session.ledger().counts(), clock::now());
    seen.uses(0);
    // Both are done at once, as a rule, and neither takes more than a second.
    tokio::join!(reporter.end(masters.current(), session.report()), masters.end(session.results()));
    (session.ledger().counts().clone(), ended)
}

/// The connections that the session has asked for.
struct Links {
    open: BTreeMap<LinkId, Open>,
    events: mpsc::UnboundedSender<LinkEvent>,
    /// That of the stream.
    trace: StreamTrace,
}

struct Open {
    _link: Link,
    /// None until the worker takes frames. It takes as many as it is given: the session bounds them.
    frames: Option<mpsc::UnboundedSender<AnalyzeFrame>>,
}

impl Links {
    fn connect(&mut self, id: LinkId, candidate: facefleet_proto::Candidate, open: facefleet_proto::AnalyzeOpen) {
        let link = Link::start(id, candidate, open, self.trace, self.events.clone());
        self.open.insert(id, Open { _link: link, frames: None });
    }

    fn up(&mut self, id: LinkId, frames: mpsc::UnboundedSender<AnalyzeFrame>) {
        if let Some(open) = self.open.get_mut(&id) {
            open.frames = Some(frames);
        }
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
