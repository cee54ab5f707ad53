//! The heartbeat log: every heartbeat a line of JSON in a file that rotates, written off the request path.

mod line;
mod rotating;

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

use tokio::runtime::Handle;

use crate::queue::Subscription;
use rotating::RotatingFile;

/// Where heartbeats are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatLog {
    /// The file that is appended to. When it is full it becomes `FILE.1`, that becomes `FILE.2`, and so on.
    pub path: PathBuf,
    /// Greatest size of one file in bytes. A line that is longer still has a file to itself.
    pub max_bytes: u64,
}

/// The log, open and not yet written to.
pub(crate) struct Journal {
    path: PathBuf,
    file: RotatingFile,
    /// Kinds of errors that were reported; a full disk is worth one line, not one a heartbeat.
    reported: HashSet<io::ErrorKind>,
}

impl Journal {
    /// Opens the log's file, or makes it.
    pub(crate) fn open(log: HeartbeatLog) -> io::Result<Journal> {
        let HeartbeatLog { path, max_bytes } = log;
        let file = RotatingFile::open(path.clone(), max_bytes)?;
        Ok(Journal { path, file, reported: HashSet::new() })
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
