//! Workers that do not keep to the contract.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use facefleet_e2e::{Ended, LOOPBACK, Service, asset, client};

use crate::fake_worker::{Behaviour, FakeWorker};
use crate::media::text;
use crate::report;

#[test]
fn one_that_quits_with_the_last_frame_is_used_again() {
    let ended = run(Behaviour::Quits(Arc::new(AtomicBool::new(false))), 1);
    assert!(ended.stderr.iter().any(|line| line.contains("1 sent again")), "{:?}", ended.stderr);
}

#[test]
fn one_that_answers_twice_is_counted_once() {
    let ended = run(Behaviour::Repeats, 4);
    assert!(ended.stderr.iter().any(|line| line.contains("late answers ignored")), "{:?}", ended.stderr);
}

/// Runs the first `frames` frames over this worker alone, and holds that all are answered once.
fn run(behaviour: Behaviour, frames: u64) -> Ended {
    let master = Service::master(LOOPBACK).unwrap();
    let _worker = FakeWorker::start(behaviour, master.address);
    let (at, limit) = (master.address.to_string(), frames.to_string());
    let video = asset("demo.mp4");
    let args = ["run", text(&video), "--master", &at, "--limit", &limit, "--json", "-"];
    let ended = client(&args).unwrap().end().unwrap();
    report::assert_balanced(&ended, frames);
    report::assert_all_ok(&report::parse(&ended.stdout), frames);
    ended
}
