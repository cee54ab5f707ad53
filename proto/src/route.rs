//! A client's question which workers to use, and the master's answer.

use std::net::SocketAddr;
use std::time::Duration;

use crate::invalid::{address, label, measure, measured};
use crate::{Invalid, WorkerId, wire};

/// The metadata with which a master answers RESOURCE_EXHAUSTED: the milliseconds after which to ask again, in decimal digits.
pub const RETRY_AFTER_MS: &str = "retry-after-ms";

/// The length of the longest name of a stream, in bytes.
pub(crate) const MAX_STREAM_ID_BYTES: usize = 128;
/// The most workers that a question may exclude.
const MAX_EXCLUDED: usize = 100_000;
/// The length of the longest name of a detector, in bytes.
const MAX_DETECTOR_BYTES: usize = 64;

/// A client's question to which workers it should send the frames of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteQuery {
    /// The task's id in the fixed fields. Our client fills these as the old client does.
    pub task_id: i32,
    /// The task's size in the fixed fields, as the old client means it.
    pub task_sz: i32,
    /// The kind of task in the fixed fields, as the old client means it.
    pub task_type: i32,
    /// How many workers the stream would use, at least 1.
    pub wanted: usize,
    /// The workers not to offer.
    pub exclude: Vec<WorkerId>,
    /// The life of the master that gave the ids in `exclude`; 0 for an old client, which does not say.
    pub epoch: u64,
    /// The priority of the stream, as in [`crate::AnalyzeOpen`]. Where streams wait for a place, a higher one may go first.
    pub priority: i32,
    /// The client's name for the stream.
    pub stream_id: String,
    /// The detector that the workers must have said that they offer. None: any worker will do, also one that does not say.
    pub detector: Option<String>,
    /// The number of the stream, in this question and later ones. None from an old client, each of whose questions counts as a stream of
    /// its own.
    pub lease: Option<StreamLeaseId>,
    /// How long the stream has waited for a place before this question.
    pub waited: Duration,
}

impl Default for RouteQuery {
    /// The question of an old client.
    fn default() -> RouteQuery {
        RouteQuery {
            task_id: 0,
            task_sz: 10_000,
            task_type: 50,
            wanted: 1,
            exclude: Vec::new(),
            epoch: 0,
            priority: 0,
            stream_id: String::new(),
            detector: None,
            lease: None,
            waited: Duration::ZERO,
        }
    }
}

/// A master's answer to a [`RouteQuery`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// The workers to use, the best first. Empty when no worker can be offered.
    pub candidates: Vec<Candidate>,
    /// The stream's place. None when there is no candidate, and from an old master.
    pub lease: Option<StreamLease>,
    /// The life of the master that answered; 0 from an old master.
    pub epoch: u64,
}

/// A worker that a stream may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The worker's number at the master. None from an old master, which does not say.
    pub id: Option<WorkerId>,
    /// The worker's generation, as in [`crate::Identity`]; 0 when not known.
    pub generation: u64,
    /// The worker's name, as in [`crate::Identity`], or its address when that is not known.
    pub name: String,
    /// The address at which to reach the worker.
    pub address: SocketAddr,
    /// The number of detector threads, at least 1.
    pub cores: u32,
    /// The part of the stream's frames that the master expects the worker to take, from 0 to 1.
    pub share: f32,
    /// Milliseconds that one detector thread spends on a frame, as in [`crate::Load`].
    pub frame_ms: Option<f32>,
}

/// Names a stream for as long as it lives, whichever master or worker it asks. The client chooses the number at random. Never 0.
pub type StreamLeaseId = u64;

/// The place that a stream has. It ends by itself when no worker names the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLease {
    /// The number of the stream: the one that its client has chosen, or else one that the master has drawn.
    pub id: StreamLeaseId,
    /// How long the place lasts. Where every stream is let in: how long the master counts a frame of the stream for each candidate.
    pub ttl: Duration,
}

impl TryFrom<wire::RouteRequest> for RouteQuery {
    type Error = Invalid;

    fn try_from(message: wire::RouteRequest) -> Result<RouteQuery, Invalid> {
        let wire::RouteRequest {
            task_id,
            task_sz,
            task_type,
            wanted,
            exclude_ids,
            priority,
            stream_id,
            detector,
            epoch,
            lease_id,
            waited_ms,
        } = message;
        if exclude_ids.len() > MAX_EXCLUDED {
            let problem = format!("leaves out {} workers; at most {MAX_EXCLUDED} are taken", exclude_ids.len());
            return Err(Invalid::new("RouteRequest.exclude_ids", problem));
        }
        let exclude = exclude_ids.into_iter().map(|id| WorkerId::from_wire("RouteRequest.exclude_ids", id));
        let detector = label("RouteRequest.detector", detector, MAX_DETECTOR_BYTES)?;
        Ok(RouteQuery {
            task_id,
            task_sz,
            task_type,
            wanted: usize::try_from(wanted).unwrap_or(usize::MAX).max(1),
            exclude: exclude.collect::<Result<_, _>>()?,
            epoch,
            priority,
            stream_id: label("RouteRequest.stream_id", stream_id, MAX_STREAM_ID_BYTES)?,
            detector: (!detector.is_empty()).then_some(detector),
            lease: (lease_id != 0).then_some(lease_id),
            waited: Duration::from_millis(waited_ms.into()),
        })
    }
}

impl From<RouteQuery> for wire::RouteRequest {
    fn from(query: RouteQuery) -> wire::RouteRequest {
        let RouteQuery {
            task_id,
            task_sz,
            task_type,
            wanted,
            exclude,
            epoch,
            priority,
            stream_id,
            detector,
            lease,
            waited,
        } = query;
        wire::RouteRequest {
            task_id,
            task_sz,
            task_type,
            wanted: u32::try_from(wanted).unwrap_or(u32::MAX),
            exclude_ids: exclude.into_iter().map(WorkerId::to_wire).collect(),
            priority,
            stream_id,
            detector: detector.unwrap_or_default(),
            epoch,
            lease_id: lease.unwrap_or(0),
            waited_ms: u32::try_from(waited.as_millis()).unwrap_or(u32::MAX),
        }
    }
}

impl From<Route> for wire::RouteReply {
    fn from(route: Route) -> wire::RouteReply {
        let Route { candidates, lease, epoch } = route;
        let candidates: Vec<wire::Candidate> = candidates.into_iter().map(wire::Candidate::from).collect();
        let first = candidates.first();
        wire::RouteReply {
            ip: first.map_or_else(String::new, |c| c.ip.clone()),
            port: first.map_or(0, |c| c.port),
            thread_num: first.map_or(0, |c| i32::try_from(c.cores).unwrap_or(i32::MAX)),
            candidates,
            lease_id: lease.map_or(0, |l| l.id),
            lease_ttl_ms: lease.map_or(0, |l| u32::try_from(l.ttl.as_millis()).unwrap_or(u32::MAX)),
            epoch,
        }
    }
}

impl TryFrom<wire::RouteReply> for Route {
    type Error = Invalid;

    fn try_from(message: wire::RouteReply) -> Result<Route, Invalid> {
        let wire::RouteReply { ip, port, thread_num, candidates, lease_id, lease_ttl_ms, epoch } = message;
        let candidates = if candidates.is_empty() && !ip.is_empty() {
            let address = address("RouteReply.ip", &ip, "RouteReply.port", port)?;
            let cores = u32::try_from(thread_num).unwrap_or(0).max(1);
            let name = address.to_string();
            vec![Candidate { id: None, generation: 0, name, address, cores, share: 1.0, frame_ms: None }]
        } else {
            candidates.into_iter().map(Candidate::try_from).collect::<Result<_, _>>()?
        };
        let ttl = Duration::from_millis(lease_ttl_ms.into());
        Ok(Route { candidates, lease: (lease_id != 0).then_some(StreamLease { id: lease_id, ttl }), epoch })
    }
}

impl From<Candidate> for wire::Candidate {
    fn from(candidate: Candidate) -> wire::Candidate {
        let Candidate { id, generation, name, address, cores, share, frame_ms } = candidate;
        wire::Candidate {
            id: id.map_or(-1, WorkerId::to_wire),
            generation,
            name,
            ip: address.ip().to_string(),
            port: address.port().into(),
            cores,
            share,
            frame_ms: frame_ms.unwrap_or(0.0),
        }
    }
}

impl TryFrom<wire::Candidate> for Candidate {
    type Error = Invalid;

    fn try_from(message: wire::Candidate) -> Result<Candidate, Invalid> {
        let wire::Candidate { id, generation, name, ip, port, cores, share, frame_ms } = message;
        Ok(Candidate {
            id: u32::try_from(id).ok().map(WorkerId),
            generation,
            name: label("Candidate.name", name, MAX_STREAM_ID_BYTES)?,
            address: address("Candidate.ip", &ip, "Candidate.port", port)?,
            cores: cores.max(1),
            share: measure("Candidate.share", share)?,
            frame_ms: measured("Candidate.frame_ms", frame_ms)?,
        })
    }
}
