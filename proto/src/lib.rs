//! The wire contract of facefleet, and what its messages mean.
//!
//! [`wire`] is generated from `master.proto` and `stream_video.proto` (`cargo xtask codegen`). It stops at the gRPC
//! adapters: each message that comes in becomes one of the types below in one place, destructured field by field,
//! and what cannot mean anything is an [`Invalid`] that names the field. A message with every added field (number 16
//! and up) missing is that of an old program, and always valid.
#![forbid(unsafe_code)]

mod admin;
mod analyze;
mod invalid;
mod join;
mod node;
pub mod percentiles;
mod result;
mod route;
mod state;
mod throttling;
pub mod view;

pub use admin::AdminChange;
pub use analyze::{AnalyzeFrame, AnalyzeOpen, AnalyzeRequest, FaceBox, FrameOk, FrameResult, Opened, Outcome, Output};
pub use analyze::{MAX_DETECT_SIZE, Point, Reply, StageTimes, Task};
pub use invalid::Invalid;
pub use join::{Identity, Join, MAX_NAME_BYTES, WorkerId};
pub use node::{Health, Node, Nodes};
pub use result::TaskResult;
pub use route::{Candidate, Lease, RETRY_AFTER_MS, Route, RouteQuery};
pub use state::{Heartbeat, LegacyState, Load, MAX_LEASES};
pub use throttling::Throttling;

/// Generated from the `.proto` files: messages, clients and servers.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
pub mod wire {
    include!("gen/wire.rs");
}

/// `master.proto` as a `FileDescriptorSet` of protobuf, without its comments: what reflection tells of the service `Master`.
pub const MASTER_DESCRIPTORS: &[u8] = include_bytes!("gen/master.bin");

/// The same of `stream_video.proto` and the service `VideoStream`.
pub const VIDEO_STREAM_DESCRIPTORS: &[u8] = include_bytes!("gen/stream_video.bin");
