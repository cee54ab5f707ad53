//! The heartbeat log: a file that rotates, with one line of JSON for each heartbeat. It is written apart from the calls, which do
//! not wait for the disk.

mod line;
mod rotating;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use facefleet_service::clock;
use facefleet_service::log_limit::LogLimit;
use tokio::runtime::Handle;

use crate::queue::Subscription;
use rotating::{Limits, RotatingFile};

/// How often an error of one kind is logged. A full disk fails with every heartbeat.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// The file that heartbeats are appended to.
#[derive(Debug)]
pub struct HeartbeatLog {
    path: PathBuf,
    file: RotatingFile,
    /// A limit for each kind of error that there was.
    errors: HashMap<io::ErrorKind, LogLimit>,
}

impl HeartbeatLog {
    /// Opens the file, or makes it. When the file would grow past `max_bytes`, or a line comes `max_age` after its first, it is
    /// renamed to `FILE.1`, `FILE.1` to `FILE.2`, and so on up to `FILE.3`. A line that is longer than `max_bytes` has a file to
    /// itself.
    ///
    /// # Errors
    /// The file cannot be made or written to.
    pub fn open(path: PathBuf, max_bytes: u64, max_age: Duration) -> io::Result<HeartbeatLog> {
        let file = RotatingFile::open(path.clone(), Limits { bytes: max_bytes, age: max_age })?;
        Ok(HeartbeatLog { path, file, errors: HashMap::new() })
    }

    /// Writes the records of a subscription until it ends. This blocks, so it needs a thread of its own.
    pub(crate) fn keep(mut self, mut records: Subscription, runtime: &Handle) {
        while let Some(next) = runtime.block_on(records.next()) {
            if next.missed > 0 {
                let path = self.path.display();
                tracing::warn!(missed = next.missed, %path, "the disk is too slow: heartbeats are missing in the log");
            }
            let Err(error) = self.file.append(&line::json(&next.item), next.item.received_us) else { continue };
            let log_limit = self.errors.entry(error.kind()).or_insert_with(|| LogLimit::new(REPORT_EVERY));
            if let Some(kept_back) = log_limit.allow(clock::now()) {
                let path = self.path.display();
                tracing::error!(%path, kept_back, "a heartbeat could not be logged ({error}); the master goes on without");
            }
        }
    }
}
