//! The list of workers as the master sees them.

use std::net::SocketAddr;
use std::time::Duration;

use crate::invalid::address;
use crate::{Heartbeat, Identity, Invalid, Load, WorkerId, wire};

/// All workers that a master knows, and the state of the cluster as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Nodes {
    /// The workers, ordered by id.
    pub nodes: Vec<Node>,
    /// The life of the master.
    pub epoch: u64,
    /// The name of the scheduling policy.
    pub policy: String,
    /// The number of workers that fell silent at once, so many that the master takes its own network for the cause and goes on offering
    /// them when there is no better worker. 0: there is no such outage.
    pub vanished: u32,
    /// The name of the admission, as in the master's `--admission`. Empty: every stream is admitted.
    pub admission: String,
    /// The number of streams that wait for a slot.
    pub waiting: u32,
    /// How long the master has been cut off from the registry that it shares with other masters. None when it is not cut off or shares
    /// none.
    pub stale: Option<Duration>,
}

/// A worker as the master's list has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The worker's number at the master.
    pub id: WorkerId,
    /// The worker's name and life.
    pub identity: Identity,
    /// The address at which clients reach the worker.
    pub address: SocketAddr,
    /// The capacity relative to other workers.
    pub weight: u32,
    /// The number of detector threads.
    pub cores: u32,
    /// The software version; empty when not known.
    pub version: String,
    /// The detectors that the worker offers; empty when not known.
    pub detectors: Vec<String>,
    /// Whether the worker gets routes.
    pub health: Health,
    /// The time since the worker's last sign of life.
    pub silent: Duration,
    /// The load in the worker's last heartbeat. None before the first one.
    pub load: Option<Load>,
    /// The number of streams that the worker takes at once, as far as it is in service. 0 where every stream is admitted.
    pub slots: u32,
    /// The number of slots that are taken.
    pub slots_taken: u32,
}

/// Whether a worker gets routes, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// The worker gets routes.
    Healthy,
    /// The worker finishes what it holds.
    Draining,
    /// The worker missed its heartbeats.
    Lost,
}

impl Health {
    /// The name of the health, one lower-case word.
    pub fn name(self) -> &'static str {
        match self {
            Health::Healthy => "healthy",
            Health::Draining => "draining",
            Health::Lost => "lost",
        }
    }
}

impl From<Nodes> for wire::ListNodesReply {
    fn from(nodes: Nodes) -> wire::ListNodesReply {
        let Nodes { nodes, epoch, policy, vanished, admission, waiting, stale } = nodes;
        let nodes = nodes.into_iter().map(wire::Node::from).collect();
        // At least 1, because 0 would say that the master is not cut off at all.
        let stale_ms = stale.map_or(0, |stale| u64::try_from(stale.as_millis()).unwrap_or(u64::MAX).max(1));
        wire::ListNodesReply { nodes, epoch, policy, vanished, admission, waiting, stale_ms }
    }
}

impl TryFrom<wire::ListNodesReply> for Nodes {
    type Error = Invalid;

    fn try_from(message: wire::ListNodesReply) -> Result<Nodes, Invalid> {
        let wire::ListNodesReply { nodes, epoch, policy, vanished, admission, waiting, stale_ms } = message;
        let nodes = nodes.into_iter().map(Node::try_from).collect::<Result<_, _>>()?;
        let stale = (stale_ms > 0).then(|| Duration::from_millis(stale_ms));
        Ok(Nodes { nodes, epoch, policy, vanished, admission, waiting, stale })
    }
}

impl From<Node> for wire::Node {
    fn from(node: Node) -> wire::Node {
        let Node { id, identity, address, weight, cores, version, detectors, health, silent, load, slots, slots_taken } =
            node;
        let health = match health {
            Health::Healthy => wire::NodeHealth::Healthy,
            Health::Draining => wire::NodeHealth::Draining,
            Health::Lost => wire::NodeHealth::Lost,
        };
        let generation = identity.generation;
        let heartbeat =
            |load| Heartbeat { id, generation, epoch: 0, load, legacy: Default::default(), leases: Vec::new() };
        let state = load.map(|load| heartbeat(load).into());
        wire::Node {
            id: id.to_wire(),
            name: identity.name,
            generation,
            ip: address.ip().to_string(),
            port: address.port().into(),
            weight: i32::try_from(weight).unwrap_or(i32::MAX),
            cores,
            version,
            detectors,
            health: health.into(),
            silent_ms: u64::try_from(silent.as_millis()).unwrap_or(u64::MAX),
            state,
            slots,
            slots_taken,
        }
    }
}

impl TryFrom<wire::Node> for Node {
    type Error = Invalid;

    fn try_from(message: wire::Node) -> Result<Node, Invalid> {
        let wire::Node {
            id,
            name,
            generation,
            ip,
            port,
            weight,
            cores,
            version,
            detectors,
            health,
            silent_ms,
            state,
            slots,
            slots_taken,
        } = message;
        let health = match wire::NodeHealth::try_from(health) {
            Ok(wire::NodeHealth::Healthy) => Health::Healthy,
            Ok(wire::NodeHealth::Draining) => Health::Draining,
            Ok(wire::NodeHealth::Lost) => Health::Lost,
            Ok(wire::NodeHealth::Unspecified) | Err(_) => {
                return Err(Invalid::new("Node.health", format!("{health} is no state this program knows")));
            }
        };
        Ok(Node {
            id: WorkerId::from_wire("Node.id", id)?,
            identity: Identity { name, generation },
            address: address("Node.ip", &ip, "Node.port", port)?,
            weight: u32::try_from(weight).unwrap_or(0),
            cores,
            version,
            detectors,
            health,
            silent: Duration::from_millis(silent_ms),
            load: state.map(Heartbeat::try_from).transpose()?.map(|heartbeat| heartbeat.load),
            slots,
            slots_taken,
        })
    }
}
