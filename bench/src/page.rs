//! How smoothly the master's page shows a large cluster: a real master and a real browser, between workers and clients that
//! are only talk.

use std::fmt;
use std::path::PathBuf;
use std::thread;

use facefleet_e2e::{Browser, LOOPBACK, PROJECTOR, Service};
use facefleet_proto::wire;
use facefleet_service::grpc;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Duration, interval};

use crate::fleet::{Client, LoadError, join, state};
use crate::{Error, write_json};

/// What each stream uses.
const WORKERS_A_STREAM: u32 = 8;
/// Frames a second that each worker answers to each of its streams.
const FRAMES_PER_S: u64 = 5;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Workers that beat once a second.
    #[arg(long, value_name = "N", default_value = "200", value_parser = clap::value_parser!(u32).range(1..=1000))]
    workers: u32,

    /// Streams that report once a second.
    #[arg(long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u32).range(1..=1000))]
    streams: u32,

    /// How long the page is looked at.
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,

    /// Also write the figures to this file, as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What was seen, on the average of a second, which is that of a view.
#[derive(Serialize)]
struct Results {
    workers: u32,
    streams: u32,
    /// As the browser lets the page draw; it does so 60 times at most.
    drawn_per_s: f64,
    scripts_ms: f64,
    layout_ms: f64,
    /// The longest that the page did not answer to its user.
    longest_task_ms: f64,
    view_kb: f64,
    page_kb: f64,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let mut master = Service::master_with(LOOPBACK, &["--http", &LOOPBACK.to_string()])?;
    let page = |line: &str| Some(line.strip_prefix("page on ")?.to_owned());
    let page = master.process.wait_for("say where its page is", page)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LoadError::from)?;
    let channel = grpc::endpoint(&master.address.into());
    let client = runtime.block_on(channel.connect()).map(Client::new).map_err(LoadError::from)?;
    let ids = runtime.block_on(join_all(client.clone(), args.workers))?;
    let streams = args.streams;
    // It goes on until the process ends.
    thread::spawn(move || runtime.block_on(talk(&client, &ids, streams)));

    let browser = Browser::start(PROJECTOR)?;
    browser.open(&page);
    let cards = format!("document.querySelectorAll('.card[data-state=healthy]').length === {}", args.workers);
    browser.wait_until("show all workers", &cards);
    let rows = format!("document.querySelectorAll('#streams tr').length === {streams}");
    browser.wait_until("show all streams", &rows);
    let results = look(&browser, args);
    browser.picture(&format!("workers-{}", args.workers));
    print!("{results}");
    write_json(args.json.as_deref(), &results)
}

/// Looks at the page for as long as was asked for.
fn look(browser: &Browser, args: &Args) -> Results {
    let page_kb: f64 = browser.value(
        "performance.getEntries().filter((e) => e.transferSize && !/api/.test(e.name)).reduce((sum, e) => sum + e.transferSize, 0) / 1000",
    );
    let watch = "(() => { \
        window.seen = { drawn: 0, longest: 0, size: 0, views: 0, start: performance.now() }; \
        const draw = () => { seen.drawn += 1; requestAnimationFrame(draw); }; requestAnimationFrame(draw); \
        new PerformanceObserver((list) => list.getEntries().forEach((e) => (seen.longest = Math.max(seen.longest, e.duration)))).observe({ type: 'longtask' }); \
        new EventSource('api/events').addEventListener('view', (e) => { seen.views += 1; seen.size = e.data.length; }); \
        return true; })()";
    let _: bool = browser.value(watch);
    let before = browser.spent();
    let over = format!("performance.now() - seen.start >= {}", args.seconds * 1000);
    browser.wait_until("be looked at for so long", &over);
    let after = browser.spent();
    let [drawn, longest, size, elapsed]: [f64; 4] =
        browser.value("[seen.drawn, seen.longest, seen.size, (performance.now() - seen.start) / 1000]");
    let [scripts, layout] = [0, 1].map(|which| (after[which] - before[which]) * 1000.0 / elapsed);
    Results {
        workers: args.workers,
        streams: args.streams,
        drawn_per_s: drawn / elapsed,
        scripts_ms: scripts,
        layout_ms: layout,
        longest_task_ms: longest,
        view_kb: size / 1000.0,
        page_kb,
    }
}

async fn join_all(mut client: Client, workers: u32) -> Result<Vec<i32>, LoadError> {
    let mut ids = Vec::new();
    for n in 0..workers {
        ids.push(join(&mut client, n).await?);
    }
    Ok(ids)
}

/// What workers and clients tell a master, every second.
async fn talk(client: &Client, ids: &[i32], streams: u32) {
    let mut seconds = interval(Duration::from_secs(1));
    for second in 1_u32.. {
        seconds.tick().await;
        let mut calls = JoinSet::new();
        for (n, &id) in (0..).zip(ids) {
            let mut client = client.clone();
            let frames_ok = u64::from(second) * FRAMES_PER_S * 2;
            let state = wire::NodeState { frames_ok, ..state(id, n + second as usize) };
            calls.spawn(async move { client.push_state(state).await.map(drop) });
        }
        for stream in 0..streams {
            let (mut client, report) = (client.clone(), report(stream, second, ids.len()));
            calls.spawn(async move { client.report_stream(report).await.map(drop) });
        }
        // What the master says to it shows on the page.
        calls.join_all().await;
    }
}

fn report(stream: u32, second: u32, workers: usize) -> wire::StreamReport {
    let answered = u64::from(second) * FRAMES_PER_S;
    let ok = answered * u64::from(WORKERS_A_STREAM);
    let first = stream * WORKERS_A_STREAM;
    let worker = |n: u32| format!("worker-{}", (first + n) as usize % workers);
    let choice = |n: u32| wire::Choice {
        worker: worker(n),
        in_flight: 1 + n,
        frame_ms: 40.0,
        cores: 2,
        answers_in_ms: 20.0 * (1 + n) as f32,
    };
    let decision = wire::Decision { chosen: Some(choice(0)), next: Some(choice(1)), frame: Some(ok) };
    let uses = |n| wire::StreamWorker { name: worker(n), in_flight: 2, frame_ms: 40.0, answered };
    wire::StreamReport {
        lease_id: u64::from(stream) + 1,
        stream_id: format!("camera-{stream}"),
        source: "camera".to_owned(),
        client: "bench".to_owned(),
        live: true,
        sent: ok + 4,
        ok,
        faces: ok * 2,
        open: 4,
        latency_ms_p50: 80.0,
        latency_ms_p95: 130.0,
        workers: (0..WORKERS_A_STREAM).map(uses).collect(),
        decisions: vec![decision],
        ..Default::default()
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} workers, {} streams: a view of {:.0} kB", self.workers, self.streams, self.view_kb)?;
        writeln!(f, "  drawn {:.1} times a second", self.drawn_per_s)?;
        writeln!(f, "  a view takes {:.1} ms of scripts, {:.1} ms of layout", self.scripts_ms, self.layout_ms)?;
        writeln!(f, "  longest task {:.0} ms; the page itself is {:.0} kB", self.longest_task_ms, self.page_kb)
    }
}
