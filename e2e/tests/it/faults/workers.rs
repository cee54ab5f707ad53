//! Workers that are killed, stopped or asked to leave.

use facefleet_e2e::{Cluster, Process, Service, wait_until};
use nix::sys::signal::Signal;

use super::{AFTER_SECOND_PART, answered, assert_unharmed, start, wait_until_lost, wait_until_used};
use crate::parts::VideoInParts;
use crate::report;
use crate::system;

/// Stops a worker in the middle of the first part of the video, and has the video go on: there are frames in its hands that
/// it has not answered, or will be.
pub(super) fn stop_at_work(worker: &Service, video: &mut VideoInParts) {
    worker.process.signal(Signal::SIGSTOP);
    wait_until("the worker is stopped", || system::is_stopped(worker.process.id()));
    video.go_on();
}

/// Kills a worker that cannot have answered all of its frames.
fn kill_at_work(worker: &mut Service, video: &mut VideoInParts) {
    stop_at_work(worker, video);
    worker.process.kill();
    assert!(system::is_gone(worker.process.id()));
}

/// Kills `worker-1` in the middle of a run that it is part of, and sees that nothing is missing.
#[track_caller]
pub(super) fn assert_that_its_death_costs_nothing(worker: &mut Service, mut client: Process, mut video: VideoInParts) {
    kill_at_work(worker, &mut video);
    wait_until_lost(&mut client, "worker-1");
    drop(video);
    let (_, lines) = assert_unharmed(client);
    assert_eq!(answered(&lines, "worker-1", AFTER_SECOND_PART), 0);
}

#[test]
fn killed() {
    let mut cluster = Cluster::start(3).unwrap();
    let (client, video) = start(cluster.master.address);
    assert_that_its_death_costs_nothing(&mut cluster.workers[0], client, video);
}

#[test]
fn stopped() {
    let cluster = Cluster::start(3).unwrap();
    let (mut client, mut video) = start(cluster.master.address);
    stop_at_work(&cluster.workers[0], &mut video);
    wait_until_lost(&mut client, "worker-1");
    drop(video);
    let (_, lines) = assert_unharmed(client);
    assert!(system::is_stopped(cluster.workers[0].process.id()));
    assert_eq!(answered(&lines, "worker-1", AFTER_SECOND_PART), 0);
}

/// A worker that comes back answers what it was sent before, which others have answered in its place.
#[test]
fn stopped_and_continued() {
    let cluster = Cluster::start(3).unwrap();
    let (mut client, mut video) = start(cluster.master.address);
    let worker = &cluster.workers[0];
    stop_at_work(worker, &mut video);
    wait_until_lost(&mut client, "worker-1");
    assert!(system::is_stopped(worker.process.id()));
    worker.process.signal(Signal::SIGCONT);
    wait_until_used(&mut client, "worker-1");
    drop(video);
    let (ended, lines) = assert_unharmed(client);
    assert!(answered(&lines, "worker-1", AFTER_SECOND_PART) > 0, "it was not used again: {:#?}", ended.stderr);
}

#[test]
fn asked_to_leave() {
    let mut cluster = Cluster::start(3).unwrap();
    let (client, mut video) = start(cluster.master.address);
    let worker = cluster.workers.remove(0).process;
    video.go_on();
    worker.signal(Signal::SIGTERM);
    let left = worker.end().unwrap();
    assert_eq!(left.code, Some(0), "{left:?}");
    drop(video);
    let (ended, lines) = assert_unharmed(client);
    assert_eq!(answered(&lines, "worker-1", AFTER_SECOND_PART), 0);
    assert!(!ended.stderr.iter().any(|line| line.contains("lost worker-1")), "it said good-bye: {:#?}", ended.stderr);
}

#[test]
fn killed_one_after_the_other_while_others_come_back() {
    let mut cluster = Cluster::start(3).unwrap();
    let (mut client, mut video) = start(cluster.master.address);
    for (number, worker) in (1..).zip(&mut cluster.workers) {
        let name = format!("worker-{number}");
        kill_at_work(worker, &mut video);
        wait_until_lost(&mut client, &name);
        // Where it was before, under the same name, and not the same: whatever the old one was sent is gone.
        *worker = Service::worker_at(worker.address, &name, cluster.master.address).unwrap();
        worker.joined().unwrap();
        wait_until_used(&mut client, &name);
    }
    drop(video);
    let (_, lines) = assert_unharmed(client);
    assert_eq!(report::workers(&lines).len(), 3);
}
