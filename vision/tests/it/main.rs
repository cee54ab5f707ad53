//! Tests through the public interface, on real photographs and on damaged bytes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agreement;
mod analyze;
mod bad_bytes;
mod pictures;
mod seeta;
mod yunet;
