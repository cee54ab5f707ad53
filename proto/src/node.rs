//! The cluster as the master sees it.

use std::net::SocketAddr;
use std::time::Duration;

use crate::invalid::address;
use crate::{Heartbeat, Identity, Invalid, Load, WorkerId, wire};

/// Every worker that a master knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Nodes {
    /// By id.
    pub nodes: Vec<Node>,
    /// Which life of the master this is.
    pub epoch: u64,
    /// Name of its scheduling policy.
    pub policy: String,
    /// Workers that fell silent at once, so many that the master takes its own network for the cause and goes on offering
    /// them when nobody better is there. 0: there is no such outage.
    pub vanished: u32,
    /// Who is let in, as in the master's `--admission`; empty: everybody.
    pub admission: String,
    /// Streams that wait for a slot.
    pub waiting: u32,
    /// For how long the master has been cut off from the registry that it shares with others; None: it is not, or shares
    /// none.
    pub stale: Option<Duration>,
}

/// One worker.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its number at the master.
    pub id: WorkerId,
    /// Its name and life.
    pub identity: Identity,
    /// Where clients reach it.
    pub address: SocketAddr,
    /// Relative capacity.
    pub weight: u32,
    /// Detector threads.
    pub cores: u32,
    /// Software version; empty when not known.
    pub version: String,
    /// Detectors it offers; empty when not known.
    pub detectors: Vec<String>,
    /// Whether it gets routes.
    pub health: Health,
    /// Time since its last sign of life.
    pub silent: Duration,
    /// Its last heartbeat; None before the first.
    pub load: Option<Load>,
    /// Streams that it takes at once, as far as it is in service; 0 where everybody is let in.
    pub slots: u32,
    /// Those of them that are taken.
    pub slots_taken: u32,
}

/// Whether a worker gets routes, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It gets routes.
    Healthy,
    /// It finishes what it holds.
    Draining,
    /// It missed its heartbeats.
    Lost,
}

impl Health {
    /// One lower-case word.
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
        // Not 0, which would say that it is not cut off at all.
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
