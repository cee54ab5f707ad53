//! One stream: frames from a source, over the workers, back in order, to the report.
//!
//! This is the event loop around the pure parts: [`Dispatch`] says which frame goes where, [`Reorder`] restores the
//! order, [`Ledger`] counts. It computes nothing and waits for one thing at a time.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use facefleet_proto::{AnalyzeFrame, AnalyzeOpen, Candidate, RouteQuery, WorkerId};
use facefleet_service::address::HostPort;
use facefleet_service::backoff::Backoff;
use facefleet_service::{clock, grpc};
use prost::bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::dispatch::{Assignment, Dispatch, LinkId, WINDOW};
use crate::ffmpeg::FfmpegError;
use crate::frame::{End, Finished};
use crate::ledger::Ledger;
use crate::link::{Answer, Link, LinkEvent, Lost, Worker};
use crate::reorder::Reorder;
use crate::report::Progress;
use crate::route::{self, InUse, News};
use crate::source::{Source, SourceFrame, Unreadable};

/// Bytes of the frames between the source and the report, beside [`WINDOW`].
const MOST_BYTES: usize = 64 << 20;
/// Greatest frame that is sent: a message holds a few bytes beside it.
const MOST_FRAME_BYTES: usize = grpc::MAX_MESSAGE_BYTES - 1024;
/// Workers that one stream uses at the most.
pub(crate) const MOST_LINKS: usize = 256;
/// How long after its last loss a worker is treated as if it had never been lost.
const FORGIVEN_AFTER: Duration = Duration::from_secs(30);
/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(200);
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

/// What a stream is to do.
#[derive(Clone, Debug)]
pub(crate) struct StreamSpec {
    pub(crate) master: HostPort,
    pub(crate) query: RouteQuery,
    pub(crate) open: AnalyzeOpen,
}

/// Runs a stream to its end, or to `stop`. Every frame that the source gives goes to `report`, in order. Returns what
/// the ledger says, and what ended the stream before its time.
pub(crate) async fn run(
    spec: StreamSpec,
    mut source: Source,
    report: mpsc::Sender<Finished>,
    progress: Progress,
    stop: CancellationToken,
) -> (Ledger, Result<(), StreamError>) {
    let (event_sender, mut events) = mpsc::unbounded_channel();
    let (in_use_sender, in_use) = watch::channel(InUse::default());
    let (news_sender, mut news) = mpsc::channel(1);
    let router = route::run(spec.master, spec.query.clone(), in_use, news_sender);
    let _router = AbortOnDropHandle::new(tokio::spawn(router));

    let mut stream = Stream::new(spec.open, spec.query.wanted, event_sender, in_use_sender, progress);
    let mut tick = tokio::time::interval(TICK);
    let mut ended = Ok(());
    let mut stopped_at: Option<Instant> = None;
    while !(stream.source_ended && stream.held.is_empty() && stream.ready.is_empty()) {
        stream.send_frames(clock::now());
        let reading = !stream.source_ended && stream.has_room();
        tokio::select! {
            // In this order: an answer that is here already must be seen before its frame can be called overdue.
            biased;
            Some(event) = events.recv() => stream.link_event(event, clock::now()),
            permit = report.reserve(), if !stream.ready.is_empty() => match permit {
                Ok(permit) => permit.send(stream.take_ready().expect("the guard says that one is ready")),
                // The report has failed, and will say why.
                Err(_closed) => break,
            },
            () = stop.cancelled(), if stopped_at.is_none() => {
                stopped_at = Some(clock::now());
                stream.stop();
                source.close();
            }
            Some(news) = news.recv() => match news {
                News::Candidates { candidates, lease_id } => stream.candidates(candidates, lease_id, clock::now()),
                News::Waiting(line) => stream.progress.say(&line),
            },
            frame = source.next(), if reading => match frame {
                Some(Ok(frame)) => stream.frame(frame, clock::now()),
                Some(Err(error)) => {
                    ended = Err(error.into());
                    stream.source_ended = true;
                }
                None => stream.source_ended = true,
            },
            _ = tick.tick() => {
                let now = clock::now();
                stream.close_overdue(now);
                stream.cool_down(now);
                if stopped_at.is_some_and(|at| now.saturating_duration_since(at) > GRACE) {
                    stream.give_up_held();
                }
                if stopped_at.is_some_and(|at| now.saturating_duration_since(at) > STUCK_AFTER) {
                    ended = Err(StreamError::Stuck);
                    break;
                }
                stream.progress.update(&stream.ledger, now);
            }
        }
    }
    stream.progress.update(&stream.ledger, clock::now());
    (stream.ledger, ended)
}

struct Stream {
    open: AnalyzeOpen,
    /// Most workers to use at once.
    wanted: usize,
    events: mpsc::UnboundedSender<LinkEvent>,
    in_use: watch::Sender<InUse>,
    links: BTreeMap<LinkId, LinkState>,
    next_link: u64,
    /// Workers that were lost, and are not tried again before a time.
    cooling: HashMap<SocketAddr, Cooling>,
    dispatch: Dispatch,
    /// Frames whose end is not known.
    held: HashMap<u64, Held>,
    reorder: Reorder<Finished>,
    /// Frames that are next in order, and wait for the report.
    ready: VecDeque<Finished>,
    ledger: Ledger,
    progress: Progress,
    /// What was last said of workers that cannot be reached.
    said: String,
    /// Bytes of the JPEGs between the source and the report.
    bytes: usize,
    source_ended: bool,
}

struct LinkState {
    _link: Link,
    candidate: Candidate,
    /// None until the worker takes frames.
    worker: Option<Taking>,
}

struct Taking {
    name: Arc<str>,
    frames: mpsc::UnboundedSender<AnalyzeFrame>,
}

struct Held {
    frame: SourceFrame,
    /// The frame's own.
    jpeg: Bytes,
    arrived: Instant,
}

struct Cooling {
    backoff: Backoff,
    until: Instant,
    id: Option<WorkerId>,
}

impl Stream {
    fn new(
        open: AnalyzeOpen,
        wanted: usize,
        events: mpsc::UnboundedSender<LinkEvent>,
        in_use: watch::Sender<InUse>,
        progress: Progress,
    ) -> Stream {
        Stream {
            open,
            wanted,
            events,
            in_use,
            links: BTreeMap::new(),
            next_link: 0,
            cooling: HashMap::new(),
            dispatch: Dispatch::default(),
            held: HashMap::new(),
            reorder: Reorder::default(),
            ready: VecDeque::new(),
            ledger: Ledger::default(),
            progress,
            said: String::new(),
            bytes: 0,
            source_ended: false,
        }
    }

    /// Whether another frame may be read. A frame is read when it can be sent, so that it does not age here.
    fn has_room(&self) -> bool {
        let frames = self.ledger.sent as usize - self.reorder.popped() as usize + self.ready.len();
        self.dispatch.waiting() == 0 && frames < WINDOW && self.bytes < MOST_BYTES
    }

    /// Whether there are frames to send, or may come.
    fn needs_workers(&self) -> bool {
        !self.source_ended || self.dispatch.waiting() > 0
    }

    fn frame(&mut self, frame: SourceFrame, now: Instant) {
        self.ledger.sent += 1;
        match &frame.jpeg {
            Ok(jpeg) if jpeg.len() > MOST_FRAME_BYTES => {
                let message = format!("its JPEG has {} bytes; at most {MOST_FRAME_BYTES} are sent", jpeg.len());
                self.bytes += jpeg.len();
                self.finish(Finished { frame, worker: None, end: End::Failed { code: "too_large".into(), message } });
            }
            Ok(jpeg) => {
                self.bytes += jpeg.len();
                let (seq, jpeg) = (frame.index, jpeg.clone());
                self.held.insert(seq, Held { frame, jpeg, arrived: now });
                self.dispatch.push(seq);
            }
            Err(Unreadable(why)) => {
                let end = End::Failed { code: "unreadable".into(), message: why.clone() };
                self.finish(Finished { frame, worker: None, end });
            }
        }
    }

    fn send_frames(&mut self, now: Instant) {
        while let Some(assignment) = self.dispatch.next(now) {
            let Assignment { seq, attempt, link } = assignment;
            let held = &self.held[&seq];
            let age = now.saturating_duration_since(held.arrived);
            let frame = AnalyzeFrame { seq, attempt, age, jpeg: held.jpeg.clone() };
            self.ledger.retried += u64::from(attempt > 0);
            let taking = self.links[&link].worker.as_ref().expect("frames are given only to links that are up");
            // Err: the link is going down, and its Down is on the way.
            let _ = taking.frames.send(frame);
        }
    }

    fn candidates(&mut self, candidates: Vec<Candidate>, lease_id: Option<u64>, now: Instant) {
        for candidate in candidates {
            let known = self.links.values().any(|l| l.candidate.address == candidate.address);
            let cooling = self.cooling.get(&candidate.address).is_some_and(|c| now < c.until);
            if known || cooling || self.links.len() >= self.wanted || !self.needs_workers() {
                continue;
            }
            let id = LinkId(self.next_link);
            self.next_link += 1;
            let open = AnalyzeOpen { lease_id, ..self.open.clone() };
            let link = Link::start(id, candidate.clone(), open, self.events.clone());
            self.links.insert(id, LinkState { _link: link, candidate, worker: None });
        }
        self.tell_router(now);
    }

    fn link_event(&mut self, event: LinkEvent, now: Instant) {
        match event {
            LinkEvent::Up(id, Worker { name, threads, frames }) => {
                let Some(link) = self.links.get_mut(&id) else { return };
                tracing::debug!("{name} at {} takes frames on {threads} threads", link.candidate.address);
                let frame_time = link.candidate.frame_ms.and_then(|ms| Duration::try_from_secs_f32(ms / 1e3).ok());
                link.worker = Some(Taking { name: name.into(), frames });
                self.said.clear();
                self.dispatch.link_up(id, threads, frame_time, now);
            }
            LinkEvent::Answer(assignment, Answer { end, frame_time }) => {
                let link = self.links.get(&assignment.link);
                let Some(LinkState { candidate, worker, .. }) = link else {
                    self.ledger.late += 1;
                    return;
                };
                if !self.dispatch.answered(assignment, frame_time, now) {
                    self.ledger.late += 1;
                    let lost = Lost::because("it answered a frame twice, or one that it was not sent");
                    self.close(assignment.link, &lost, now);
                    return;
                }
                // Only now has it shown that it works.
                self.cooling.remove(&candidate.address);
                let worker = worker.as_ref().map(|taking| taking.name.clone());
                self.end(assignment.seq, worker, end);
            }
            LinkEvent::Down(id, lost) => self.close(id, &lost, now),
        }
    }

    fn close_overdue(&mut self, now: Instant) {
        for id in self.dispatch.overdue(now) {
            self.close(id, &Lost::because("its answer is overdue"), now);
        }
    }

    /// Ends a link; its frames go to others.
    fn close(&mut self, id: LinkId, Lost { reason, unfit }: &Lost, now: Instant) {
        let Some(LinkState { _link, candidate, worker }) = self.links.remove(&id) else { return };
        let Candidate { name, address, id: worker_id, .. } = candidate;
        // A worker that does not do what is asked for stays so, and is worth a word the first time.
        let is_news = *unfit && !self.cooling.contains_key(&address);
        match worker {
            Some(_) => tracing::warn!("lost {name} at {address}: {reason}"),
            // The master offers a dead worker until it has missed its heartbeats; that is worth a word only to one who
            // waits for it.
            None if !is_news && self.links.values().any(|link| link.worker.is_some()) => {
                tracing::debug!("cannot use {name} at {address}: {reason}");
            }
            None => self.say(format!("cannot use {name} at {address}, trying again: {reason}")),
        }
        let cooling = self.cooling.entry(address);
        let cooling = cooling.or_insert_with(|| Cooling { backoff: Backoff::default(), until: now, id: worker_id });
        cooling.id = worker_id;
        cooling.until = now + cooling.backoff.next_wait();
        for seq in self.dispatch.link_down(id) {
            let message = format!("no worker answered it; the last was {name} at {address}: {reason}");
            self.end(seq, None, End::Failed { code: "worker_lost".into(), message });
        }
        self.tell_router(now);
    }

    fn say(&mut self, line: String) {
        if line != self.said {
            self.progress.say(&line);
            self.said = line;
        }
    }

    /// Lets workers that were lost be offered again, when it is time.
    fn cool_down(&mut self, now: Instant) {
        self.cooling.retain(|_, c| now < c.until + FORGIVEN_AFTER);
        self.tell_router(now);
    }

    fn tell_router(&self, now: Instant) {
        let linked = self.links.values().filter_map(|l| l.candidate.id);
        let cooling = self.cooling.values().filter(|c| now < c.until).filter_map(|c| c.id);
        let up = self.links.values().any(|link| link.worker.is_some());
        let in_use = InUse { links: self.links.len(), up, exclude: linked.chain(cooling).collect() };
        self.in_use.send_if_modified(|before| std::mem::replace(before, in_use.clone()) != in_use);
    }

    /// The end of a frame that was held.
    fn end(&mut self, seq: u64, worker: Option<Arc<str>>, end: End) {
        let Held { frame, jpeg: _, arrived: _ } = self.held.remove(&seq).expect("a frame ends once");
        if let End::Failed { code, message } = &end {
            tracing::warn!("frame {seq} failed ({code}): {message}");
        }
        self.finish(Finished { frame, worker, end });
    }

    fn finish(&mut self, finished: Finished) {
        self.ledger.enter(finished.end.entry(), finished.worker.as_deref());
        self.reorder.put(finished.frame.index, finished);
        while let Some(next) = self.reorder.pop() {
            self.ready.push_back(next);
        }
    }

    fn take_ready(&mut self) -> Option<Finished> {
        let finished = self.ready.pop_front()?;
        self.bytes -= finished.frame.jpeg.as_ref().map_or(0, Bytes::len);
        Some(finished)
    }

    /// No more frames: those that wait are dropped, those in flight may still come.
    fn stop(&mut self) {
        self.source_ended = true;
        for seq in self.dispatch.drop_waiting() {
            self.end(seq, None, End::Dropped("interrupted".into()));
        }
    }

    fn give_up_held(&mut self) {
        let mut held: Vec<u64> = self.held.keys().copied().collect();
        held.sort_unstable();
        for seq in held {
            self.end(seq, None, End::Dropped("interrupted".into()));
        }
        self.dispatch = Dispatch::default();
        self.links.clear();
    }
}

#[cfg(test)]
mod tests;
