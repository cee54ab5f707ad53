//! What can go wrong with a process.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a process did not do what was awaited of it.
#[derive(thiserror::Error)]
pub enum Error {
    /// The process could not be started.
    #[error("cannot start `{program}`: {source}")]
    Start {
        /// The file, or the name to be found in `PATH`.
        program: String,
        /// Why the system did not start it.
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
    /// The process did not do what was awaited in time.
    #[error("{name} did not {awaited} within {} s; it said:\n{said}", limit.as_secs())]
    TooSlow {
        /// The name of the process.
        name: String,
        /// Completes the sentence "it did not …".
        awaited: String,
        /// How long was waited.
        limit: Duration,
        /// What the process wrote on stdout and stderr.
        said: String,
    },
    /// The process closed its stdout or stderr, as one does that ends, before it did what was awaited.
    #[error("{name} ended and did not {awaited}; it said:\n{said}")]
    Ended {
        /// The name of the process.
        name: String,
        /// Completes the sentence "it did not …".
        awaited: String,
        /// What the process wrote on stdout and stderr.
        said: String,
    },
    /// A tool failed.
    #[error("{name} failed ({status}): {said}")]
    Failed {
        /// The name of the tool.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// What the tool wrote on stderr.
        said: String,
    },
}

/// Shows the text of the error: `Debug` is what `unwrap` shows to the person who reads a failed test.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
