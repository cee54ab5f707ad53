//! The wire contract of facefleet, and what its messages mean.
//!
//! [`wire`] is generated from `master.proto` and `stream_video.proto` (`cargo xtask codegen`). Its types stop at the gRPC adapters:
//! each message that comes in is converted in one place, field by field, into one of the types below. A field that cannot mean
//! anything becomes an [`Invalid`] that names it. A message in which every added field (number 16 and up) is missing is that of an
//! old program, and always valid.
#![forbid(unsafe_code)]

mod admin;
mod analyze;
pub mod backoff;
mod invalid;
mod join;
mod node;
pub mod percentiles;
mod reason;
mod result;
mod route;
mod state;
#[cfg(feature = "test-clock")]
pub mod test_clock;
mod throttling;
pub mod view;

pub use admin::AdminChange;
pub use analyze::{AnalyzeFrame, AnalyzeOpen, AnalyzeRequest, FaceBox, FrameOk, FrameResult, Opened, Outcome, Output};
pub use analyze::{MAX_DETECT_SIZE, Point, Reply, StageTimes, Task};
pub use invalid::{Invalid, parse_reachable};
pub use join::{Identity, Join, MAX_NAME_BYTES, WorkerId, is_worker_name};
pub use node::{Health, Node, Nodes};
pub use reason::{DropReason, FailureCode, OTHER};
pub use result::TaskResult;
pub use route::{Candidate, RETRY_AFTER_MS, Route, RouteQuery, StreamLease, StreamLeaseId};
pub use state::{Heartbeat, LegacyState, Load, MAX_STREAM_LEASES};
pub use throttling::Throttling;

/// Messages, clients and servers, generated from the `.proto` files.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
pub mod wire {
    include!("gen/wire.rs");
}

/// `master.proto` as a `FileDescriptorSet` of protobuf without comments, from which reflection describes the service `Master`.
pub const MASTER_DESCRIPTORS: &[u8] = include_bytes!("gen/master.bin");

/// `stream_video.proto` as a `FileDescriptorSet` of protobuf without comments, from which reflection describes `VideoStream`.
pub const VIDEO_STREAM_DESCRIPTORS: &[u8] = include_bytes!("gen/stream_video.bin");
