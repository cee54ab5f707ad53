//! A client that is stopped, and goes on.

use std::time::Duration;

use facefleet_e2e::{LOOPBACK, Service, wait_until};
use facefleet_service::clock;
use nix::sys::signal::Signal;

use super::{FRAMES, start};
use crate::report;
use crate::slow_worker::SlowWorker;
use crate::system;

/// For each frame. So frames are on their way for as long as the video goes on.
const FRAME_TIME: Duration = Duration::from_millis(20);
/// Longer than an answer may take that takes a few times [`FRAME_TIME`]: two seconds.
const STOPPED: Duration = Duration::from_secs(4);

/// Time that the client did not see makes nobody's answer overdue.
#[test]
fn stopped_and_continued() {
    let master = Service::master(LOOPBACK).unwrap();
    let _workers = [1, 2].map(|_| SlowWorker::start(FRAME_TIME, master.address));
    let (client, mut video) = start(master.address);
    video.go_on();
    client.signal(Signal::SIGSTOP);
    wait_until("the client is stopped", || system::is_stopped(client.id()));
    let since = clock::now();
    wait_until("the time for an answer has passed", || clock::now().saturating_duration_since(since) > STOPPED);
    client.signal(Signal::SIGCONT);
    drop(video);
    let ended = client.end().unwrap();
    report::assert_balanced(&ended, FRAMES);
    report::assert_all_ok(&report::parse(&ended.stdout), FRAMES);
    assert!(!ended.stderr.iter().any(|line| line.contains("lost ")), "{:#?}", ended.stderr);
}
