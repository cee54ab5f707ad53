//! What hosts send to each other, and what they wait for.

use std::time::Duration;

use facefleet_proto::{AnalyzeFrame, Heartbeat, Join, Route, RouteQuery, TaskResult, WorkerId};
use facefleet_stream::session::{Disconnect, FrameAnswer, Greeting, LinkEvent, LinkId};

use crate::engine::At;

/// A machine with one process of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// The only master.
    Master,
    /// A worker, by its slot.
    Worker(usize),
    /// A client with one stream, by its number.
    Client(usize),
}

/// What ends when a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// The process alone. Its machine tells whoever speaks to it that nobody is there.
    Process,
    /// The machine, too: nothing comes back from it.
    Machine,
}

/// The connection of one stream to one worker: the client's number, and the name that its session has for the link.
pub type ConnId = (usize, LinkId);

/// Something on its way from one host to another.
#[derive(Debug)]
pub struct Packet {
    /// Who sent it.
    pub from: Host,
    /// Who gets it.
    pub to: Host,
    /// What it is.
    pub body: Body,
}

/// What a packet carries.
#[derive(Debug)]
pub enum Body {
    /// A call to the master, with its number among all calls.
    Call(u64, Request),
    /// The master's answer to the call of that number.
    Reply(u64, Reply),
    /// A part of the connection between a client and a worker.
    Segment(ConnId, Segment),
}

/// What goes over the connection of one stream.
#[derive(Debug)]
pub enum Segment {
    /// The client connects.
    Connect,
    /// The worker has accepted the connection.
    Connected,
    /// The client opens the stream, whose frames may be so old.
    Open {
        /// None for a file.
        max_age: Option<Duration>,
    },
    /// The worker takes frames.
    Opened(Greeting),
    /// A frame.
    Frame(AnalyzeFrame),
    /// What became of a frame.
    Answer(FrameAnswer),
    /// The worker ends the stream, after all that it had to say.
    Ended(Disconnect),
    /// There is no such connection (any more).
    Reset,
    /// Asks for a sign of life.
    Ping,
    /// A sign of life.
    Pong,
}

/// A call to the master.
#[derive(Debug)]
pub enum Request {
    /// A worker joins.
    Join(Join),
    /// A worker's heartbeat.
    Beat(Heartbeat),
    /// A worker leaves.
    Leave {
        /// The worker's id.
        id: WorkerId,
        /// The life of the worker.
        generation: u64,
        /// The life of the master that gave the id.
        epoch: u64,
    },
    /// A client asks for workers.
    Route(RouteQuery),
    /// A client's stream has ended.
    End(Vec<TaskResult>),
}

/// The master's answer.
#[derive(Debug)]
pub enum Reply {
    /// The worker is in.
    Joined {
        /// The worker's id.
        id: WorkerId,
        /// The life of the master that gave it.
        epoch: u64,
        /// Whether the same life of the worker was in before.
        again: bool,
    },
    /// The heartbeat has come.
    Beaten {
        /// The master does not know this worker.
        unknown: bool,
        /// The life of the master.
        epoch: u64,
    },
    /// Workers for a client.
    Route(Route),
    /// There is nothing to say.
    Done,
    /// There was no answer, or a refusal.
    Failed(String),
}

/// What a process waits for.
#[derive(Debug)]
pub enum Timer {
    /// Master: look for workers that have gone silent.
    Expire,
    /// Worker: time to beat, or to join.
    Member,
    /// Worker: a thread is done with a frame of this stream, after so long.
    Done(ConnId, Job, Duration),
    /// Worker: it has drained for long enough.
    GraceOver,
    /// Worker or client: a call has not been answered in time.
    CallOver(u64),
    /// Client: time for a tick.
    Tick,
    /// Client: the source can give its next frame.
    Source,
    /// Client: the report can take its next frame.
    Report,
    /// Client: a connection or an opening has taken too long.
    TooLong(LinkId, Phase),
    /// Client or worker: has the peer said anything?
    Keepalive(ConnId),
    /// Client: what one of its links tells it.
    Link(LinkEvent),
}

/// How far a client has come with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The worker's machine has not answered.
    Connecting,
    /// The worker has not answered.
    Opening,
    /// Frames flow.
    Up,
}

/// A frame at a worker.
#[derive(Clone, Debug)]
pub struct Job {
    /// The frame as it was sent.
    pub frame: AnalyzeFrame,
    /// When the worker read it.
    pub arrived: At,
}
