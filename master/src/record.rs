//! A heartbeat as the journal and `GetQ` tell of it.

use std::net::SocketAddr;

use facefleet_proto::Heartbeat;

/// A heartbeat of a registered worker, and when it came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// This machine's clock, microseconds since 1970.
    pub(crate) received_us: u64,
    /// The worker's name.
    pub(crate) name: String,
    /// Where clients reach it.
    pub(crate) address: SocketAddr,
    /// What it said.
    pub(crate) heartbeat: Heartbeat,
}
