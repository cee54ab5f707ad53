//! The detector alone, the worker around it, and the programs around that.

mod programs;
mod results;

use std::path::PathBuf;

use facefleet_e2e::asset;
use facefleet_vision::{DetectorKind, Fit, Job};
use image::imageops;

use crate::alone::Alone;
use crate::in_worker::InWorker;
use crate::{Error, cpu, frames, write_json};
use results::{Measured, Results};

#[derive(clap::Args)]
pub(crate) struct Args {
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

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let video = args.video.clone().unwrap_or_else(|| asset("demo.mp4"));
    let jpegs = frames::of(&video, Some(args.frames))?;
    let source = frames::size(&jpegs[0])?;
    let seen = Fit::default().target(source);
    let luma = |jpeg: &Vec<u8>| Ok(imageops::grayscale(&frames::rgb(jpeg, seen)?));
    let lumas = jpegs.iter().map(luma).collect::<Result<Vec<_>, Error>>()?;
    let core = cpu::pin_to_one_core();
    let in_worker = |picture| InWorker::new(Job { picture, ..Job::default() });
    let alone = Alone::new(DetectorKind::Rustface.build()?);
    let mut measured = Measured { alone, boxes: in_worker(false)?, picture: in_worker(true)?, runs: Vec::new() };
    for round in 1..=args.rounds {
        eprintln!("round {round} of {}: {} frames, three ways and through the programs", args.rounds, jpegs.len());
        for (jpeg, luma) in jpegs.iter().zip(&lumas) {
            measured.alone.measure(luma);
            measured.boxes.measure(jpeg)?;
            measured.picture.measure(jpeg)?;
        }
        measured.runs.push(programs::run(&video, jpegs.len())?);
    }
    let results = Results::new(&video, jpegs.len(), [source, seen], core, &measured);
    print!("{results}");
    write_json(args.json.as_deref(), &results)
}
