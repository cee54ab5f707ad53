//! The state of a stream, and what each event does to it.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use facefleet_proto::percentiles::Recent;
use facefleet_proto::{AnalyzeFrame, Candidate, DropReason, FailureCode};

use super::dispatch::{Assignment, Dispatch, Ending, WINDOW};
use super::events::{Action, Disconnect, DisconnectKind, FrameAnswer, Greeting, LinkEvent, StreamSpec, Work};
use super::ids::{FrameAttempt, LinkId};
use super::reorder::Reorder;
use super::routing::Routing;
use super::workers::Workers;
use crate::frame::{End, Finished, SourceFrame, Unreadable};
use crate::ledger::Ledger;

/// Bytes of the frames between the source and the report, beside [`WINDOW`].
pub(super) const MOST_BYTES: usize = 64 << 20;
/// Frames of a live stream between the source and the report. Most of them are dropped ones that wait for their turn behind
/// an answer; beyond this a camera is held up after all.
pub const MOST_LIVE: usize = 4 * WINDOW;
/// Workers that one stream uses at the most.
pub const MOST_LINKS: usize = 256;
/// How many workers have to agree that a frame cannot be worked on: two where they blame the frame, since one of them may be
/// broken, or have limits of its own; three where they blame themselves.
const OPINIONS: usize = 2;
const OPINIONS_ELSEWHERE: usize = 3;
/// Where so many frames in a row have failed, the workers that agree may all be broken, and a frame fails only when every worker that
/// there is was asked.
const MOST_FAILED: u32 = 3;
/// A worker is left alone after so many failures in a row that another worker has contradicted, or that ended their frames
/// though it blames itself for them.
const MOST_WRONG: u32 = 3;
/// Time between two [`Session::tick`]s that shows that this process was stopped in between.
const PAUSED: Duration = Duration::from_secs(1);

/// Latencies that are kept between two reports: with more frames a second than this, those of the newest.
const LATENCIES_KEPT: usize = 512;

/// The state of a stream.
#[derive(Debug)]
pub struct Session {
    pub(super) spec: StreamSpec,
    pub(super) routing: Routing,
    pub(super) workers: Workers,
    pub(super) links: BTreeMap<LinkId, Link>,
    pub(super) next_link: u64,
    pub(super) dispatch: Dispatch,
    /// Frames whose end is not known.
    held: BTreeMap<u64, OpenFrame>,
    reorder: Reorder<Finished>,
    /// Frames that are next in order, and wait for the report.
    ready: VecDeque<Finished>,
    pub(super) ledger: Ledger,
    actions: VecDeque<Action>,
    /// What was last said of workers that cannot be reached, and of a master that does not answer.
    said: String,
    /// Bytes of the JPEGs between the source and the report.
    pub(super) bytes: usize,
    source_ended: bool,
    last_tick: Option<Instant>,
    /// How often, since the last good answer, a worker was left alone that blames itself for its failures.
    in_vain: u32,
    /// How many frames have failed since one was worked on that no worker had failed before.
    failed_in_a_row: u32,
    /// Milliseconds from a frame's arrival to its result, since the last report.
    pub(super) latencies: Recent,
}

/// A connection to a worker.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) candidate: Candidate,
    /// None until the worker takes frames.
    pub(super) name: Option<Arc<str>>,
}

/// A frame whose end is not known.
#[derive(Debug)]
struct OpenFrame {
    /// With a JPEG: one without ends as it comes.
    frame: SourceFrame,
    /// What a worker said that could not do it, while others are asked.
    failure: Option<Failure>,
}

/// The answer of a worker that could not do a frame.
#[derive(Debug)]
struct Failure {
    worker: Option<Arc<str>>,
    end: End,
}

impl Session {
    /// A stream of which nothing has come yet. `seed` is for the random part of waits.
    pub fn new(spec: StreamSpec, seed: u64) -> Session {
        Session {
            routing: Routing::new(spec.query.clone(), spec.workers_at_first, seed),
            workers: Workers::new(seed),
            links: BTreeMap::new(),
            next_link: 0,
            dispatch: Dispatch::new(spec.max_age()),
            held: BTreeMap::new(),
            reorder: Reorder::default(),
            ready: VecDeque::new(),
            ledger: Ledger::default(),
            actions: VecDeque::new(),
            said: String::new(),
            bytes: 0,
            source_ended: false,
            last_tick: None,
            in_vain: 0,
            failed_in_a_row: 0,
            latencies: Recent::new(LATENCIES_KEPT),
            spec,
        }
    }

    /// What is to be done next.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Whether another frame may be read. A frame of a file is read when it can be sent, so that it does not age here; a
    /// camera does not wait.
    pub fn wants_frame(&self) -> bool {
        let frames = self.ledger.counts().sent as usize - self.reorder.popped() as usize + self.ready.len();
        let room = match self.spec.max_age() {
            // Its frames find room, or lose their pictures.
            Some(_) => frames < MOST_LIVE,
            None => frames < WINDOW && self.bytes < MOST_BYTES && self.dispatch.in_line() == 0,
        };
        room && !self.source_ended
    }

    /// Whether every frame has gone to the report, and no other will come.
    pub fn is_over(&self) -> bool {
        self.source_ended && self.held.is_empty() && self.ready.is_empty()
    }

    /// Whether [`Session::take_ready`] has something.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The next frame for the report.
    pub fn take_ready(&mut self) -> Option<Finished> {
        let finished = self.ready.pop_front()?;
        self.bytes -= finished.frame.jpeg.as_ref().map_or(0, Bytes::len);
        Some(finished)
    }

    /// What was counted so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// To be called first of all, and then a few times a second.
    pub fn tick(&mut self, now: Instant) {
        let gap = self.last_tick.replace(now).map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        if gap > PAUSED {
            tracing::debug!(?gap, "this process was stopped for a while");
            self.dispatch.forgive(gap);
        }
        self.workers.forgive(now);
        for link in self.dispatch.overdue(now) {
            self.close(link, &Disconnect::broken("its answer is overdue"), now);
        }
        self.connect_to_known(now);
        self.settle(now);
    }

    /// A frame comes from the source.
    pub fn frame(&mut self, frame: SourceFrame, now: Instant) {
        let seq = frame.index;
        self.ledger.sent(seq);
        match &frame.jpeg {
            Ok(jpeg) if jpeg.len() > self.spec.max_frame_bytes => {
                let most = self.spec.max_frame_bytes;
                let message = format!("its JPEG has {} bytes; at most {most} are sent", jpeg.len());
                self.bytes += jpeg.len();
                self.finish(Finished::new(frame, None, End::Failed { code: FailureCode::TooLarge, message }));
            }
            Ok(_) if self.spec.max_age().is_some() && self.bytes >= MOST_BYTES => {
                let frame = SourceFrame { jpeg: Err(Unreadable("there was no room for it".into())), ..frame };
                self.finish(Finished::new(frame, None, End::Dropped(DropReason::QueueFull)));
            }
            Ok(jpeg) => {
                self.bytes += jpeg.len();
                self.held.insert(seq, OpenFrame { frame, failure: None });
                self.dispatch.push(seq, now);
                if self.dispatch.waiting() > WINDOW
                    && let Some(oldest) = self.dispatch.drop_oldest()
                {
                    self.end(oldest, None, End::Dropped(DropReason::QueueFull));
                }
            }
            Err(Unreadable(why)) => {
                let end = End::Failed { code: FailureCode::Unreadable, message: why.clone() };
                self.finish(Finished::new(frame, None, end));
            }
        }
        self.settle(now);
    }

    /// No frame will come any more.
    pub fn source_ended(&mut self) {
        self.source_ended = true;
    }

    /// A link has something to tell. Returns how long a frame took from its arrival, if it was worked on.
    pub fn link(&mut self, event: LinkEvent, now: Instant) -> Option<Duration> {
        match event {
            LinkEvent::Up(link, greeting) => self.link_up(link, greeting, now),
            LinkEvent::Answer(link, answer) => return self.answer(link, answer, now),
            LinkEvent::Down(link, end) => self.link_down(link, &end, now),
        }
        None
    }

    /// A worker takes frames.
    pub(super) fn link_up(&mut self, link: LinkId, greeting: Greeting, now: Instant) {
        let Greeting { name, generation, threads } = greeting;
        let Some(Link { candidate, name: known }) = self.links.get_mut(&link) else { return };
        // A later life of the worker is as good, and the master will hear of it. Anything else is somebody else.
        let impostor = candidate.generation != 0 && (candidate.name != name || generation < candidate.generation);
        if impostor {
            let reason = format!("`{name}` answers there, which the master does not know at that address");
            self.close(link, &Disconnect::broken(reason), now);
        } else {
            tracing::debug!("{name} at {} takes frames on {threads} threads", candidate.address);
            let frame_time = candidate.frame_ms.and_then(|ms| Duration::try_from_secs_f32(ms / 1e3).ok());
            let peer = self.workers.met(candidate.address, &name, generation);
            *known = Some(name.into());
            self.said.clear();
            self.dispatch.link_up(link, peer, threads, frame_time, now);
        }
        self.settle(now);
    }

    /// A result has come. Returns how long its frame took from its arrival, if it was worked on.
    pub(super) fn answer(&mut self, link: LinkId, answer: FrameAnswer, now: Instant) -> Option<Duration> {
        let FrameAnswer { frame, end, elsewhere, pace } = answer;
        let Some(Link { candidate, name }) = self.links.get(&link) else {
            self.ledger.late();
            return None;
        };
        let (address, name) = (candidate.address, name.clone());
        let work = if matches!(end, End::Ok(_)) { Work::Done } else { Work::NotDone };
        let Some(returned) = self.dispatch.answered(link, frame, pace, work, now) else {
            self.ledger.late();
            let broken = Disconnect::broken("it answered a frame twice, or one that it was not sent");
            self.close(link, &broken, now);
            self.settle(now);
            return None;
        };
        let took = now.saturating_duration_since(returned.arrived);
        let opinions = match &end {
            End::Ok(_) => {
                // Only now has it shown that it works.
                self.workers.proved(address);
                self.in_vain = 0;
                self.latencies.push(took.as_secs_f32() * 1e3);
                let wrong = self.dispatch.failed_at(&returned);
                if wrong.is_empty() {
                    self.failed_in_a_row = 0;
                }
                for liar in wrong {
                    if self.dispatch.was_wrong(liar) >= MOST_WRONG {
                        self.close(liar, &Disconnect::broken("it fails frames that another worker can do"), now);
                    }
                }
                None
            }
            End::Failed { .. } if elsewhere => Some(OPINIONS_ELSEWHERE),
            End::Failed { .. } => Some(OPINIONS),
            // Nothing of a file is left out.
            End::Dropped(_) => self.spec.max_age().is_none().then_some(OPINIONS_ELSEWHERE),
        };
        let opinions = opinions.map(|few| if self.failed_in_a_row < MOST_FAILED { few } else { usize::MAX });
        if opinions.is_some_and(|opinions| self.dispatch.ask_another(returned, opinions)) {
            name.iter().for_each(|name| self.ledger.taken_back(name));
            self.held.get_mut(&frame.seq).expect("a frame in flight is held").failure =
                Some(Failure { worker: name, end });
        } else {
            self.failed_in_a_row += u32::from(matches!(end, End::Failed { .. }));
            self.end(frame.seq, name, end);
            // It may be the only one that the stream has, and not the only one that there is. But where there is no
            // better one, the run must come to its end: so each time twice as many frames are let through.
            if elsewhere && self.dispatch.was_wrong(link) >= MOST_WRONG << self.in_vain.min(16) {
                self.in_vain += 1;
                self.close(link, &Disconnect::broken("it fails frame after frame, and blames itself"), now);
            }
        }
        self.settle(now);
        (work == Work::Done).then_some(took)
    }

    /// A link has ended by itself.
    pub(super) fn link_down(&mut self, link: LinkId, end: &Disconnect, now: Instant) {
        self.close(link, end, now);
        self.settle(now);
    }

    /// No more frames: those that wait are dropped, those in flight may still come.
    pub fn stop(&mut self) {
        self.source_ended = true;
        for seq in self.dispatch.drop_waiting() {
            self.end(seq, None, End::Dropped(DropReason::Interrupted));
        }
    }

    /// Drops all frames whose end is not known, for this reason.
    pub fn give_up(&mut self, reason: &DropReason) {
        self.source_ended = true;
        for seq in self.held.keys().copied().collect::<Vec<_>>() {
            self.end(seq, None, End::Dropped(reason.clone()));
        }
        self.dispatch = Dispatch::new(self.spec.max_age());
        self.actions.extend(std::mem::take(&mut self.links).into_keys().map(Action::Close));
    }

    /// Does what the last event has made possible.
    pub(super) fn settle(&mut self, now: Instant) {
        for seq in self.dispatch.drop_stale(now) {
            self.end(seq, None, End::Dropped(DropReason::StaleClient));
        }
        for seq in self.dispatch.drop_hopeless() {
            let failure = self.held.get_mut(&seq).and_then(|held| held.failure.take());
            let Failure { worker, end } = failure.expect("a frame that was tried elsewhere has failed somewhere");
            self.end(seq, worker, end);
        }
        while let Some(assignment) = self.dispatch.next(now) {
            self.send(assignment, now);
        }
        if !self.needs_workers() {
            return;
        }
        let has_all = self.links.len() >= self.routing.wanted();
        let is_short = has_all && self.dispatch.is_short();
        self.routing.short(is_short, now);
        if self.links.len() > self.routing.wanted()
            && let Some(spare) = self.dispatch.spare()
        {
            self.links.remove(&spare);
            self.dispatch.link_down(spare, Ending::Left);
            self.actions.push_back(Action::Close(spare));
        }
        let missing = self.routing.wanted().saturating_sub(self.links.len());
        if missing > 0 && self.routing.is_due(now) {
            let linked = self.linked();
            let is_linked = |address| linked.contains(&address);
            let not_wanted = self.workers.not_wanted(now, is_linked);
            // The master may prefer workers that this stream has lost, so it is asked for as many others.
            let question = self.routing.ask(missing + self.workers.unproved(now, is_linked), not_wanted);
            self.actions.push_back(Action::Ask(question));
        }
    }

    /// Whether there are frames to send, or may come.
    fn needs_workers(&self) -> bool {
        !self.source_ended || self.dispatch.waiting() > 0
    }

    /// How many workers take frames now.
    pub fn workers_in_use(&self) -> usize {
        self.links.values().filter(|link| link.name.is_some()).count()
    }

    pub(super) fn linked(&self) -> Vec<SocketAddr> {
        self.links.values().map(|link| link.candidate.address).collect()
    }

    pub(super) fn connect(&mut self, address: SocketAddr, now: Instant) {
        let linked = self.links.values().any(|link| link.candidate.address == address);
        let full = self.links.len() >= self.routing.wanted();
        if linked || full || !self.needs_workers() || !self.workers.may_be_tried(address, now) {
            return;
        }
        let candidate = self.workers.candidates().find(|candidate| candidate.address == address);
        let candidate = candidate.expect("one that may be tried is known").clone();
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.links.insert(link, Link { candidate: candidate.clone(), name: None });
        self.actions.push_back(Action::Connect(link, candidate, self.spec.open.clone()));
    }

    fn send(&mut self, Assignment { frame, link, arrived }: Assignment, now: Instant) {
        let FrameAttempt { seq, attempt } = frame;
        let jpeg = self.held[&seq].frame.jpeg.clone().expect("a frame that is held has a JPEG");
        if attempt > 0 {
            self.ledger.sent_again();
        }
        let age = now.saturating_duration_since(arrived);
        self.actions.push_back(Action::Send(link, AnalyzeFrame { seq, attempt, age, jpeg }));
    }

    /// While the master offers nobody, what it said last is all that is known, and a worker that was lost may well be back.
    pub(super) fn connect_to_known(&mut self, now: Instant) {
        if self.routing.is_left_alone() && self.links.len() < self.routing.wanted() {
            for address in self.workers.candidates().map(|c| c.address).collect::<Vec<_>>() {
                self.connect(address, now);
            }
        }
    }

    /// Ends a link; its frames go to others.
    fn close(&mut self, link: LinkId, Disconnect { kind, reason }: &Disconnect, now: Instant) {
        let Some(Link { candidate, name: up }) = self.links.remove(&link) else { return };
        self.actions.push_back(Action::Close(link));
        let Candidate { name, address, .. } = candidate;
        // An old worker has no name but its address.
        let who = if name == address.to_string() { name } else { format!("{name} at {address}") };
        let first_time = self.workers.lost(address, now);
        match &up {
            Some(_) if *kind == DisconnectKind::Left => tracing::info!("{who} has left: {reason}"),
            Some(_) => tracing::warn!("lost {who}: {reason}"),
            // The master offers a dead worker until it has missed its heartbeats; that is worth a word only to one who
            // waits for it. A worker that does not do what is asked for stays so, and is worth one the first time.
            None if !(*kind == DisconnectKind::Unfit && first_time)
                && self.links.values().any(|link| link.name.is_some()) =>
            {
                tracing::debug!("cannot use {who}: {reason}");
            }
            None => self.say(format!("cannot use {who}, trying again: {reason}")),
        }
        let before = self.dispatch.waiting();
        let ending = if *kind == DisconnectKind::Left { Ending::Left } else { Ending::Lost };
        let given_up = self.dispatch.link_down(link, ending);
        let taken_back = self.dispatch.waiting() - before + given_up.len();
        for seq in given_up {
            let message = format!("no worker answered it; the last was {who}: {reason}");
            self.end(seq, None, End::Failed { code: FailureCode::WorkerLost, message });
        }
        if let Some(name) = up {
            (0..taken_back).for_each(|_| self.ledger.taken_back(&name));
        }
        self.routing.hurry();
    }

    pub(super) fn say(&mut self, line: String) {
        if line != self.said {
            self.actions.push_back(Action::Say(line.clone()));
            self.said = line;
        }
    }

    /// The end of a frame that was held.
    fn end(&mut self, seq: u64, worker: Option<Arc<str>>, end: End) {
        let OpenFrame { frame, .. } = self.held.remove(&seq).expect("a frame ends once");
        if let End::Failed { code, message } = &end {
            tracing::warn!("frame {seq} failed ({code}): {message}");
        }
        self.finish(Finished::new(frame, worker, end));
    }

    fn finish(&mut self, finished: Finished) {
        self.ledger.ended(finished.frame.index, finished.end.entry(), finished.worker.as_deref());
        self.reorder.put(finished.frame.index, finished);
        while let Some(next) = self.reorder.pop() {
            self.ready.push_back(next);
        }
    }
}
