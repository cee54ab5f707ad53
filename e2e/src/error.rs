//! What can go wrong with a process.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a process did not do what was awaited of it.
#[derive(thiserror::Error)]
pub enum Error {
    /// It could not be started.
    #[error("cannot start `{program}`: {source}")]
    Start {
        /// The file, or the name to be found in `PATH`.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The programs could not be built.
    #[error("the programs could not be built: {0}")]
    Build(String),
    /// There is no such program, and no cargo to build it.
    #[error("there is no {}: build it with `cargo build --workspace --bins`", path.display())]
    NoProgram {
        /// Where it should be.
        path: PathBuf,
    },
    /// It did not do what was awaited in time.
    #[error("{name} did not {awaited} within {} s; it said:\n{said}", limit.as_secs())]
    TooSlow {
        /// Which process.
        name: String,
        /// Completes the sentence "it did not …".
        awaited: String,
        /// How long was waited.
        limit: Duration,
        /// Its stdout and stderr.
        said: String,
    },
    /// It closed its stdout or stderr, as a process does that ends, before what was awaited.
    #[error("{name} ended and did not {awaited}; it said:\n{said}")]
    Ended {
        /// Which process.
        name: String,
        /// Completes the sentence "it did not …".
        awaited: String,
        /// Its stdout and stderr.
        said: String,
    },
    /// A tool failed.
    #[error("{name} failed ({status}): {said}")]
    Failed {
        /// Which tool.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// Its stderr.
        said: String,
    },
}

/// The same as its text: this is what `unwrap` shows to the person who reads a failed test.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
