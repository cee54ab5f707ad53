//! What goes into a [`Session`](super::Session) and what comes out of it.

use std::time::Duration;

use facefleet_proto::{AnalyzeFrame, AnalyzeOpen, Candidate, Invalid, RouteQuery};

use super::lane::Pace;
use crate::frame::End;

/// Names one connection to one worker; never used again after it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(pub(crate) u64);

/// What a stream is to do.
#[derive(Clone, Debug)]
pub struct StreamSpec {
    /// Where the masters are, for people.
    pub masters: String,
    /// What the stream reads, for people.
    pub source: String,
    /// The question that the masters are asked; its `wanted` is the most workers that the stream may use.
    pub query: RouteQuery,
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
    /// Send a frame to it.
    Send(LinkId, AnalyzeFrame),
    /// End the connection. What still comes from it may be given to the session, and does not count.
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
    /// Its life; 0 for an old worker, which does not say.
    pub generation: u64,
    /// Detector threads.
    pub threads: u32,
}

/// What came back for a frame.
#[derive(Debug)]
pub struct Answer {
    /// Number of the frame in its stream.
    pub seq: u64,
    /// Number of the attempt that is answered, from 0.
    pub attempt: u32,
    /// What became of the frame.
    pub end: End,
    /// A failure for which the worker blames itself.
    pub elsewhere: bool,
    /// How busy and how fast the worker says that it is.
    pub pace: Pace,
}

/// Why a link is over.
#[derive(Clone, Debug)]
pub struct Lost {
    /// In which way the link ended.
    pub loss: Loss,
    /// For people; it names no address.
    pub reason: String,
}

/// In which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It cannot be reached, or does not keep to the contract.
    Broken,
    /// The worker is there and does not do what this stream asks for.
    Unfit,
    /// The worker has ended the stream, and what it held is answered.
    Left,
}

impl From<Invalid> for Lost {
    fn from(invalid: Invalid) -> Lost {
        Lost::because(format!("it sent nonsense: {invalid}"))
    }
}

impl Lost {
    /// A link that is broken, for this reason.
    pub fn because(reason: impl Into<String>) -> Lost {
        Lost { loss: Loss::Broken, reason: reason.into() }
    }
}
