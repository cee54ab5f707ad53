//! What it costs a worker when somebody looks at what it sees: frames a second with a live view and without, in turns.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use facefleet_e2e::{Process, Program};
use facefleet_proto::wire::video_stream_client::VideoStreamClient;
use facefleet_proto::{AnalyzeFrame, AnalyzeOpen, AnalyzeRequest, wire};
use facefleet_service::clock;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::looks::{Args, Looks, Turn};
use crate::{Error, cpu, frames, write_json};

/// Names the stream that is sent.
const LEASE: u64 = 1;
/// Frames at the worker at any time: more than enough to keep its threads busy.
const IN_FLIGHT: u64 = 16;
/// The worker's thread that draws.
const DRAWS: &str = "live";

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
    let jpegs = frames::of(&args.video(), Some(250))?;
    let size = frames::size(&jpegs[0])?;
    let worker = Worker::start()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LiveError::from)?;
    let mut load = runtime.block_on(Load::start(&worker, jpegs))?;
    let mut drawing = Drawing::default();
    let looks = args.play(|time, looks| runtime.block_on(load.turn(&worker, time, looks.then_some(&mut drawing))))?;
    let threads = thread::available_parallelism().map_or(1, Into::into);
    let results = Results { frame: size.to_string(), threads, looks, drawing_percent: drawing.percent_of(threads) };
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

/// What the thread that draws has taken.
#[derive(Default)]
struct Drawing {
    /// None where the system does not tell.
    cpu: Option<Duration>,
    time: Duration,
}

impl Drawing {
    /// The processor time of drawing, in percent of what so many cores could do meanwhile.
    fn percent_of(&self, cores: usize) -> Option<f64> {
        Some(self.cpu?.as_secs_f64() / self.time.as_secs_f64() / cores as f64 * 100.0)
    }
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

    /// Sends on for so long, while somebody looks (and the worker draws) or not.
    async fn turn(&mut self, worker: &Worker, time: Duration, looks: Option<&mut Drawing>) -> Result<Turn, LiveError> {
        let view = looks.is_some().then(|| tokio::spawn(look(worker.http, time)));
        let id = worker.process.id();
        let used = || (cpu::of_process(id), cpu::of_threads(id, DRAWS));
        let (start, before) = (clock::now(), used());
        let mut frames = 0;
        while clock::now() < start + time {
            self.replies.message().await?.ok_or(LiveError::Ended)?;
            frames += 1;
            self.next_frame().await?;
        }
        let (took, after) = (clock::now() - start, used());
        if let Some(drawing) = looks {
            drawing.time += took;
            drawing.cpu = since(after.1, before.1).map(|cpu| drawing.cpu.unwrap_or_default() + cpu);
        }
        let pictures = match view {
            Some(view) => view.await.expect("it does not panic")?,
            None => 0,
        };
        Ok(Turn { frames, took, cpu: since(after.0, before.0), pictures })
    }
}

fn since(after: Option<Duration>, before: Option<Duration>) -> Option<Duration> {
    after.zip(before).map(|(after, before)| after.saturating_sub(before))
}

/// Looks at the stream for so long, and counts the pictures.
async fn look(http: SocketAddr, time: Duration) -> io::Result<u64> {
    let mut tcp = TcpStream::connect(http).await?;
    tcp.write_all(format!("GET /live/{LEASE:016x} HTTP/1.1\r\nHost: {http}\r\n\r\n").as_bytes()).await?;
    let mut seen = Vec::new();
    // Err: the time is over, as it is meant to be.
    let _ = tokio::time::timeout(time, tcp.read_to_end(&mut seen)).await;
    let header = b"X-Picture";
    Ok(seen.windows(header.len()).filter(|bytes| bytes.eq_ignore_ascii_case(header)).count() as u64)
}

/// What was measured.
#[derive(Serialize)]
struct Results {
    frame: String,
    threads: usize,
    #[serde(flatten)]
    looks: Looks,
    /// The thread that draws, of all cores.
    drawing_percent: Option<f64>,
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Results { frame, threads, looks, drawing_percent } = self;
        write!(f, "{frame} frames, {threads} threads; {looks}")?;
        drawing_percent.map_or(Ok(()), |percent| writeln!(f, "drawn in {percent:.2} % of all cores' time"))
    }
}
