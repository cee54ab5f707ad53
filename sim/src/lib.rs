//! Whole clusters in one thread and no time: real sessions in their real event loop, and a real scheduler, between them a network,
//! workers and faults that are made up from a seed.
//!
//! [`engine`] is the queue of events, [`world`] the hosts and the network. What is done with a world is an
//! [`Experiment`](world::Experiment), of which there are two: [`scenario`] lets faults strike and audits what must hold whatever
//! happens, and [`policies`] measures what the master's policies do. Nothing of this is shipped.
//!
//! Why a simulator of our own: `turmoil` 0.7 seeds `tokio::select!` only under `--cfg tokio_unstable`, loses the bytes of a
//! cut connection for ever where TCP would send them again, and cannot stop a process; `madsim` replaces tokio and tonic,
//! HTTP/2 with its keepalive included, in a second build of everything. Both would run sockets and gRPC for the sake of
//! decisions that are made in pure crates, at a hundred times the cost. What they would see, and this does not, the tests
//! with real processes and real networks do.
#![forbid(unsafe_code)]

pub mod engine;
pub mod policies;
pub mod scenario;
pub mod world;
