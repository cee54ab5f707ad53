//! The wire contract, pinned: paths, bytes, and what messages mean.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "a test may")]

mod bytes;
mod meaning;
mod paths;
