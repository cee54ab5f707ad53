//! What a frame costs: the detector alone, the worker around it, and the programs around that.
//!
//! All of it is measured in one run, in turns, on one core where the system lets us choose (Linux, with `taskset`), so
//! that a busy or throttled machine slows everything alike. Started as `cargo xtask bench`.
#![forbid(unsafe_code)]

mod cpu;
mod frames;
mod results;
mod stages;
mod system;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use facefleet_e2e::asset;

use frames::Frame;
use results::{Measured, Results};
use stages::{Alone, InWorker};

/// Measures the detector alone, the worker's stages and the whole system, side by side.
#[derive(Parser)]
#[command(name = "bench", bin_name = "cargo xtask bench --")]
struct Args {
    /// The video [default: assets/demo.mp4].
    #[arg(value_name = "VIDEO")]
    video: Option<PathBuf>,

    /// Most frames of it to use.
    #[arg(long, value_name = "N", default_value = "250", value_parser = clap::value_parser!(u32).range(2..))]
    frames: u32,

    /// How often everything is done.
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Also write the figures to this file, as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
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
    #[error("the model cannot be read: {0}")]
    Model(std::io::Error),
    #[error("the client wrote something that is no line of JSON: {0}")]
    Line(#[from] serde_json::Error),
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Error> {
    let video = args.video.clone().unwrap_or_else(|| asset("demo.mp4"));
    let frames = frames::of(&video, args.frames)?;
    let pinned = cpu::pin_to_one_core();
    let (alone, boxes, picture) = (Alone::new()?, InWorker::new(false)?, InWorker::new(true)?);
    let mut measured = Measured { alone, boxes, picture, runs: Vec::new() };
    for round in 1..=args.rounds {
        eprintln!("round {round} of {}: {} frames, three ways and through the programs", args.rounds, frames.len());
        for Frame { jpeg, luma, .. } in &frames {
            measured.alone.measure(luma);
            measured.boxes.measure(jpeg)?;
            measured.picture.measure(jpeg)?;
        }
        measured.runs.push(system::run(&video, frames.len())?);
    }
    let results = Results::new(&video, &frames, pinned, &measured);
    print!("{results}");
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&results)? + "\n";
        fs::write(path, json).map_err(|source| Error::File { path: path.clone(), source })?;
    }
    Ok(())
}
