//! What it costs a cluster when somebody looks at it: frames a second with the master's page and a large live view in a browser, and
//! without, in turns.
//!
//! The browser has a core of its own, as if it ran on another machine, and all programs of the cluster share one.

use std::fmt;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use facefleet_e2e::{Browser, LOOPBACK, PROJECTOR, Service, client, tool};
use facefleet_service::clock;
use serde::Serialize;

use crate::looks::{Args, Looks, Turn};
use crate::{Error, cpu, write_json};

/// As the demo has them.
const WORKERS: usize = 3;
/// How often the video is repeated: more than any measurement takes.
const REPEATS: &str = "2000";
/// Shows nothing, so that the page before it closes its connections.
const BLANK: &str = "about:blank";
/// Opens the first thumbnail that there is, and is true when it is seen in large. What is not on the screen is not asked for, and
/// what comes above it moves it down.
const LARGE: &str = "document.querySelector('.live').scrollIntoView() \
    || (document.querySelector('#large').open || document.querySelector('#live button:has(img[src])')?.click()) \
    && document.querySelector('#large-picture').naturalWidth > 0";
/// Pictures that the browser has got since it opened the page.
const PICTURES: &str = "performance.getEntriesByType('resource').filter((e) => /picture\\.jpg/.test(e.name)).length";

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let apart = thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) && cpu::pin("1");
    let browser = Browser::start(PROJECTOR)?;
    let apart = apart && cpu::pin("0");
    let cluster = Cluster::start()?;
    let folder = tempfile::tempdir().map_err(Error::Folder)?;
    let frames = Frames::flow(&cluster, &long(&args.video(), folder.path())?)?;
    let looks = args.play(|time, looks| cluster.turn(&frames, &browser, time, looks))?;
    let results = Results { apart, looks };
    print!("{results}");
    write_json(args.json.as_deref(), &results)
}

/// The video, again and again in one file.
fn long(video: &Path, folder: &Path) -> Result<String, Error> {
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
    fn turn(&self, frames: &Frames, browser: &Browser, time: Duration, looks: bool) -> Result<Turn, Error> {
        if looks {
            browser.open(&self.page);
            let _: bool = browser.value("(performance.setResourceTimingBufferSize(10000), true)");
            browser.wait_until("show a stream in large", LARGE);
        } else {
            browser.open(BLANK);
        }
        let pictures = || if looks { browser.value(PICTURES) } else { 0_u64 };
        let (pictures_before, cpu_before, start) = (pictures(), self.cpu(), clock::now());
        let count = frames.until(start + time)?;
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

/// What was measured.
#[derive(Serialize)]
struct Results {
    /// The browser had a core of its own.
    apart: bool,
    #[serde(flatten)]
    looks: Looks,
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Results { apart, looks } = self;
        let place = if *apart { "the browser on a core of its own" } else { "the browser on the same cores" };
        write!(f, "{WORKERS} workers, {place}; {looks}")
    }
}
