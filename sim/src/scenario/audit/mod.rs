//! What must hold whatever happens, seen from outside of the session: what went in, what came out.
//!
//! [`Audit`] follows one stream. `links` says when it may have a link and to whom, `frames` which frame may go where, and `ends` what
//! may become of a frame and what is counted of it.

mod ends;
mod frames;
mod lane;
mod links;
mod trail;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use facefleet_proto::{AnalyzeFrame, RouteQuery};
use facefleet_stream::event_loop::GRACE;
use facefleet_stream::session::{Action, DisconnectKind, LinkEvent, LinkId, Session};

use crate::engine::At;
use ends::Counted;
pub(super) use ends::Truth;
use frames::Sent;
pub(super) use lane::{Lane, Life, Up};
use links::Losses;
use trail::Trail;

/// A client whose clock stood still for so long was stopped.
const PAUSED: Duration = Duration::from_secs(1);

/// What one stream did, and what it may therefore say.
#[derive(Debug)]
pub(super) struct Audit {
    pub(super) wanted: usize,
    /// Given for a live stream.
    pub(super) max_age: Option<Duration>,
    /// By slot, what each worker takes for a frame when nothing is wrong.
    services: Vec<Duration>,
    pub(super) lanes: BTreeMap<LinkId, Lane>,
    /// When it last had as many links as it wants.
    pub(super) full_at: Option<At>,
    /// The frames that have not gone to the report.
    pub(super) trails: BTreeMap<u64, Trail>,
    /// Frames that no worker has and that have not gone to the report; some may have ended.
    waiting: BTreeSet<u64>,
    /// Frames that a worker could not do, and that have not ended since.
    contested: BTreeSet<u64>,
    /// Frames that were sent since the session was last looked at, in order.
    sends: Vec<Sent>,
    /// Why the session has no reason to close a link before its next event.
    keeps_links: Option<&'static str>,
    /// The last question to the master.
    pub(super) asked: Option<Asked>,
    stopped_at: Option<Instant>,
    last_tick: Option<Instant>,
    /// Since when a frame has always waited for a worker.
    pub(super) hungry_since: Option<At>,
    /// What the ledger must show.
    counted: Counted,
    /// How often since the last good answer a worker was left alone that had just blamed itself.
    in_vain: u32,
    /// A link that answered what it was not asked.
    liar: Option<LinkId>,
    pub(super) lost_at: BTreeMap<SocketAddr, At>,
    /// Who was lost, and has not answered since.
    losses: BTreeMap<SocketAddr, Losses>,
    pub(super) used: BTreeSet<Life>,
    /// When each life of a worker first worked on a frame of this stream.
    pub(super) first_ok: BTreeMap<Life, At>,
    pub(super) last_send: At,
    /// When a frame was last worked on.
    pub(super) last_ok: At,
}

/// A question to the master.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) query: RouteQuery,
    /// Workers that the route need not offer.
    pub(super) excusable: BTreeSet<SocketAddr>,
}

impl Audit {
    /// An audit of a stream that may use so many workers, of those with these times per frame.
    pub(super) fn new(wanted: usize, max_age: Option<Duration>, services: Vec<Duration>) -> Audit {
        Audit {
            wanted,
            max_age,
            services,
            lanes: BTreeMap::new(),
            full_at: None,
            trails: BTreeMap::new(),
            waiting: BTreeSet::new(),
            contested: BTreeSet::new(),
            sends: Vec::new(),
            keeps_links: None,
            asked: None,
            stopped_at: None,
            last_tick: None,
            hungry_since: None,
            counted: Counted::default(),
            in_vain: 0,
            liar: None,
            lost_at: BTreeMap::new(),
            losses: BTreeMap::new(),
            used: BTreeSet::new(),
            first_ok: BTreeMap::new(),
            last_send: At::ZERO,
            last_ok: At::ZERO,
        }
    }

    /// The session wants this done.
    pub(super) fn act(&mut self, action: &Action, at: At) {
        match action {
            Action::Ask(query) => self.asked = Some(Asked { query: query.clone(), excusable: self.excusable(at) }),
            Action::Connect(link, candidate, _) => self.connect(*link, candidate.address, at),
            Action::Send(link, AnalyzeFrame { seq, attempt, age, jpeg: _ }) => {
                self.sends.push(Sent { link: *link, seq: *seq, attempt: *attempt, age: *age });
            }
            Action::Close(link) => {
                assert!(self.keeps_links.is_none(), "{at:?}: {link:?} is closed: {:?}", self.keeps_links);
                self.down(*link, DisconnectKind::Broken, at);
            }
            Action::Say(_) => {}
        }
    }

    /// The session is about to take this event.
    pub(super) fn link(&mut self, event: &LinkEvent, at: At) {
        self.keeps_links = None;
        match event {
            LinkEvent::Up(link, greeting) => self.up(*link, greeting, at),
            LinkEvent::Answer(link, answer) => self.answered(*link, answer, at),
            LinkEvent::Down(link, end) => self.down(*link, end.kind, at),
        }
    }

    /// The session has handed out all actions.
    pub(super) fn acted(&mut self, session: &Session, at: At, now: Instant) {
        for sent in std::mem::take(&mut self.sends) {
            self.send(sent, session.ledger(), at, now);
        }
    }

    /// The session has looked at its clock.
    pub(super) fn ticked(&mut self, now: Instant) {
        let gap = self.last_tick.replace(now).map_or(Duration::ZERO, |last| now - last);
        let is_given_up = self.stopped_at.is_some_and(|at| now.saturating_duration_since(at) > GRACE);
        self.keeps_links = (gap > PAUSED && !is_given_up).then_some("what came in a pause was not waited for");
        if is_given_up {
            // All frames have ended: nobody is to do them.
            self.lanes.values_mut().for_each(|lane| lane.held.clear());
        }
    }

    /// The user has told the stream to stop.
    pub(super) fn stopped(&mut self, now: Instant) {
        self.stopped_at = Some(now);
    }

    /// The source gives a frame to the stream, whose own clock shows `now`.
    pub(super) fn given(&mut self, seq: u64, now: Instant) {
        self.counted.given += 1;
        self.trails.insert(seq, Trail { given: Some(now), ..Trail::default() });
        self.waiting.insert(seq);
    }
}
