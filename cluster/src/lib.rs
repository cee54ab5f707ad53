//! The rules of a facefleet cluster: which workers are there, which of them a stream gets, and which streams are let in.
//!
//! Everything here is pure: no sockets, no threads, no clock. The time is an argument, so that the rules can be tested in
//! microseconds and played in simulated clusters. [`scheduler::Scheduler`] joins the parts; the master is the shell around it.
#![forbid(unsafe_code)]

pub mod admission;
pub mod advertised;
pub mod join_limit;
pub mod liveness;
pub mod outage;
pub mod policy;
pub mod promise;
pub mod rate;
pub mod registry;
pub mod scheduler;
pub mod settings;
pub mod sharing;
pub mod stream_lease;
