//! What it costs a worker when somebody looks at what it sees: frames a second with a live view and without, in turns.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use facefleet_e2e::{Process, Program, asset};
use facefleet_proto::wire::video_stream_client::VideoStreamClient;
use facefleet_proto::{AnalyzeFrame, AnalyzeOpen, AnalyzeRequest, wire};
use facefleet_service::clock;
use facefleet_vision::Size;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::times::median;
use crate::{Error, cpu, frames, write_json};

/// Names the stream that is sent.
const LEASE: u64 = 1;
/// Frames at the worker at any time: more than enough to keep its threads busy.
const IN_FLIGHT: u64 = 16;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The video [default: assets/demo.mp4].
    #[arg(value_name = "VIDEO")]
    video: Option<PathBuf>,

    /// Turns with a live view, and as many without.
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..))]
    turns: u32,

    /// How long a turn is.
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,

    /// Also write the figures to this file, as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Why a worker could not be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LiveError {
    #[error("no connection to the worker: {0}")]
    Connect(#[from] tonic::transport::Error),
    #[error("the worker's stream ended: {0}")]
    Stream(#[from] Status),
    #[error("the live view: {0}")]
    View(#[from] io::Error),
    #[error("the worker ended the stream")]
    Ended,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let video = args.video.clone().unwrap_or_else(|| asset("demo.mp4"));
    let jpegs = frames::of(&video, Some(250))?;
    let size = frames::size(&jpegs[0])?;
    let worker = Worker::start()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LiveError::from)?;
    let turn = Duration::from_secs(args.seconds);
    let (mut without, mut with) = (Vec::new(), Vec::new());
    runtime.block_on(async {
        let mut load = Load::start(&worker, jpegs).await?;
        // The first turn is for caches, and for what the worker does when it starts.
        load.turn(&worker, turn, false).await?;
        for number in 0..args.turns {
            // Whatever drifts, drifts through both alike: without, with, with, without.
            for looks in [number % 2 == 1, number % 2 == 0] {
                let measured = load.turn(&worker, turn, looks).await?;
                if looks { with.push(measured) } else { without.push(measured) }
            }
            eprintln!("turn {} of {}", number + 1, args.turns);
        }
        Ok::<_, LiveError>(())
    })?;
    let results = Results::of(size, args, &without, &with);
    print!("{results}");
    write_json(args.json.as_deref(), &results)
}

/// A worker of as many threads as this machine has cores, and no master.
struct Worker {
    process: Process,
    frames: SocketAddr,
    http: SocketAddr,
}

impl Worker {
    fn start() -> Result<Worker, Error> {
        let mut command = Program::Worker.command()?;
        command.args(["--master", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
        let mut process = Process::start("the worker", command)?;
        let frames = process.wait_for("listen", |line| line.strip_prefix("listening on ")?.parse().ok())?;
        let http = process.wait_for("show anything", |line| {
            line.strip_prefix("live view on http://")?.strip_suffix("/live")?.parse().ok()
        })?;
        Ok(Worker { process, frames, http })
    }
}

/// One turn.
struct Turn {
    frames: u64,
    took: Duration,
    /// Processor time of the worker, and of its thread that draws; None where the system does not tell.
    cpu: Option<(Duration, Duration)>,
    pictures: usize,
}

/// A stream that never ends.
struct Load {
    send: Sender<wire::AnalyzeRequest>,
    replies: Streaming<wire::AnalyzeReply>,
    frames: Vec<Vec<u8>>,
    sent: u64,
}

impl Load {
    async fn start(worker: &Worker, frames: Vec<Vec<u8>>) -> Result<Load, LiveError> {
        let (send, requests) = mpsc::channel(IN_FLIGHT as usize + 1);
        let open = AnalyzeOpen { lease_id: Some(LEASE), stream_id: "bench".to_owned(), ..AnalyzeOpen::default() };
        let mut load_client = VideoStreamClient::connect(format!("http://{}", worker.frames)).await?;
        send.send(AnalyzeRequest::Open(open).into()).await.map_err(|_| LiveError::Ended)?;
        let mut replies = load_client.analyze(ReceiverStream::new(requests)).await?.into_inner();
        replies.message().await?.ok_or(LiveError::Ended)?;
        let mut load = Load { send, replies, frames, sent: 0 };
        for _ in 0..IN_FLIGHT {
            load.next_frame().await?;
        }
        Ok(load)
    }

    async fn next_frame(&mut self) -> Result<(), LiveError> {
        let jpeg = self.frames[self.sent as usize % self.frames.len()].clone().into();
        let frame = AnalyzeFrame { seq: self.sent, attempt: 1, age: Duration::ZERO, jpeg };
        self.sent += 1;
        self.send.send(AnalyzeRequest::Frame(frame).into()).await.map_err(|_| LiveError::Ended)
    }

    /// Sends on for so long, while somebody looks or not.
    async fn turn(&mut self, worker: &Worker, turn: Duration, looks: bool) -> Result<Turn, LiveError> {
        let view = looks.then(|| tokio::spawn(look(worker.http, turn)));
        let (start, cpu_before) = (clock::now(), cpu_of(worker));
        let mut frames = 0;
        while clock::now() < start + turn {
            self.replies.message().await?.ok_or(LiveError::Ended)?;
            frames += 1;
            self.next_frame().await?;
        }
        let took = clock::now() - start;
        let since = |(now, drawing): (Duration, Duration), (then, drawn): (Duration, Duration)| {
            (now.saturating_sub(then), drawing.saturating_sub(drawn))
        };
        let cpu = cpu_of(worker).zip(cpu_before).map(|(after, before)| since(after, before));
        let pictures = match view {
            Some(view) => view.await.expect("it does not panic")?,
            None => 0,
        };
        Ok(Turn { frames, took, cpu, pictures })
    }
}

fn cpu_of(worker: &Worker) -> Option<(Duration, Duration)> {
    let id = worker.process.id();
    cpu::of_process(id).zip(cpu::of_threads(id, "live"))
}

/// Looks at the stream for so long, and counts the pictures.
async fn look(http: SocketAddr, turn: Duration) -> io::Result<usize> {
    let mut tcp = TcpStream::connect(http).await?;
    tcp.write_all(format!("GET /live/{LEASE:016x} HTTP/1.1\r\nHost: {http}\r\n\r\n").as_bytes()).await?;
    let mut seen = Vec::new();
    // Err: the time is over, as it is meant to be.
    let _ = tokio::time::timeout(turn, tcp.read_to_end(&mut seen)).await;
    let header = b"X-Picture";
    Ok(seen.windows(header.len()).filter(|bytes| bytes.eq_ignore_ascii_case(header)).count())
}

/// What was measured.
#[derive(Serialize)]
struct Results {
    frame: String,
    threads: usize,
    turns: u32,
    seconds: u64,
    /// Medians of the turns.
    frames_per_s: Side,
    /// By how much the frames of a turn with a live view are more than those of the turn beside it: the median, in percent.
    frames_percent: f64,
    /// Processor time of the worker for a frame, over all turns: a busy machine changes it less than frames a second.
    cpu_ms_per_frame: Option<Side>,
    /// The thread that draws, of all cores.
    drawing_percent: Option<f64>,
    pictures_per_s: f64,
}

/// One figure of both.
#[derive(Serialize)]
pub(crate) struct Side {
    pub(crate) without: f64,
    pub(crate) with: f64,
}

impl Side {
    /// By how many percent there is more of it while somebody looks.
    pub(crate) fn more_percent(&self) -> f64 {
        (self.with / self.without - 1.0) * 100.0
    }
}

impl Results {
    fn of(size: Size, args: &Args, without: &[Turn], with: &[Turn]) -> Results {
        let both =
            |of: fn(&Turn) -> f64| Side { without: median(without.iter().map(of)), with: median(with.iter().map(of)) };
        let threads = std::thread::available_parallelism().map_or(1, Into::into);
        let changes = without.iter().zip(with).map(|(without, with)| (with.rate() / without.rate() - 1.0) * 100.0);
        let total: f64 = with.iter().map(|turn| turn.took.as_secs_f64()).sum();
        let drawing: Option<Duration> = with.iter().map(|turn| Some(turn.cpu?.1)).sum();
        Results {
            frame: size.to_string(),
            threads,
            turns: args.turns,
            seconds: args.seconds,
            frames_per_s: both(Turn::rate),
            frames_percent: median(changes),
            cpu_ms_per_frame: cpu_ms(without).zip(cpu_ms(with)).map(|(without, with)| Side { without, with }),
            drawing_percent: drawing.map(|time| time.as_secs_f64() / total / threads as f64 * 100.0),
            pictures_per_s: with.iter().map(|turn| turn.pictures).sum::<usize>() as f64 / total,
        }
    }
}

impl Turn {
    fn rate(&self) -> f64 {
        self.frames as f64 / self.took.as_secs_f64()
    }
}

/// Processor time of the worker for a frame.
fn cpu_ms(turns: &[Turn]) -> Option<f64> {
    let used: Duration = turns.iter().map(|turn| Some(turn.cpu?.0)).sum::<Option<Duration>>()?;
    let frames: u64 = turns.iter().map(|turn| turn.frames).sum();
    Some(used.as_secs_f64() * 1e3 / frames as f64)
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Results { frame, threads, turns, seconds, frames_percent, pictures_per_s, .. } = self;
        writeln!(f, "{frame} frames, {threads} threads; {turns} turns of {seconds} s each way")?;
        let Side { without, with } = &self.frames_per_s;
        writeln!(f, "frames/s      {without:8.2} without, {with:8.2} with a live view: {frames_percent:+.1} %")?;
        if let Some(cpu @ Side { without, with }) = &self.cpu_ms_per_frame {
            let more = cpu.more_percent();
            writeln!(f, "CPU ms/frame  {without:8.2} without, {with:8.2} with a live view: {more:+.1} %")?;
        }
        write!(f, "{pictures_per_s:.1} pictures/s")?;
        match self.drawing_percent {
            Some(percent) => writeln!(f, ", drawn in {percent:.2} % of all cores' time"),
            None => writeln!(f),
        }
    }
}
