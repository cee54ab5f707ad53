//! What a frame costs: its stages beside other ways to find the same faces, and the programs around them.
//!
//! All that is compared is measured in one run, in turns, so that a busy or throttled machine slows everything alike; what a
//! frame costs on one core, where the system lets us choose (Linux, with `taskset`). Started as `cargo xtask bench`.

mod allocations;
mod alone;
mod cpu;
mod faces;
mod fleet;
mod frames;
mod in_worker;
mod jpegs;
mod live;
mod looks;
mod page;
mod scale;
mod sched;
mod svg;
mod system;
mod times;
mod video;
mod vision;
mod watched;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;

/// How this program and the libraries in it were optimised, in cargo's words.
const OPT_LEVEL: &str = env!("OPT_LEVEL");

/// Measures what a frame costs.
#[derive(Parser)]
#[command(name = "bench", bin_name = "cargo xtask bench --", args_conflicts_with_subcommands = true)]
#[group(skip)]
struct Args {
    #[command(subcommand)]
    what: Option<What>,

    #[command(flatten)]
    system: system::Args,
}

#[derive(Subcommand)]
enum What {
    /// Measure the detector alone, the worker's stages and the whole system; also what is done when nothing is named.
    System(system::Args),
    /// Measure the detectors and the stages of a frame's way side by side, at several sizes.
    Vision(vision::Args),
    /// Measure what it does to the faces that are found when frames are made small before they are sent.
    Faces(faces::Args),
    /// Measure what a frame takes to be sent, as large as it is and made small, and what an annotated video takes beside its encoder.
    Video(video::Args),
    /// Measure how many frames a second 1 to 16 workers do that only take time, and what the client needs for it.
    Scale(scale::Args),
    /// Measure how a master does with 10 to 10,000 workers and 2,000 routes a second.
    Fleet(fleet::Args),
    /// Measure how smoothly the master's page shows a large cluster, in Chromium.
    Page(page::Args),
    /// Try every scheduling policy in the same simulated clusters, and measure what a route costs.
    Sched(sched::Args),
    /// Measure what it costs a worker when somebody looks at what it sees.
    Live(looks::Args),
    /// Measure what it costs a cluster when somebody looks at its page, and at one of its streams in large, in Chromium.
    Watched(looks::Args),
    #[command(name = scale::SIMULATED_CLUSTER, hide = true)]
    SimulatedCluster(scale::ClusterArgs),
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Process(#[from] facefleet_e2e::Error),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{} has {count} frames; at least 2 are needed", path.display())]
    TooShort { path: PathBuf, count: usize },
    #[error("a frame cannot be decoded: {0}")]
    Frame(#[from] facefleet_vision::FrameError),
    #[error("the detector cannot be made: {0}")]
    Detector(#[from] facefleet_vision::DetectorError),
    #[error(
        "this program is built with opt-level {OPT_LEVEL}, and the libraries it compares with are for speed; use `cargo xtask bench`"
    )]
    NotForSpeed,
    #[error("the client wrote something that is no line of JSON: {0}")]
    Line(#[from] serde_json::Error),
    #[error("the fleet: {0}")]
    Fleet(#[from] fleet::LoadError),
    #[error("the folder for the video: {0}")]
    Folder(std::io::Error),
    #[error(transparent)]
    Live(#[from] live::LiveError),
    #[error("this system does not tell {0}; Linux does")]
    Untold(&'static str),
    #[error("the client did not write the annotated video: {0}")]
    Client(String),
    #[error("the simulated cluster: {0}")]
    Simulation(#[from] scale::SimulationError),
}

impl Error {
    /// Names the file in an error of reading or writing it.
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    }
}

fn main() -> ExitCode {
    let Args { what, system } = Args::parse();
    let done = match what.unwrap_or(What::System(system)) {
        What::System(args) => system::run(&args),
        What::Vision(args) => vision::run(&args),
        What::Video(args) => video::run(&args),
        What::Faces(args) => faces::run(&args),
        What::Scale(args) => scale::run(&args),
        What::Fleet(args) => fleet::run(&args),
        What::Page(args) => page::run(&args),
        What::Sched(args) => sched::run(&args),
        What::Live(args) => live::run(&args),
        What::Watched(args) => watched::run(&args),
        What::SimulatedCluster(args) => scale::serve(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes figures to a file, if one was named.
fn write_json(path: Option<&Path>, figures: &impl Serialize) -> Result<(), Error> {
    let Some(path) = path else { return Ok(()) };
    write_file(path, &(serde_json::to_string_pretty(figures).expect("figures are names and numbers") + "\n"))
}

fn write_file(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(Error::file(path))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_is_consistent() {
        super::Args::command().debug_assert();
    }
}
