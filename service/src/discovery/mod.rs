//! Finding the master without its address: DNS-SD (RFC 6763) over multicast DNS (RFC 6762).
//!
//! A master is an instance of the service `_facefleet._tcp` in `local`, for which [`announce`] publishes these records:
//!
//! | record | holds |
//! |---|---|
//! | PTR | the instance, named after host and port: `laptop:50051`, at most 63 bytes |
//! | SRV | the port, and a host name that nobody else uses: `laptop-facefleet-50051.local` |
//! | A, AAAA | the addresses at which others reach the master: those of interfaces that lead out of the machine, as far as it listens there |
//! | TXT | `txtvers=1` (version of these keys), `protovers=1` (version of the protocol at the port), `cluster=` and the epoch in hexadecimal |
//!
//! The host name is not the machine's own, because other programs announce that one with all addresses that the machine has.
//! Masters of one epoch share a registry. They are one cluster, and a search finds all of them.
//!
//! [`look`] and [`wait`] search. An announcement counts when one of its addresses accepts a connection, so what a dead master has
//! left in a cache, or an address that cannot be reached from here, is ignored. The pure modules `instance` and `interface` decide
//! which announcements and which interfaces count, and `cluster` which cluster is meant. Nothing proves who announces: like
//! everything else here, this is for trusted networks.

mod announce;
mod cluster;
mod daemon;
mod instance;
mod interface;
mod record;
mod search;

pub use announce::announce;
pub use cluster::{Cluster, SeveralClusters};
pub use search::{SHORTEST, look, wait};
