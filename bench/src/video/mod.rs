//! Video in and out beside what ffmpeg alone takes for it: bytes and processor time for a frame that is sent, as large as it is and made
//! small, and the time of an annotated video.

mod annotated;
mod reading;
mod results;
mod wire;

use std::path::{Path, PathBuf};

use facefleet_e2e::{asset, tool};
use facefleet_vision::Size;

use crate::{Error, cpu, scale, write_json};
use annotated::Annotated;
use results::Results;
use wire::Wire;

/// Sizes of video, and how many frames are used: fewer of larger ones, so that each size takes a similar time.
const SIZES: [(Size, u32); 4] = [
    (Size { width: 640, height: 360 }, 250),
    (Size { width: 1280, height: 720 }, 200),
    (HD, 150),
    (Size { width: 3840, height: 2160 }, 40),
];
/// The size for which there are goals.
const HD: Size = Size { width: 1920, height: 1080 };
/// How long each of the simulated workers takes for a frame. All together answer 400 frames a second, which is more than is read.
const WORKERS_MS: [u32; 8] = [20; 8];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The video, of which frames are scaled to each size and get the grain of a camera [default: assets/demo.mp4].
    #[arg(value_name = "VIDEO")]
    video: Option<PathBuf>,

    /// How often everything is done.
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Also write the figures to this file, as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let video = args.video.clone().unwrap_or_else(|| asset("demo.mp4"));
    let folder = tempfile::tempdir().map_err(Error::Folder)?;
    let (_cluster, master) = scale::start_cluster(&WORKERS_MS)?;
    let mut wires = Vec::new();
    let mut annotated = None;
    for (size, frames) in SIZES {
        eprintln!("{frames} frames of {size} are made");
        let source = source(&video, size, frames, folder.path())?;
        wires.push(Wire::new(&source, size, frames, &master)?);
        if size == HD {
            annotated = Some(Annotated::new(source, frames, folder.path(), &master));
        }
    }
    let mut annotated = annotated.expect("one of the sizes is that of the goal");
    for round in 1..=args.rounds {
        eprintln!("round {round} of {}: annotated video", args.rounds);
        annotated.measure()?;
    }
    // From here on one thing is done at a time, and the time that ffmpeg's threads take depends on where they run.
    let core = cpu::pin_to_one_core();
    for round in 1..=args.rounds {
        eprintln!("round {round} of {}: frames as they are sent", args.rounds);
        wires.iter_mut().try_for_each(Wire::measure)?;
    }
    let results = Results::new(&video, args.rounds, core, &wires, &annotated);
    print!("{results}");
    write_json(args.json.as_deref(), &results)
}

/// Makes a video of one size, without sound, encoded as cameras do.
fn source(video: &Path, Size { width, height }: Size, frames: u32, folder: &Path) -> Result<String, Error> {
    let source = folder.join(format!("{width}x{height}.mp4")).to_string_lossy().into_owned();
    let (video, frames) = (video.to_string_lossy(), frames.to_string());
    // What is enlarged has no detail of its own, which the grain stands in for: with it, 1920x1080 takes 8 Mbit/s.
    let filters = format!("scale={width}:{height}:flags=lanczos,noise=c0s=8:allf=t:c0_seed=1");
    let encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p"];
    let input = ["-i", &video, "-map", "0:V:0", "-frames:v", &frames, "-vf", &filters];
    tool("ffmpeg", &[&input[..], &encoder, &[&source]].concat())?;
    Ok(source)
}
