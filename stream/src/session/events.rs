//! What goes into a [`Session`](super::Session) and what comes out of it.

use std::time::Duration;

use facefleet_proto::{AnalyzeFrame, AnalyzeOpen, Candidate, Invalid, Route, RouteQuery};

use super::ids::{FrameAttempt, LinkId};
use crate::frame::End;

/// What a stream is to do.
#[derive(Clone, Debug)]
pub struct StreamSpec {
    /// Where the masters are, for people.
    pub masters: String,
    /// What the stream reads, for people.
    pub source: String,
    /// The question that the masters are asked; its `wanted` is the most workers that the stream may use.
    pub query: RouteQuery,
    /// Workers that it begins with, if it may use so many; [`WORKERS_AT_FIRST`](super::WORKERS_AT_FIRST) is good for every cluster.
    pub workers_at_first: usize,
    /// How every worker is asked to open the stream. With a greatest age the stream is live: see [`StreamSpec::max_age`].
    pub open: AnalyzeOpen,
    /// Greatest JPEG that is sent, in bytes.
    pub max_frame_bytes: usize,
}

impl StreamSpec {
    /// How old a frame of a live stream may be when it is worked on. None for a file: its frames wait.
    pub fn max_age(&self) -> Option<Duration> {
        self.open.max_age
    }
}

/// What is to be done.
#[derive(Debug)]
pub enum Action {
    /// Ask the master; its answer goes to [`Session::routed`](super::Session::routed).
    Ask(RouteQuery),
    /// Connect to a worker.
    Connect(LinkId, Candidate, AnalyzeOpen),
    /// Send a frame over a link that is up.
    Send(LinkId, AnalyzeFrame),
    /// End a connection. What still comes from it may be given to the session, and does not count.
    Close(LinkId),
    /// Tell the person who waits.
    Say(String),
}

/// Why a question to the masters has no route for an answer.
#[derive(Clone, Debug)]
pub enum NoRoute {
    /// No master answers, for this reason.
    Away(String),
    /// The cluster has no place for one more stream. Asking sooner is in vain.
    Later {
        /// For people.
        why: String,
        /// When to ask again.
        after: Duration,
    },
}

/// How a worker presents itself.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// Name of the worker, which is unique in a cluster.
    pub name: String,
    /// The life of the worker; 0 for an old worker, which does not say.
    pub generation: u64,
    /// Detector threads.
    pub threads: u32,
}

/// What came back for a frame.
#[derive(Debug)]
pub struct FrameAnswer {
    /// The attempt that is answered.
    pub frame: FrameAttempt,
    /// What became of the frame.
    pub end: End,
    /// A failure for which the worker blames itself.
    pub elsewhere: bool,
    /// How busy and how fast the worker says that it is.
    pub pace: Pace,
}

/// What a link tells its stream.
#[derive(Debug)]
pub enum LinkEvent {
    /// The worker takes frames, as many as it is given: the session bounds them.
    Up(LinkId, Greeting),
    /// A frame came back.
    Answer(LinkId, FrameAnswer),
    /// The link is over.
    Down(LinkId, Disconnect),
}

/// What the masters answer.
#[derive(Debug)]
pub enum RouteEvent {
    /// The question has its route, or there will be none.
    Route(Result<Route, NoRoute>),
    /// The answer is kept back until the cluster has a place for the stream: so many wait, this one among them.
    Queued(u32),
}

/// What an answer says of the worker that gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// Time one of its threads has spent on this frame, or spends on any; None from an old worker.
    pub frame_time: Option<Duration>,
    /// Time that this frame was at the worker, in its queue and worked on; None from an old worker.
    pub stayed: Option<Duration>,
    /// Frames that the worker holds, those of other streams included.
    pub in_flight: u32,
    /// Streams that have frames there and go no later than this one, itself included; 0 when the worker does not tell.
    pub streams: u32,
}

/// Whether a worker has worked on a frame that it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Done,
    NotDone,
}

/// The end of a link.
#[derive(Clone, Debug)]
pub struct Disconnect {
    /// In which way the link ended.
    pub kind: DisconnectKind,
    /// For people; it names no address.
    pub reason: String,
}

/// In which way a link ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisconnectKind {
    /// The worker cannot be reached, or does not keep to the contract.
    Broken,
    /// The worker is there and does not do what this stream asks for.
    Unfit,
    /// The worker has ended the stream, and what it held is answered.
    Left,
}

impl From<Invalid> for Disconnect {
    fn from(invalid: Invalid) -> Disconnect {
        Disconnect::broken(format!("it sent nonsense: {invalid}"))
    }
}

impl Disconnect {
    /// The end of a link that is broken, for this reason.
    pub fn broken(reason: impl Into<String>) -> Disconnect {
        Disconnect { kind: DisconnectKind::Broken, reason: reason.into() }
    }
}
