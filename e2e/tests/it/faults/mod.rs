//! Whatever happens to a worker or to the master in the middle of a video: no frame is lost, none comes twice, and the
//! faces are those of a run to which nothing happened.
#![cfg(target_os = "linux")]

mod client;
mod master;
pub(crate) mod network;
mod workers;

use std::fmt::Display;
use std::sync::OnceLock;

use facefleet_e2e::{Ended, Process, asset, client};

use crate::media::text;
use crate::parts::VideoInParts;
use crate::report::{self, Face, Line};
use crate::start_order::wait_for_frame;

/// Frames of each run.
const FRAMES: u64 = 250;
/// A frame of the first part of the video, well before its end.
const FIRST_PART: u64 = 20;
/// A frame after the second part.
const AFTER_SECOND_PART: u64 = 150;

/// Starts a run over all workers of a cluster, and waits until it is well under way. It also tells on stderr which
/// workers it uses. The frames that come without the video's going on are some 55.
pub(crate) fn start(masters: impl Display) -> (Process, VideoInParts) {
    let (input, master) = (asset("demo.mp4"), masters.to_string());
    let args = [
        "run",
        text(&input),
        "--master",
        &master,
        "--json",
        "-",
        "--log",
        "warn,facefleet_client=debug,facefleet_stream=debug",
    ];
    let (mut client, video) = VideoInParts::client(&args);
    wait_for_frame(&mut client, FIRST_PART);
    (client, video)
}

/// Waits until the client has given up a worker.
fn wait_until_lost(client: &mut Process, worker: &str) {
    let lost = format!("lost {worker} at ");
    client.wait_for_stderr(&format!("lose {worker}"), |line| line.contains(&lost).then_some(())).unwrap();
}

/// Waits until a worker takes frames (again).
fn wait_until_used(client: &mut Process, worker: &str) {
    let name = format!("{worker} at ");
    let used = |line: &str| (line.contains(&name) && line.contains("takes frames")).then_some(());
    client.wait_for_stderr(&format!("use {worker}"), used).unwrap();
}

/// Waits for the end of a run, which shows no trace of any fault but in its words.
#[track_caller]
pub(crate) fn assert_unharmed(client: Process) -> (Ended, Vec<Line>) {
    let ended = client.end().unwrap();
    report::assert_balanced(&ended, FRAMES);
    let lines = report::parse(&ended.stdout);
    report::assert_all_ok(&lines, FRAMES);
    let faces: Vec<Option<Vec<Face>>> = lines.iter().map(|line| line.faces.clone()).collect();
    for (index, (found, expected)) in faces.iter().zip(faces_without_faults()).enumerate() {
        assert_eq!(found, expected, "frame {index}");
    }
    (ended, lines)
}

#[track_caller]
pub(crate) fn assert_no_worker_was_lost(ended: &Ended) {
    assert!(!ended.stderr.iter().any(|line| line.contains("lost worker")), "{:#?}", ended.stderr);
}

/// What one machine finds by itself, found once for all tests.
fn faces_without_faults() -> &'static [Option<Vec<Face>>] {
    static FACES: OnceLock<Vec<Option<Vec<Face>>>> = OnceLock::new();
    FACES.get_or_init(|| {
        let ended = client(&["run", text(&asset("demo.mp4")), "--local", "--json", "-"]).unwrap().end().unwrap();
        report::assert_balanced(&ended, FRAMES);
        let lines = report::parse(&ended.stdout);
        report::assert_all_ok(&lines, FRAMES);
        assert!(
            lines.iter().map(Line::count_of_faces).sum::<usize>() > 100,
            "a video without faces would show nothing"
        );
        lines.into_iter().map(|line| line.faces).collect()
    })
}

/// The frames from `from` on that this worker answered.
fn answered(lines: &[Line], worker: &str, from: u64) -> usize {
    lines.iter().filter(|line| line.index >= from && line.worker.as_deref() == Some(worker)).count()
}
