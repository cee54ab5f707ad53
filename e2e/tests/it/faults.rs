//! A worker that is killed, stopped or asked to leave in the middle of a stream costs no frame.

use facefleet_e2e::{Cluster, Ended, Service, asset};

use crate::media::text;
use crate::report;
use crate::start_order::wait_for_frame;

const FRAMES: u64 = 120;

#[test]
fn killed() {
    let (_, ended) = stream_with(|worker| worker.process.kill());
    assert_lost(&ended);
}

#[cfg(unix)]
#[test]
fn stopped() {
    let (_, ended) = stream_with(|worker| worker.process.signal(nix::sys::signal::Signal::SIGSTOP));
    assert_lost(&ended);
}

#[cfg(unix)]
#[test]
fn asked_to_leave() {
    let (mut cluster, _) = stream_with(|worker| worker.process.signal(nix::sys::signal::Signal::SIGTERM));
    let left = cluster.workers.remove(0).process.end().unwrap();
    assert_eq!(left.code, Some(0), "{left:?}");
}

/// Streams over three workers and does `fault` to the first of them on the way.
fn stream_with(fault: impl FnOnce(&mut Service)) -> (Cluster, Ended) {
    let mut cluster = Cluster::start(3).unwrap();
    let source = asset("demo.mp4");
    let mut client = cluster.run(&[text(&source), "--limit", &FRAMES.to_string(), "--json", "-"]).unwrap();
    wait_for_frame(&mut client, 20);
    fault(&mut cluster.workers[0]);
    let ended = client.end().unwrap();
    report::assert_balanced(&ended, FRAMES);
    let lines = report::parse(&ended.stdout);
    report::assert_all_ok(&lines, FRAMES);
    let last = report::workers(&lines[lines.len() - 10..]);
    assert!(!last.contains("worker-1"), "the fault did nothing: {last:?}");
    (cluster, ended)
}

/// The client has seen the loss, and said so.
fn assert_lost(ended: &Ended) {
    assert!(ended.stderr.iter().any(|line| line.contains("lost worker-1")), "{:?}", ended.stderr);
}
