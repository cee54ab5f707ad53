//! How a cluster grows: frames a second of 1 to 16 workers that take time and no processor, so that a few cores show
//! what bounds everything around the detectors.

mod chart;
mod results;
mod simulated;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use facefleet_e2e::{asset, tool};

use crate::{Error, frames, write_file, write_json};
use results::{Results, Rounds};
use watch::watch;

pub(crate) use simulated::{
    Args as ClusterArgs, COMMAND as SIMULATED_CLUSTER, SimulationError, serve, start as start_cluster,
};

/// The clusters of the curve.
const WORKERS: [u32; 5] = [1, 2, 4, 8, 16];
/// Time of one frame: sixteen workers make 320 a second of it.
const FRAME_MS: u32 = 50;
/// Workers beside one that is ten times slower.
const FAST: usize = 4;
/// Workers that three live clients of 25 frames a second share, which is nearly twice as much as these can do.
const SHARED_MS: [u32; 4] = [100; 4];
/// Frames of the video that clients are given: more than sixteen workers can do while they are watched.
const FRAMES: u32 = 20_000;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The video; its start is repeated as often as needed [default: assets/demo.mp4, of 640x360].
    #[arg(value_name = "VIDEO")]
    video: Option<PathBuf>,

    /// How often everything is done.
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// How long each cluster is watched.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u64).range(1..=45))]
    seconds: u64,

    /// Also write the figures to this file, as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Also draw the curve into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let video = args.video.clone().unwrap_or_else(|| asset("demo.mp4"));
    let folder = tempfile::tempdir().map_err(Error::file("the temporary folder".as_ref()))?;
    let long = folder.path().join("long.mkv");
    repeat(&video, &long)?;
    let source = frames::size(&frames::of(&video, Some(2))?[0])?;
    let long = long.to_string_lossy();
    let span = Duration::from_secs(args.seconds);
    let one_client = |workers_ms: &[u32]| Ok::<_, Error>(watch(workers_ms, &[vec![&*long]], span)?[0]);
    let live = |priorities: [&str; 3]| {
        let clients = priorities.map(|priority| vec![&*long, "--live", "--priority", priority]);
        Ok::<_, Error>(watch(&SHARED_MS, &clients, span)?.iter().map(|seen| seen.frames_per_s).collect())
    };

    let mut rounds = Rounds::default();
    for round in 1..=args.rounds {
        eprintln!("round {round} of {}", args.rounds);
        for (seen, workers) in rounds.curve.iter_mut().zip(WORKERS) {
            seen.push(one_client(&vec![FRAME_MS; workers as usize])?);
        }
        let fast = [FRAME_MS; FAST];
        rounds.fast_alone.push(one_client(&fast)?);
        rounds.fast_with_slow.push(one_client(&[&fast[..], &[FRAME_MS * 10]].concat())?);
        rounds.equal.push(live(["0", "0", "0"])?);
        rounds.first_ahead.push(live(["1", "0", "0"])?);
    }
    let results = Results::new(&video, source, args, &rounds);
    print!("{results}");
    write_json(args.json.as_deref(), &results)?;
    match &args.svg {
        Some(path) => write_file(path, &chart::svg(&results)),
        None => Ok(()),
    }
}

/// Writes the video again and again into one file, without a change to its frames.
fn repeat(video: &Path, long: &Path) -> Result<(), Error> {
    let (video, long, frames) = (video.to_string_lossy(), long.to_string_lossy(), FRAMES.to_string());
    tool("ffmpeg", &["-stream_loop", "-1", "-i", &video, "-map", "0:V:0", "-c", "copy", "-frames:v", &frames, &long])?;
    Ok(())
}
