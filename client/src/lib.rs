//! Reads video, spreads its frames over the cluster, and writes what came back.
//!
//! The way of a frame: `source` (ffmpeg or files) → `stream` (the event loop around `session`, which decides who gets it,
//! in which order it goes on, and what became of it) → `link` (to a worker and back) → `report` (JSON lines, annotated
//! video, progress).
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
pub use source::InputError;
pub use stream::StreamError;

use capacity::Capacity;
use cli::{CapacityArgs, Cli, Command, NodesArgs, TopArgs};

/// Why the program failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `run`.
    #[error(transparent)]
    Run(#[from] RunError),
    /// `nodes` and `capacity`.
    #[error(transparent)]
    Nodes(#[from] nodes::NodesError),
    /// `admin`.
    #[error(transparent)]
    Admin(#[from] admin::AdminError),
    /// The system refuses what every process may ask for.
    #[error("cannot set the process up")]
    System(#[from] std::io::Error),
    /// No master is named, and which one is meant cannot be found out.
    #[error(transparent)]
    Masters(#[from] MastersError),
}

/// Does what the command line says.
///
/// # Errors
/// It could not be done; the message says what, with which file or host.
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
