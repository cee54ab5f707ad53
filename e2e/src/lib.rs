//! The facefleet programs as processes: a harness that tests and the benchmark share.
//!
//! [`Program`] builds and finds them, [`Process`] runs one and reads what it prints, [`Cluster`] is a master with its
//! workers. Every wait is for a line or an end, has a limit, and fails with what the process said. On Linux,
//! [`net::Network`] puts machines between them whose cables can be cut.
#![forbid(unsafe_code)]

mod browser;
pub mod camera;
mod cluster;
mod error;
mod etcd;
mod ffmpeg;
#[cfg(target_os = "linux")]
pub mod net;
pub mod proc;
mod process;
mod program;
mod wait;

pub use browser::{Browser, PHONE, PROJECTOR, Screen};
pub use cluster::{Cluster, LOOPBACK, Service, client, lasting_address};
pub use error::Error;
pub use etcd::Etcd;
pub use ffmpeg::{tool, tool_in};
pub use process::{Ended, Process};
pub use program::Program;
pub use wait::{comes_true, wait_until};

use std::path::{Path, PathBuf};

/// A file of the checkout's `assets` folder.
pub fn asset(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is a folder of the checkout");
    root.join("assets").join(name)
}
