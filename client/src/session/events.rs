//! What goes into a [`Session`](super::Session) and what comes out of it.

use std::time::Duration;

use facefleet_proto::{AnalyzeFrame, AnalyzeOpen, Candidate, RouteQuery};
use facefleet_service::address::HostPorts;

use super::lane::Pace;
use crate::frame::End;

/// Names one connection to one worker; never used again after it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkId(pub(crate) u64);

/// What a stream is to do.
#[derive(Clone, Debug)]
pub(crate) struct StreamSpec {
    pub(crate) masters: HostPorts,
    /// What it reads, for people.
    pub(crate) source: String,
    pub(crate) query: RouteQuery,
    /// With a greatest age, the stream is live: see [`StreamSpec::max_age`].
    pub(crate) open: AnalyzeOpen,
}

impl StreamSpec {
    /// How old a frame of a live stream may be when it is worked on. None for a file: its frames wait.
    pub(crate) fn max_age(&self) -> Option<Duration> {
        self.open.max_age
    }
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Action {
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
pub(crate) enum NoRoute {
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
pub(crate) struct Greeting {
    pub(crate) name: String,
    /// Its life; 0 for an old worker, which does not say.
    pub(crate) generation: u64,
    /// Detector threads.
    pub(crate) threads: u32,
}

/// What came back for a frame.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) seq: u64,
    pub(crate) attempt: u32,
    pub(crate) end: End,
    /// A failure for which the worker blames itself.
    pub(crate) elsewhere: bool,
    pub(crate) pace: Pace,
}

/// Why a link is over.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    pub(crate) loss: Loss,
    /// For people; it names no address.
    pub(crate) reason: String,
}

/// In which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It cannot be reached, or does not keep to the contract.
    Broken,
    /// The worker is there and does not do what this stream asks for.
    Unfit,
    /// The worker has ended the stream, and what it held is answered.
    Left,
}

impl Lost {
    pub(crate) fn because(reason: impl Into<String>) -> Lost {
        Lost { loss: Loss::Broken, reason: reason.into() }
    }
}
