//! What it costs when somebody looks: turns with and without, and what they say together.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use facefleet_e2e::asset;
use serde::Serialize;

use crate::times::median;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The video [default: assets/demo.mp4].
    #[arg(value_name = "VIDEO")]
    video: Option<PathBuf>,

    /// Turns with somebody who looks, and as many without.
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..))]
    turns: u32,

    /// How long a turn is.
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,

    /// Also write the figures to this file, as one JSON object.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

impl Args {
    pub(crate) fn video(&self) -> PathBuf {
        self.video.clone().unwrap_or_else(|| asset("demo.mp4"))
    }

    /// Plays all turns: `turn` lets frames flow for so long, while somebody looks or not.
    pub(crate) fn play<E>(&self, mut turn: impl FnMut(Duration, bool) -> Result<Turn, E>) -> Result<Looks, E> {
        let time = Duration::from_secs(self.seconds);
        let (mut without, mut with) = (Vec::new(), Vec::new());
        // The first turn is for caches, and for what all programs do when they start.
        turn(time, false)?;
        for number in 0..self.turns {
            // Whatever drifts, drifts through both alike: without, with, with, without.
            for looks in [number % 2 == 1, number % 2 == 0] {
                let measured = turn(time, looks)?;
                if looks { with.push(measured) } else { without.push(measured) }
            }
            eprintln!("turn {} of {}", number + 1, self.turns);
        }
        Ok(Looks::of(self, &without, &with))
    }
}

/// One turn.
pub(crate) struct Turn {
    pub(crate) frames: u64,
    pub(crate) took: Duration,
    /// Processor time of all programs that are measured; None where the system does not tell.
    pub(crate) cpu: Option<Duration>,
    /// Pictures that somebody got.
    pub(crate) pictures: u64,
}

/// What was measured.
#[derive(Serialize)]
pub(crate) struct Looks {
    turns: u32,
    seconds: u64,
    /// Medians of the turns.
    frames_per_s: Side,
    /// By how much the frames of a turn in which somebody looks are more than those of the turn beside it: the median, in percent.
    frames_percent: f64,
    /// Processor time for a frame, over all turns: a busy machine changes it less than frames a second.
    cpu_ms_per_frame: Option<Side>,
    pictures_per_s: f64,
}

/// One figure of both.
#[derive(Serialize)]
struct Side {
    without: f64,
    with: f64,
}

impl Looks {
    fn of(args: &Args, without: &[Turn], with: &[Turn]) -> Looks {
        let rate = |turns: &[Turn]| median(turns.iter().map(Turn::rate));
        let changes = without.iter().zip(with).map(|(without, with)| (with.rate() / without.rate() - 1.0) * 100.0);
        let time: f64 = with.iter().map(|turn| turn.took.as_secs_f64()).sum();
        Looks {
            turns: args.turns,
            seconds: args.seconds,
            frames_per_s: Side { without: rate(without), with: rate(with) },
            frames_percent: median(changes),
            cpu_ms_per_frame: cpu_ms(without).zip(cpu_ms(with)).map(|(without, with)| Side { without, with }),
            pictures_per_s: with.iter().map(|turn| turn.pictures).sum::<u64>() as f64 / time,
        }
    }
}

impl Turn {
    fn rate(&self) -> f64 {
        self.frames as f64 / self.took.as_secs_f64()
    }
}

fn cpu_ms(turns: &[Turn]) -> Option<f64> {
    let used: Duration = turns.iter().map(|turn| turn.cpu).sum::<Option<Duration>>()?;
    let frames: u64 = turns.iter().map(|turn| turn.frames).sum();
    Some(used.as_secs_f64() * 1e3 / frames as f64)
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Looks { turns, seconds, frames_per_s, frames_percent, cpu_ms_per_frame, pictures_per_s } = self;
        writeln!(f, "{turns} turns of {seconds} s each way")?;
        let Side { without, with } = frames_per_s;
        writeln!(f, "frames/s      {without:8.2} without, {with:8.2} while somebody looks: {frames_percent:+.1} %")?;
        if let Some(Side { without, with }) = cpu_ms_per_frame {
            let more = (with / without - 1.0) * 100.0;
            writeln!(f, "CPU ms/frame  {without:8.2} without, {with:8.2} while somebody looks: {more:+.1} %")?;
        }
        writeln!(f, "{pictures_per_s:.1} pictures/s")
    }
}
