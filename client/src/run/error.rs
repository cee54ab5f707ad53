//! What can go wrong with a run.

use std::io;
use std::path::PathBuf;

use facefleet_service::discovery::SeveralClusters;
use facefleet_service::listen::ListenError;

use crate::ffmpeg::FfmpegError;
use crate::local::LocalError;
use crate::report::ReportError;
use crate::source::{InputError, SourceError};
use crate::stream::StreamError;

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// INPUT cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// ffmpeg failed.
    #[error(transparent)]
    Ffmpeg(#[from] FfmpegError),
    /// The source could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// An output could not be written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Several clusters were found.
    #[error("{0}; or use this machine alone with --local")]
    Several(#[from] SeveralClusters),
    /// The cluster inside this process could not be started.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The address of `--http` cannot be used.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The operating system refused a signal handler.
    #[error("cannot listen for Ctrl-C")]
    Signal(#[source] io::Error),
    /// Frames were lost or counted twice, which is a bug in this program.
    #[error("the ledger does not balance: {sent} frames were sent, and the outcome of {ended} is known")]
    Unbalanced {
        /// The number of frames that were read.
        sent: u64,
        /// The number of frames whose outcome is known.
        ended: u64,
    },
    /// Every frame failed.
    #[error("none of the {sent} frames could be processed; --json writes the reason for each")]
    NoneOk {
        /// The number of frames that were read.
        sent: u64,
    },
    /// Every frame of a live stream was dropped.
    #[error(
        "all {sent} frames were dropped: they were too old before a worker was free; \
         increase --max-age, send fewer frames, or add workers"
    )]
    AllDropped {
        /// The number of frames that were read.
        sent: u64,
    },
    /// `--live` was given for pictures.
    #[error("--live is only for video: {input} consists of pictures, which have no frame rate")]
    LivePictures {
        /// INPUT as it was given.
        input: String,
    },
    /// `--max-age` was given for a stream that is not live.
    #[error("--max-age is only for live streams: add --live to play {input} in real time")]
    MaxAgeOfFile {
        /// INPUT as it was given.
        input: String,
    },
    /// Several streams were asked for from an input that can be read by one.
    #[error("{input} can be read by one stream only: leave out --clients")]
    OnlyOnce {
        /// INPUT as it was given.
        input: String,
    },
    /// A camera or a pipe is one of several inputs.
    #[error("{input} is a camera or a pipe, which may have no end: run it by itself")]
    EndlessAmongMany {
        /// The input.
        input: String,
    },
    /// Two inputs would be written to one output.
    #[error("{one} and {other} would both be written to {}: run them with an --out-dir each", path.display())]
    SameOutput {
        /// The output.
        path: PathBuf,
        /// One of the inputs.
        one: String,
        /// The other.
        other: String,
    },
    /// An output of many exists.
    #[error("{} exists: add --skip-done to go on where a run ended, or --overwrite to write all outputs again", path.display())]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// Some of many inputs failed.
    #[error("{failed} of {total} files failed")]
    SomeFailed {
        /// The number of files that failed.
        failed: usize,
        /// The number of files.
        total: usize,
    },
    /// The user stopped a run over many inputs.
    #[error("stopped after {done} of {total} files, whose outputs are whole; --skip-done goes on from there")]
    InterruptedMany {
        /// The number of files that are done.
        done: usize,
        /// The number of files.
        total: usize,
    },
    /// The user stopped the run.
    #[error("stopped at frame {ended}{}; the outputs are whole up to there", of_total(*total))]
    Interrupted {
        /// The number of frames whose outcome is known.
        ended: u64,
        /// The number of frames of all streams, if it is known.
        total: Option<u64>,
    },
    /// A stream ended early.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

fn of_total(total: Option<u64>) -> String {
    total.map_or_else(String::new, |total| format!(" of {total}"))
}
