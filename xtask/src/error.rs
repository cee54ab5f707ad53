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
    #[error("{program} is missing; {how}")]
    Missing { program: &'static str, how: String },
    #[error("the tools for arm64 are missing; {0}")]
    NoArmTools(String),
    #[error("the emulator ran the program and said nothing of instructions; is it another qemu than Debian 12's?")]
    NoCount,
    #[error(
        "the programs for arm64 were not built. If `{c_compiler}` or {protoc} failed above: a dependency wants a C compiler or \
         protoc for the board, and none may; `cargo tree --target all --invert cc` tells which"
    )]
    NotRustAlone { c_compiler: &'static str, protoc: &'static str },
    #[error("{} {problem}", path.display())]
    NotForBoards { path: PathBuf, problem: &'static str },
    #[error("{what} takes {bytes} bytes; it is to be less than {limit}")]
    TooMuch { what: &'static str, bytes: u64, limit: u64 },
    #[error("{} does not say how much memory the process has used", .0.display())]
    NoMemory(PathBuf),
    #[error("the emulated worker does not use the kernels {0}; the end of its log is above")]
    NoKernels(&'static str),
    #[error("the client did not write the faces that the worker found, but: {0}")]
    NotAnalyzed(String),
    #[error("{detector}, frame {index}: the native worker has {native}, the emulated one {emulated}")]
    OtherFaces { detector: String, index: usize, native: String, emulated: String },
    #[error("libFuzzer needs a C++ compiler, and there is none; type this, or what your system has in its place: {0}")]
    NoCompiler(String),
    #[error("{target} fails on {}; to see it again: {command} (what it said: {})", input.display(), log.display())]
    Crash { target: String, input: PathBuf, command: String, log: PathBuf },
    #[error("a fuzz target ended without having said how far it came; see {}", log.display())]
    NoFuzzing { log: PathBuf },
    #[error("cargo built no program `{0}`")]
    NoProgram(String),
    #[error("packages are made on PCs and 64-bit ARM machines, and not on {0}")]
    NoPackages(&'static str),
    #[error("{unit} can reach more than {most} of 10; see `systemd-analyze security --offline=true {unit}`")]
    Exposed { unit: &'static str, most: f64 },
    #[error(
        "the crate {name} ({licence}) comes without the text of its licence, and it is not the MIT licence; choose another crate"
    )]
    NoLicence { name: String, licence: String },
    #[error("what time is it? Set SOURCE_DATE_EPOCH to seconds since 1970, or build in a clone that has git's history")]
    NoTime,
    #[error("there are no packages for {0:?}, only for amd64 and arm64 as `dpkg --print-architecture` says it")]
    NoArch(String),
    #[error("the installation did not say as which worker it joined")]
    NotJoined,
    #[error(
        "it joined as worker {0}, and the master that was asked here does not list it as healthy; are there two masters?"
    )]
    NotListed(u64),
    #[error("failed on {} of the hosts: {}", .0.len(), .0.join("; "))]
    Hosts(Vec<String>),
    #[error("dist-check makes a small Debian and starts it, which takes root")]
    NotRoot,
    #[error(transparent)]
    CannotRun(#[from] prerequisites::CannotRun),
    #[error("{script} failed; what it did is in {}", log.display())]
    Check { script: &'static str, log: PathBuf },
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
