//! A heartbeat as the journal and `GetQ` have it.

use std::net::SocketAddr;

use facefleet_proto::Heartbeat;

/// A heartbeat of a registered worker, and when it came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// When the heartbeat came, by this machine's clock, in microseconds since 1970.
    pub(crate) received_us: u64,
    /// The worker's name.
    pub(crate) name: String,
    /// The address at which clients reach the worker.
    pub(crate) address: SocketAddr,
    /// The heartbeat.
    pub(crate) heartbeat: Heartbeat,
}
