//! What can go wrong in a command of xtask.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

/// Why a command of xtask failed. Its text is the last line that the user reads.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("stopped on request; every process that was started has ended")]
    Interrupted,
    #[error("cannot watch for Ctrl-C: {0}")]
    Signals(#[from] ctrlc::Error),
    #[error("cannot start `{program}`: {source}")]
    Start { program: String, source: io::Error },
    #[error("cannot tell whether {name} has ended: {source}")]
    Watch { name: String, source: io::Error },
    #[error("{name} failed: {status}")]
    Failed { name: String, status: ExitStatus },
    #[error("{name} ended too early: {status}; its log is {}", log.display())]
    Died { name: String, status: ExitStatus, log: PathBuf },
    #[error("{name} was not ready within {} s; stopped it", limit.as_secs())]
    TooSlow { name: String, limit: Duration },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("ffmpeg is missing; {0}")]
    NoFfmpeg(String),
    #[error("the tools for arm64 are missing; {0}")]
    NoArmTools(String),
    #[error("the emulator ran the program and said nothing of instructions; is it another qemu than Debian 12's?")]
    NoCount,
    #[error("libFuzzer needs a C++ compiler, and there is none; type this, or what your system has in its place: {0}")]
    NoCompiler(String),
    #[error("{target} fails on {}; to see it again: {command} (what it said: {})", input.display(), log.display())]
    Crash { target: String, input: PathBuf, command: String, log: PathBuf },
    #[error("a fuzz target ended without having said how far it came; see {}", log.display())]
    NoFuzzing { log: PathBuf },
    #[error("cargo built no program `{0}`")]
    NoProgram(String),
    #[error("the client ended well but did not write {}", .0.display())]
    NoOutput(PathBuf),
    #[error("{} is stale; run `cargo xtask {command}` and commit it", path.display())]
    Stale { path: PathBuf, command: &'static str },
    #[error("{} is not the network it should be: {problem}", path.display())]
    Onnx { path: PathBuf, problem: String },
    #[error("{step} failed; to run it alone: {command}")]
    Step { step: &'static str, command: String },
}

impl Error {
    /// Names the file in an error of reading or writing it.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    }
}
