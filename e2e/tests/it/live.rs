//! Cameras, which do not wait: what cannot be done in time is dropped, and counted.

use std::fs;
use std::path::Path;
use std::time::Duration;

use facefleet_e2e::{Cluster, Ended, LOOPBACK, Process, Service, asset, client};
use facefleet_proto::wire::{AnalyzeResult, analyze_result::Outcome};

use crate::fake_worker::{Behaviour, FakeWorker};
use crate::media::text;
use crate::report::{self, Counts, Summary};
use crate::slow_worker::SlowWorker;

/// The video has 25 frames a second.
const FRAMES: u64 = 75;
/// Why a frame may be dropped that nobody has interrupted.
const REASONS: [&str; 3] = ["queue_full", "stale_client", "stale_worker"];

#[test]
fn two_cameras_share_a_worker_that_is_too_slow_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(folder.path(), Duration::from_millis(120), &["--clients", "2"]);
    assert_eq!(ended.code, Some(0), "{:#?}", ended.stderr);
    let summary = summary(folder.path());
    for (stream, counts) in summary.streams.iter().enumerate() {
        assert_accounted(&folder.path().join(format!("faces-{}.jsonl", stream + 1)), counts);
    }
    let [a, b] = &summary.streams[..] else { panic!("two streams were asked for") };
    let (less, more) = (a.ok.min(b.ok), a.ok.max(b.ok));
    // A fifth, as was promised, and a frame at either end of the few that there are.
    assert!(less > 0 && more - less <= more / 5 + 2, "{summary:#?}");
}

/// What both want would take the worker half as long again as there is time. Where the machine is busy too, there is less
/// to share, and most of that is still the first one's.
#[test]
fn the_stream_of_higher_priority_gets_what_it_wants_and_the_other_the_rest() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let master = Service::master(LOOPBACK).unwrap();
    let _worker = SlowWorker::start(Duration::from_millis(30), master.address);
    let clients = [("1", &folders[0]), ("0", &folders[1])];
    let clients = clients.map(|(priority, folder)| start(folder.path(), &master, &["--priority", priority]));
    for client in clients {
        assert_eq!(client.end().unwrap().code, Some(0));
    }
    let [first, other] = folders.map(|folder| summary(folder.path()).total);
    let done = first.ok + other.ok;
    assert!(first.ok * 5 >= first.sent.min(done) * 4, "{first:?} {other:?}");
    assert!(other.ok > 0 && !other.dropped.is_empty(), "{first:?} {other:?}");
}

/// A worker that has nothing else to do begins with a frame at once, so that some may be young enough.
#[test]
fn frames_that_may_not_even_wait_for_one_other() {
    for max_age in ["1", "20"] {
        let folder = tempfile::tempdir().unwrap();
        let ended = run(folder.path(), Duration::from_millis(100), &["--max-age", max_age]);
        let summary = summary(folder.path());
        assert_accounted(&folder.path().join("faces.jsonl"), &summary.total);
        assert_eq!(ended.code, Some(i32::from(summary.total.ok == 0)), "{:#?}", ended.stderr);
    }
}

#[test]
fn a_run_of_which_nothing_came_in_time_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let master = Service::master(LOOPBACK).unwrap();
    let stale = |right| AnalyzeResult { outcome: Some(Outcome::Dropped("stale_worker".into())), ..right };
    let _worker = FakeWorker::start(Behaviour::one_each(stale), master.address);
    let ended = stream(folder.path(), &master, &["--max-age", "1"]);
    assert_eq!(ended.code, Some(1), "{:#?}", ended.stderr);
    let said = ended.stderr.iter().filter(|line| line.contains("--max-age")).count();
    assert_eq!(said, 1, "one line is enough: {:#?}", ended.stderr);
    let total = summary(folder.path()).total;
    assert_accounted(&folder.path().join("faces.jsonl"), &total);
    assert_eq!(total.ok, 0);
}

/// The frames that it held are too old when it is given up, and nobody else works on them.
#[cfg(unix)]
#[test]
fn a_worker_that_stops_costs_what_it_held() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(1).unwrap();
    let mut client =
        start(folder.path(), &cluster.master, &["--log", "warn,facefleet_client=debug,facefleet_stream=debug"]);
    client.wait_for_stderr("use the worker", |line| line.contains("takes frames").then_some(())).unwrap();
    cluster.workers[0].process.signal(nix::sys::signal::Signal::SIGSTOP);
    let _other = Service::worker("worker-2", cluster.master.address).unwrap();
    let ended = client.end().unwrap();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.stderr);
    assert!(ended.stderr.iter().any(|line| line.contains("lost worker-1")), "{:#?}", ended.stderr);
    let total = summary(folder.path()).total;
    assert_accounted(&folder.path().join("faces.jsonl"), &total);
    assert!(total.ok > 0, "{total:?}");
}

/// Plays the video like a camera to one worker that needs `frame_time` for each frame.
fn run(folder: &Path, frame_time: Duration, args: &[&str]) -> Ended {
    let master = Service::master(LOOPBACK).unwrap();
    let _worker = SlowWorker::start(frame_time, master.address);
    stream(folder, &master, args)
}

fn stream(folder: &Path, master: &Service, args: &[&str]) -> Ended {
    start(folder, master, args).end().unwrap()
}

fn start(folder: &Path, master: &Service, args: &[&str]) -> Process {
    let (video, at, limit) = (asset("demo.mp4"), master.address.to_string(), FRAMES.to_string());
    let (jsonl, summary) = (folder.join("faces.jsonl"), folder.join("summary.json"));
    let camera = ["run", text(&video), "--live", "--master", &at, "--limit", &limit];
    let outputs = ["--json", text(&jsonl), "--summary", text(&summary)];
    client(&[&camera[..], &outputs, args].concat()).unwrap()
}

fn summary(folder: &Path) -> Summary {
    let summary: Summary = serde_json::from_slice(&fs::read(folder.join("summary.json")).unwrap()).unwrap();
    assert!(summary.balanced, "{summary:#?}");
    summary
}

/// Each frame is told once and in order, and the lines and the ledger say the same: some were dropped, and why.
#[track_caller]
fn assert_accounted(jsonl: &Path, counts: &Counts) {
    let lines = report::read(jsonl);
    report::assert_each_once(&lines, FRAMES);
    let Counts { sent, ok, dropped, failed } = counts;
    assert_eq!(*sent, FRAMES);
    assert_eq!(*sent, ok + dropped.values().sum::<u64>(), "{counts:?}");
    assert!(failed.is_empty(), "{counts:?}");
    assert!(!dropped.is_empty() && dropped.keys().all(|reason| REASONS.contains(&reason.as_str())), "{counts:?}");
    assert_eq!(lines.iter().filter(|line| line.outcome == "ok").count() as u64, *ok);
    for (reason, count) in dropped {
        let is_it = |line: &&report::Line| line.outcome == "dropped" && line.reason.as_ref() == Some(reason);
        assert_eq!(lines.iter().filter(is_it).count() as u64, *count, "{reason}");
    }
}
