//! Tests of the client as a process.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod config_file;
