//! What it costs a cluster when somebody looks at it: frames a second with the master's page and a large live view in a browser, and
//! without, in turns.
//!
//! The browser has a core of its own, as if it ran on another machine, and all programs of the cluster share one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use facefleet_e2e::{Browser, LOOPBACK, PROJECTOR, Service, asset, client, tool};
use facefleet_service::clock;
use serde::Serialize;

use crate::live::Side;
use crate::times::median;
use crate::{Error, cpu, write_json};

/// As the demo has them.
const WORKERS: usize = 3;
/// How often the video is repeated: more than any measurement takes.
const REPEATS: &str = "2000";
/// Shows nothing, so that the page before it closes its connections.
const BLANK: &str = "about:blank";
/// Pictures that the browser has got since it opened the page.
const PICTURES: &str = "performance.getEntriesByType('resource').filter((e) => /picture\\.jpg/.test(e.name)).length";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The video [default: assets/demo.mp4].
    #[arg(value_name = "VIDEO")]
    video: Option<PathBuf>,

    /// Turns with somebody who looks, and as many without.
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..))]
    turns: u32,

    /// How long a turn is.
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,

    /// Also write the figures to this file, as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let apart = thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) && cpu::pin("1");
    let browser = Browser::start(PROJECTOR)?;
    let apart = apart && cpu::pin("0");
    let cluster = Cluster::start()?;
    let folder = tempfile::tempdir().map_err(Error::Folder)?;
    let frames = Frames::flow(&cluster, &long(args.video.as_deref(), folder.path())?)?;

    let turn = Duration::from_secs(args.seconds);
    let (mut without, mut with) = (Vec::new(), Vec::new());
    // The first turn is for caches, and for what all programs do when they start.
    cluster.turn(&frames, &browser, turn, false)?;
    for number in 0..args.turns {
        // Whatever drifts, drifts through both alike: without, with, with, without.
        for looks in [number % 2 == 1, number % 2 == 0] {
            let measured = cluster.turn(&frames, &browser, turn, looks)?;
            if looks { with.push(measured) } else { without.push(measured) }
        }
        eprintln!("turn {} of {}", number + 1, args.turns);
    }
    let results = Results::of(args, apart, &without, &with);
    print!("{results}");
    write_json(args.json.as_deref(), &results)
}

/// The video, again and again in one file.
fn long(video: Option<&Path>, folder: &Path) -> Result<String, Error> {
    let video = video.map_or_else(|| asset("demo.mp4"), Path::to_owned);
    let (video, long) = (video.to_string_lossy().into_owned(), folder.join("long.mkv").to_string_lossy().into_owned());
    tool("ffmpeg", &["-stream_loop", REPEATS, "-i", &video, "-map", "0:V:0", "-c", "copy", &long])?;
    Ok(long)
}

/// A master that shows a page, and workers that show pictures.
struct Cluster {
    workers: Vec<Service>,
    master: Service,
    page: String,
}

impl Cluster {
    fn start() -> Result<Cluster, Error> {
        let http = LOOPBACK.to_string();
        let mut master = Service::master_with(LOOPBACK, &["--http", &http])?;
        let page =
            master.process.wait_for("say where its page is", |line| Some(line.strip_prefix("page on ")?.to_owned()))?;
        let worker =
            |number| Service::worker_with(LOOPBACK, &format!("worker-{number}"), master.address, &["--http", &http]);
        let mut workers = (1..=WORKERS).map(worker).collect::<Result<Vec<_>, _>>()?;
        for worker in &mut workers {
            worker.joined()?;
        }
        Ok(Cluster { workers, master, page })
    }

    /// Lets frames flow for so long, while somebody looks or not.
    fn turn(&self, frames: &Frames, browser: &Browser, turn: Duration, looks: bool) -> Result<Turn, Error> {
        if looks {
            browser.open(&self.page);
            let _: bool = browser.value("(performance.setResourceTimingBufferSize(10000), true)");
            // What nobody sees is not asked for.
            let _: bool = browser.value("(document.querySelector('.live').scrollIntoView(), true)");
            browser.wait_until("show a picture", "document.querySelector('#live img[src]') !== null");
            browser.click("#live button");
            browser.wait_until("show it in large", "document.querySelector('#large-picture').naturalWidth > 0");
        } else {
            browser.open(BLANK);
        }
        let pictures = || if looks { browser.value(PICTURES) } else { 0_u64 };
        let (pictures_before, cpu_before, start) = (pictures(), self.cpu(), clock::now());
        let count = frames.until(start + turn)?;
        let (took, cpu) = (clock::now() - start, self.cpu());
        Ok(Turn {
            frames: count,
            took,
            cpu: cpu.zip(cpu_before).map(|(after, before)| after.saturating_sub(before)),
            pictures: pictures() - pictures_before,
        })
    }

    /// Processor time of the master and all workers so far.
    fn cpu(&self) -> Option<Duration> {
        let services = self.workers.iter().chain([&self.master]);
        services.map(|service| cpu::of_process(service.process.id())).sum()
    }
}

/// What a client says, a line for each frame, until nobody listens.
struct Frames(Receiver<Result<(), Error>>);

impl Frames {
    fn flow(cluster: &Cluster, video: &str) -> Result<Frames, Error> {
        let (master, workers) = (cluster.master.address.to_string(), WORKERS.to_string());
        let mut client = client(&["run", video, "--master", &master, "--workers", &workers, "--json", "-"])?;
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            loop {
                let said = client.wait_for("write a line for each frame", |_| Some(())).map_err(Error::from);
                let is_last = said.is_err();
                if send.send(said).is_err() || is_last {
                    break;
                }
            }
        });
        Ok(Frames(lines))
    }

    /// Counts those that come from now on until then.
    fn until(&self, end: Instant) -> Result<u64, Error> {
        self.0.try_iter().collect::<Result<(), _>>()?;
        let mut frames = 0;
        while let Ok(line) = self.0.recv_timeout(end.saturating_duration_since(clock::now())) {
            line?;
            frames += 1;
        }
        Ok(frames)
    }
}

/// One turn.
struct Turn {
    frames: u64,
    took: Duration,
    /// None where the system does not tell.
    cpu: Option<Duration>,
    pictures: u64,
}

impl Turn {
    fn rate(&self) -> f64 {
        self.frames as f64 / self.took.as_secs_f64()
    }
}

/// What was measured.
#[derive(Serialize)]
struct Results {
    turns: u32,
    seconds: u64,
    /// The browser had a core of its own.
    apart: bool,
    /// Medians of the turns.
    frames_per_s: Side,
    /// By how much the frames of a turn in which somebody looks are more than those of the turn beside it: the median, in percent.
    frames_percent: f64,
    /// Processor time of the master and the workers for a frame, over all turns: a busy machine changes it less than frames a second.
    cpu_ms_per_frame: Option<Side>,
    pictures_per_s: f64,
}

impl Results {
    fn of(args: &Args, apart: bool, without: &[Turn], with: &[Turn]) -> Results {
        let rate = |turns: &[Turn]| median(turns.iter().map(Turn::rate));
        let changes = without.iter().zip(with).map(|(without, with)| (with.rate() / without.rate() - 1.0) * 100.0);
        let total: f64 = with.iter().map(|turn| turn.took.as_secs_f64()).sum();
        Results {
            turns: args.turns,
            seconds: args.seconds,
            apart,
            frames_per_s: Side { without: rate(without), with: rate(with) },
            frames_percent: median(changes),
            cpu_ms_per_frame: cpu_ms(without).zip(cpu_ms(with)).map(|(without, with)| Side { without, with }),
            pictures_per_s: with.iter().map(|turn| turn.pictures).sum::<u64>() as f64 / total,
        }
    }
}

fn cpu_ms(turns: &[Turn]) -> Option<f64> {
    let used: Duration = turns.iter().map(|turn| turn.cpu).sum::<Option<Duration>>()?;
    let frames: u64 = turns.iter().map(|turn| turn.frames).sum();
    Some(used.as_secs_f64() * 1e3 / frames as f64)
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Results { turns, seconds, frames_percent, pictures_per_s, .. } = self;
        let place = if self.apart { "the browser on a core of its own" } else { "the browser on the same cores" };
        writeln!(f, "{WORKERS} workers, {place}; {turns} turns of {seconds} s each way")?;
        let Side { without, with } = &self.frames_per_s;
        writeln!(f, "frames/s      {without:8.2} without, {with:8.2} with page and live view: {frames_percent:+.1} %")?;
        if let Some(cpu @ Side { without, with }) = &self.cpu_ms_per_frame {
            let more = cpu.more_percent();
            writeln!(f, "CPU ms/frame  {without:8.2} without, {with:8.2} with page and live view: {more:+.1} %")?;
        }
        writeln!(f, "{pictures_per_s:.1} pictures/s")
    }
}
