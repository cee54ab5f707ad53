//! How much a master takes from the network.

/// Greatest message. No frame ever comes here, and the longest list of workers to leave out has half of this.
pub(crate) const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// Programs that are connected at once. A worker and a client have one connection each.
pub(crate) const MAX_CONNECTIONS: usize = 16_384;
/// Calls at once on one connection. One program has a few, and a proxy for a whole site some hundreds. A master that passes on
/// the requests of its clients has as many as may wait ([`facefleet_cluster::admission::MAX_WAITING`]), and those that come too
/// late for that.
pub(crate) const MAX_STREAMS: u32 = 16_384;
