//! Detectors side by side, the stages of a frame around them, and JPEG decoders and encoders side by side.

mod codecs;
mod results;
mod sides;
mod yunet;

use std::path::{Path, PathBuf};

use facefleet_e2e::asset;
use facefleet_vision::Size;

use crate::{Error, OPT_LEVEL, cpu, frames, write_json};
use results::Results;
use sides::Sides;

/// What detectors are compared at, in this field and by those who came before; the last two YuNet with itself.
const SIZES: [Size; 6] = [
    Size { width: 500, height: 400 },
    Size { width: 320, height: 240 },
    Size { width: 640, height: 480 },
    Size { width: 1280, height: 720 },
    Size { width: 320, height: 256 },
    Size { width: 512, height: 416 },
];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Most frames to use, spread over the whole clip.
    #[arg(long, value_name = "N", default_value = "60", value_parser = clap::value_parser!(u32).range(2..))]
    frames: u32,

    /// How often everything is done.
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Also write the medians to this file, as one JSON object with an entry for each size and one for JPEG.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    if OPT_LEVEL != "3" {
        return Err(Error::NotForSpeed);
    }
    let clip = clip();
    let jpegs = spread(frames::of(&clip, None)?, args.frames as usize);
    let core = cpu::pin_to_one_core();
    let mut measured = Vec::new();
    for size in SIZES {
        eprintln!("{size}: {} frames, {} rounds", jpegs.len(), args.rounds);
        let pictures = jpegs.iter().map(|jpeg| frames::rgb(jpeg, size)).collect::<Result<Vec<_>, _>>()?;
        let mut sides = Sides::new(size, &jpegs)?;
        for _ in 0..args.rounds {
            for (jpeg, picture) in jpegs.iter().zip(&pictures) {
                sides.measure(jpeg, picture)?;
            }
        }
        measured.push(sides.costs());
    }
    let results = Results {
        clip,
        frames: jpegs.len(),
        source: frames::size(&jpegs[0])?,
        rounds: args.rounds,
        core,
        sizes: measured,
        codecs: codecs::measure()?,
    };
    print!("{results}");
    write_json(args.json.as_deref(), &results)
}

/// The clip that detectors are compared on, or, in a checkout without it, one that is always there.
fn clip() -> PathBuf {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is a folder of the checkout");
    let clip = checkout.join("../shared/data/short_hamilton_clip.mp4");
    if clip.exists() {
        return clip;
    }
    let demo = asset("demo.mp4");
    eprintln!(
        "WARNING: there is no {}; {} stands in, so these are NOT the usual figures",
        clip.display(),
        demo.display()
    );
    demo
}

/// `most` of the frames at even distances, or all.
fn spread(frames: Vec<Vec<u8>>, most: usize) -> Vec<Vec<u8>> {
    let (all, most) = (frames.len(), most.min(frames.len()));
    let chosen = |place: &usize| place * most / all != (place + 1) * most / all;
    frames.into_iter().enumerate().filter(|(place, _)| chosen(place)).map(|(_, frame)| frame).collect()
}
