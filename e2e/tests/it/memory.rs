//! The client's memory does not grow with the length of the video.
#![cfg(target_os = "linux")]

use std::path::Path;

use facefleet_e2e::{LOOPBACK, Service, asset, client, tool};

use crate::fake_worker::{Behaviour, FakeWorker};
use crate::media::text;
use crate::system;

/// What two runs of the same length may differ by, in KiB.
const NOISE_KIB: u64 = 4096;

#[test]
fn ten_times_the_video_in_the_same_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (once, ten_times) = (asset("demo.mp4"), folder.path().join("long.mp4"));
    tool("ffmpeg", &["-stream_loop", "9", "-i", text(&once), "-c", "copy", text(&ten_times)]).unwrap();
    let short = peak_kib(&once, 250);
    let long = peak_kib(&ten_times, 2500);
    assert!(long <= short + short / 10 + NOISE_KIB, "{short} KiB for 250 frames, {long} KiB for 2500");
}

/// The client's greatest memory over a run, looked at with each line that it writes.
fn peak_kib(video: &Path, frames: u64) -> u64 {
    let master = Service::master(LOOPBACK).unwrap();
    let _worker = FakeWorker::start(Behaviour::instant(), master.address);
    let at = master.address.to_string();
    let mut client = client(&["run", text(video), "--master", &at, "--json", "-"]).unwrap();
    let (id, mut peak, mut lines) = (client.id(), 0, 0);
    let all_lines = |_: &str| {
        // None: the client has ended, and its lines are still coming.
        peak = system::peak_memory_kib(id).unwrap_or(peak);
        lines += 1;
        (lines == frames).then_some(())
    };
    client.wait_for("write all lines", all_lines).unwrap();
    assert_eq!(client.end().unwrap().code, Some(0));
    peak
}
