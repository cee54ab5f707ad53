//! The worker from outside: real gRPC over loopback, with a master that the test writes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod analyze;
mod config_file;
mod health;
mod heartbeat;
mod legacy;
mod limits;
mod live;
mod program;
mod resting;
mod sharing;
mod stopping;
mod support;
