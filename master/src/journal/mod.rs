//! The heartbeat log: every heartbeat a line of JSON in a file that rotates, written off the request path.

mod line;
mod rotating;

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

use tokio::runtime::Handle;

use crate::queue::Subscription;
use rotating::RotatingFile;

/// The file that heartbeats are appended to.
#[derive(Debug)]
pub struct HeartbeatLog {
    path: PathBuf,
    file: RotatingFile,
    /// Kinds of errors that were reported; a full disk is worth one line, not one a heartbeat.
    reported: HashSet<io::ErrorKind>,
}

impl HeartbeatLog {
    /// Opens the file, or makes it. When it would grow past `max_bytes` it becomes `FILE.1`, that becomes `FILE.2`,
    /// and so on up to `FILE.3`; a line that is longer still has a file to itself.
    ///
    /// # Errors
    /// The file cannot be made or written to.
    pub fn open(path: PathBuf, max_bytes: u64) -> io::Result<HeartbeatLog> {
        let file = RotatingFile::open(path.clone(), max_bytes)?;
        Ok(HeartbeatLog { path, file, reported: HashSet::new() })
    }

    /// Writes what `records` brings until it ends. Blocks: for a thread of its own.
    pub(crate) fn keep(mut self, mut records: Subscription, runtime: &Handle) {
        while let Some(next) = runtime.block_on(records.next()) {
            if next.missed > 0 {
                let path = self.path.display();
                tracing::warn!(missed = next.missed, %path, "the disk is too slow: heartbeats are missing in the log");
            }
            if let Err(error) = self.file.append(&line::json(&next.item))
                && self.reported.insert(error.kind())
            {
                let path = self.path.display();
                tracing::error!(%path, "a heartbeat could not be logged ({error}); the master goes on without");
            }
        }
    }
}
