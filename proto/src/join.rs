//! The identity of a worker, and what it says when it joins.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use crate::invalid::{address, check_label, cores, label, measured};
use crate::{Invalid, wire};

/// The greatest weight that a worker may claim. The limit keeps shares exact.
const MAX_WEIGHT: i32 = 1_000_000;
/// The length of the longest name of a worker, in bytes.
pub const MAX_NAME_BYTES: usize = 64;
/// The most detectors that a worker may offer.
const MAX_DETECTORS: usize = 16;
/// The longest interval between heartbeats that a worker may announce.
const MAX_INTERVAL_MS: u32 = 60_000;

/// Whether a text can be the name of a worker: it has 1 to [`MAX_NAME_BYTES`] bytes and no control characters.
pub fn is_worker_name(text: &str) -> bool {
    !text.is_empty() && check_label(text, MAX_NAME_BYTES).is_ok()
}

/// The number that a master gives to a worker at [`Join`]. Numbers count up from 0 in each life of a master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u32);

impl WorkerId {
    /// The number as messages carry it.
    pub fn to_wire(self) -> i32 {
        i32::try_from(self.0).unwrap_or(i32::MAX)
    }

    /// Reads the number that a message carried in `field`, which is named as in the `.proto` file.
    ///
    /// # Errors
    /// The number is below 0, which no master gives.
    pub fn from_wire(field: &'static str, id: i32) -> Result<WorkerId, Invalid> {
        u32::try_from(id).map(WorkerId).map_err(|_| Invalid::new(field, format!("{id} is below 0")))
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One life of one worker. A restart has the same name and a greater generation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The worker's name, unique among the workers of a master.
    pub name: String,
    /// When the worker's process started, in microseconds since 1970; 0 for an old worker, which does not say.
    pub generation: u64,
}

/// What a worker says of itself when it joins.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// The address at which clients reach the worker.
    pub address: SocketAddr,
    /// The capacity relative to other workers, from 1 to 1,000,000.
    pub weight: u32,
    /// The worker's name and life. An old worker is named after its address and has generation 0.
    pub identity: Identity,
    /// The number of detector threads, 1 to 1024.
    pub cores: u32,
    /// Time between heartbeats; None for an old worker, which does not say.
    pub heartbeat_interval: Option<Duration>,
    /// Frames per second by the worker's self-test, which measures all threads with the worker's own detector. None without a result.
    pub frames_per_s: Option<f32>,
    /// The software version; empty for an old worker.
    pub version: String,
    /// The detectors that the worker offers; empty for an old worker.
    pub detectors: Vec<String>,
    /// The port of the live view (HTTP) at the same address; None without one.
    pub http_port: Option<NonZeroU16>,
}

impl TryFrom<wire::JoinRequest> for Join {
    type Error = Invalid;

    fn try_from(message: wire::JoinRequest) -> Result<Join, Invalid> {
        let wire::JoinRequest {
            ip,
            port,
            weight,
            name,
            generation,
            cores: threads,
            heartbeat_interval_ms,
            frames_per_s,
            version,
            detectors,
            http_port,
        } = message;
        let address = address("JoinRequest.ip", &ip, "JoinRequest.port", port)?;
        if !(1..=MAX_WEIGHT).contains(&weight) {
            let problem = format!("{weight} is not a weight: it goes from 1 to {MAX_WEIGHT}");
            return Err(Invalid::new("JoinRequest.weight", problem));
        }
        if heartbeat_interval_ms > MAX_INTERVAL_MS {
            let problem = format!("{heartbeat_interval_ms} is above {MAX_INTERVAL_MS}");
            return Err(Invalid::new("JoinRequest.heartbeat_interval_ms", problem));
        }
        if detectors.len() > MAX_DETECTORS {
            let problem = format!("names {} detectors; at most {MAX_DETECTORS} are taken", detectors.len());
            return Err(Invalid::new("JoinRequest.detectors", problem));
        }
        let http_port = u16::try_from(http_port)
            .map_err(|_| Invalid::new("JoinRequest.http_port", format!("{http_port} is not a port")))?;
        let name = match label("JoinRequest.name", name, MAX_NAME_BYTES)? {
            unnamed if unnamed.is_empty() => address.to_string(),
            name => name,
        };
        let detectors = detectors.into_iter().map(|d| label("JoinRequest.detectors", d, MAX_NAME_BYTES));
        Ok(Join {
            address,
            weight: weight.unsigned_abs(),
            identity: Identity { name, generation },
            cores: cores("JoinRequest.cores", threads)?,
            heartbeat_interval: (heartbeat_interval_ms > 0)
                .then(|| Duration::from_millis(heartbeat_interval_ms.into())),
            frames_per_s: measured("JoinRequest.frames_per_s", frames_per_s)?,
            version: label("JoinRequest.version", version, MAX_NAME_BYTES)?,
            detectors: detectors.collect::<Result<_, _>>()?,
            http_port: NonZeroU16::new(http_port),
        })
    }
}

impl From<Join> for wire::JoinRequest {
    fn from(join: Join) -> wire::JoinRequest {
        let Join { address, weight, identity, cores, heartbeat_interval, frames_per_s, version, detectors, http_port } =
            join;
        wire::JoinRequest {
            ip: address.ip().to_string(),
            port: address.port().into(),
            weight: i32::try_from(weight).unwrap_or(MAX_WEIGHT),
            name: identity.name,
            generation: identity.generation,
            cores,
            heartbeat_interval_ms: heartbeat_interval.map_or(0, |i| u32::try_from(i.as_millis()).unwrap_or(u32::MAX)),
            frames_per_s: frames_per_s.unwrap_or(0.0),
            version,
            detectors,
            http_port: http_port.map_or(0, |port| port.get().into()),
        }
    }
}
