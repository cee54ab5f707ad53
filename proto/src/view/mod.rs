//! What people are shown: the cluster, its streams, and why frames go where they go.
//!
//! The call `Watch` streams [`ClusterView`]s. Serialized with serde they are the JSON of the master's page: times are in
//! milliseconds, unknown values are `null`, and ids of 64 bits are 16 hexadecimal digits, because JavaScript's numbers have 53 bits.

mod cluster;
mod decision;
mod json;
mod report;
mod stream;
mod worker;

pub use cluster::{ClusterView, MAX_DECISIONS, MAX_STREAMS};
pub use decision::{Choice, Decision, DecisionView};
pub use report::{MAX_REASON_BYTES, MAX_REASONS, MAX_REPORTED_DECISIONS, MAX_SOURCE_BYTES, MAX_STREAM_WORKERS};
pub use report::{StreamReport, StreamWorker};
pub use stream::StreamView;
pub use worker::{WorkerState, WorkerView};

/// The length of the longest name of a worker or a stream, in bytes. A worker without a name is named after its address.
pub(crate) use crate::route::MAX_STREAM_ID_BYTES as MAX_LABEL_BYTES;

#[cfg(test)]
mod tests;
