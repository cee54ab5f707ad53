//! The master over real gRPC, each test with a master of its own on a free port.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod administer;
mod admission;
mod bad_input;
mod config_file;
mod fixed_fields;
mod health;
mod heartbeat_log;
mod lifecycle;
mod queue;
mod support;
mod web;
