//! Workers that are killed, stopped or asked to leave.

use facefleet_e2e::{Cluster, Service};
use nix::sys::signal::Signal;

use super::{answered, assert_unharmed, start, wait_until_lost, wait_until_used};
use crate::report;
use crate::start_order::wait_for_frame;
use crate::system::{self, HeldVideo};

#[test]
fn killed() {
    let mut cluster = Cluster::start(3).unwrap();
    let mut client = start(cluster.master.address);
    wait_for_frame(&mut client, 20);
    cluster.workers[0].process.kill();
    assert!(system::is_gone(cluster.workers[0].process.id()));
    wait_until_lost(&mut client, "worker-1");
    let (_, lines) = assert_unharmed(client);
    assert_eq!(answered(&lines, "worker-1", 190), 0);
}

#[test]
fn stopped() {
    let mut cluster = Cluster::start(3).unwrap();
    let mut client = start(cluster.master.address);
    wait_for_frame(&mut client, 20);
    let worker = &mut cluster.workers[0].process;
    worker.signal(Signal::SIGSTOP);
    wait_until_lost(&mut client, "worker-1");
    let (_, lines) = assert_unharmed(client);
    assert!(system::is_stopped(worker.id()));
    assert_eq!(answered(&lines, "worker-1", 190), 0);
}

/// It answers what it was sent before, which others have answered in its place.
#[test]
fn stopped_and_continued() {
    let cluster = Cluster::start(3).unwrap();
    let mut client = start(cluster.master.address);
    wait_for_frame(&mut client, 20);
    let worker = &cluster.workers[0].process;
    // It has frames in its hands, as have all: a file is read as fast as frames are taken.
    worker.signal(Signal::SIGSTOP);
    let held = HeldVideo::of(&client);
    wait_until_lost(&mut client, "worker-1");
    assert!(system::is_stopped(worker.id()));
    worker.signal(Signal::SIGCONT);
    wait_until_used(&mut client, "worker-1");
    drop(held);
    let (ended, lines) = assert_unharmed(client);
    assert!(answered(&lines, "worker-1", 21) > 0, "it was not used again: {:#?}", ended.stderr);
}

#[test]
fn asked_to_leave() {
    let mut cluster = Cluster::start(3).unwrap();
    let mut client = start(cluster.master.address);
    wait_for_frame(&mut client, 20);
    let worker = cluster.workers.remove(0).process;
    worker.signal(Signal::SIGTERM);
    let left = worker.end().unwrap();
    assert_eq!(left.code, Some(0), "{left:?}");
    let (ended, lines) = assert_unharmed(client);
    assert_eq!(answered(&lines, "worker-1", 190), 0);
    assert!(!ended.stderr.iter().any(|line| line.contains("lost worker-1")), "it said good-bye: {:#?}", ended.stderr);
}

#[test]
fn killed_one_after_the_other_while_others_come_back() {
    let mut cluster = Cluster::start(3).unwrap();
    let mut client = start(cluster.master.address);
    wait_for_frame(&mut client, 20);
    for number in 0..3 {
        let name = format!("worker-{}", number + 1);
        let worker = &mut cluster.workers[number];
        worker.process.kill();
        assert!(system::is_gone(worker.process.id()));
        let held = HeldVideo::of(&client);
        wait_until_lost(&mut client, &name);
        // Where it was before, under the same name, and not the same: whatever the old one was sent is gone.
        *worker = Service::worker_at(worker.address, &name, cluster.master.address).unwrap();
        worker.joined().unwrap();
        wait_until_used(&mut client, &name);
        drop(held);
        // The next one dies with frames in its hands.
        wait_for_frame(&mut client, 60 + 40 * number as u64);
    }
    let (_, lines) = assert_unharmed(client);
    assert_eq!(report::workers(&lines).len(), 3);
}
