//! What people look at: the cluster, its streams and why frames go where they go.
//!
//! [`ClusterView`] is what `Watch` streams. With serde it is the JSON of the master's page: times in milliseconds, what
//! is not known is `null`, and identities of 64 bits are 16 hexadecimal digits, for JavaScript's numbers have 53.

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

/// Longest name of a worker, or of a stream, in bytes. A worker that has no name is named after its address.
pub(crate) use crate::route::MAX_STREAM_ID_BYTES as MAX_LABEL_BYTES;

#[cfg(test)]
mod tests;
