//! Finding the master without its address: DNS-SD (RFC 6763) over multicast DNS (RFC 6762).
//!
//! A master is an instance of `_facefleet._tcp` in `local`, and [`announce`] keeps it one:
//!
//! | record | holds |
//! |---|---|
//! | PTR | the instance, called after host and port: `laptop:50051`, at most 63 bytes |
//! | SRV | its port, and a host name that nobody else uses: `laptop-facefleet-50051.local` |
//! | A, AAAA | the addresses at which others reach it: of interfaces that lead out of the machine, as far as it listens there |
//! | TXT | `txtvers=1` (these keys), `protovers=1` (what is spoken at the port), `cluster=` and the epoch in hexadecimal |
//!
//! The host name is not the machine's own, because others announce that one, with all addresses that the machine has.
//! Masters of one epoch share a registry: they are one cluster, and whoever looks gets all of them.
//!
//! [`look`] and [`wait`] are the other side. An answer counts when a connection to one of its addresses is taken, so what
//! a dead master has left in a cache, or an address that is nobody's from here, is passed over. Which answers and which
//! interfaces count is decided by `answer` and `interface`, and which cluster is meant by `cluster`; they are pure.
//! Nothing proves who announces: like all else here, this is for networks that one trusts.

mod announce;
mod answer;
mod cluster;
mod daemon;
mod interface;
mod search;

pub use announce::announce;
pub use cluster::{Cluster, SeveralClusters};
pub use search::{SHORTEST, look, wait};

/// What masters are instances of. The name has at most 15 characters (RFC 6763, section 7).
const SERVICE: &str = "_facefleet._tcp.local.";
/// The version of the keys in TXT, of which the first says it (RFC 6763, section 6.7).
const TXT_VERSION: (&str, &str) = ("txtvers", "1");
/// The version of what is spoken: another one would not be understood. What is added to the protocol does not change it.
const PROTOCOL_VERSION: (&str, &str) = ("protovers", "1");
/// The key of the cluster's epoch.
const CLUSTER: &str = "cluster";
/// Longest part of a domain name, in bytes (RFC 1035), which the name of an instance is (RFC 6763, section 4.1.1).
const MAX_LABEL_BYTES: usize = 63;
