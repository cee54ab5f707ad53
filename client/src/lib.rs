//! Reads video, distributes its frames over the workers of a cluster, and writes the results.
//!
//! A frame passes through these modules: `source` (ffmpeg or picture files) → `stream` (the event loop around the session
//! of `facefleet-stream`, which chooses the worker and restores the order) → `link` (the connection to one worker) →
//! `report` (JSON lines, annotated video, progress).
#![forbid(unsafe_code)]

pub mod admin;
pub mod capacity;
pub mod cli;
mod ffmpeg;
mod link;
mod local;
mod masters;
mod metrics;
pub mod nodes;
mod report;
mod reporter;
mod route;
mod run;
mod source;
mod stream;
mod top;
mod trace;

pub use ffmpeg::FfmpegError;
pub use local::LocalError;
pub use masters::MastersError;
pub use report::ReportError;
pub use run::RunError;
pub use source::{InputError, SourceError};
pub use stream::StreamError;

use capacity::Capacity;
use cli::{CapacityArgs, Cli, Command, NodesArgs, TopArgs};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command `run` failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// `nodes` or `capacity` got no list of workers.
    #[error(transparent)]
    Nodes(#[from] nodes::NodesError),
    /// `admin` changed nothing.
    #[error(transparent)]
    Admin(#[from] admin::AdminError),
    /// The operating system refused something that every process may ask for, such as a signal handler.
    #[error("cannot set the process up")]
    System(#[from] std::io::Error),
    /// No master was named, and the one to use could not be discovered.
    #[error(transparent)]
    Masters(#[from] MastersError),
}

impl Error {
    /// Returns whether the user stopped the program, after which a shell ends its loops, too.
    pub fn is_interruption(&self) -> bool {
        matches!(self, Error::Run(RunError::Interrupted { .. } | RunError::InterruptedMany { .. }))
    }
}

/// Executes the command that was given on the command line.
///
/// # Errors
/// Returns what went wrong; the message names the file or the host.
pub async fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Run(args) => Ok(run::run(*args).await?),
        Command::Nodes(NodesArgs { master, json, watch: true }) => {
            Ok(nodes::watch(&masters::of(master).await?, json).await?)
        }
        Command::Nodes(NodesArgs { master, json, watch: false }) => {
            let nodes = nodes::list(&masters::of(master).await?).await?;
            facefleet_service::cli::announce(&if json { nodes::json(&nodes) } else { nodes::table(&nodes) });
            Ok(())
        }
        Command::Capacity(CapacityArgs { master, fps, json }) => {
            let capacity = Capacity::of(&nodes::list(&masters::of(master).await?).await?, fps);
            facefleet_service::cli::announce(&if json { capacity.json() } else { capacity.text() });
            Ok(())
        }
        Command::Top(TopArgs { master }) => Ok(top::run(masters::of(master).await?).await?),
        Command::Admin(args) => {
            let change = args.change();
            let masters = masters::of(args.master).await?;
            facefleet_service::cli::announce(&admin::change(&masters, &args.admin_token, change).await?);
            Ok(())
        }
        Command::Completions { shell } => {
            facefleet_service::cli::print_completions::<Cli>(shell);
            Ok(())
        }
    }
}
