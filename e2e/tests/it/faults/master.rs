//! A master that is killed, stopped or asked to leave, and one that comes back.

use std::net::SocketAddr;

use facefleet_e2e::{Cluster, Service, wait_until};
use nix::sys::signal::Signal;

use super::workers::assert_that_its_death_costs_nothing;
use super::{AFTER_SECOND_PART, answered, assert_no_worker_was_lost, assert_unharmed, start, wait_until_used};
use crate::capacity::told;
use crate::report;
use crate::start_order::wait_for_frame;
use crate::system;

/// A frame of the second part of the video.
const SECOND_PART: u64 = 90;

#[test]
fn killed_and_started_again() {
    let mut cluster = Cluster::start(2).unwrap();
    let (mut client, mut video) = start(cluster.master.address);
    cluster.master.process.kill();
    assert!(system::is_gone(cluster.master.process.id()));
    video.go_on();
    wait_for_frame(&mut client, SECOND_PART);

    cluster.master = Service::master(cluster.master.address).unwrap();
    for worker in &mut cluster.workers {
        worker.joined().unwrap();
    }
    assert_eq!(nodes(cluster.master.address), ["worker-1", "worker-2"]);
    let mut late = Service::worker("worker-3", cluster.master.address).unwrap();
    late.joined().unwrap();
    wait_until_used(&mut client, "worker-3");
    drop(video);

    let (_, lines) = assert_unharmed(client);
    for worker in ["worker-1", "worker-2", "worker-3"] {
        assert!(answered(&lines, worker, AFTER_SECOND_PART) > 0, "{worker} did nothing: {:?}", report::workers(&lines));
    }
}

#[test]
fn killed_and_a_worker_while_it_is_gone() {
    let mut cluster = Cluster::start(3).unwrap();
    let (client, video) = start(cluster.master.address);
    cluster.master.process.kill();
    assert!(system::is_gone(cluster.master.process.id()));
    assert_that_its_death_costs_nothing(&mut cluster.workers[0], client, video);
}

/// The connections of a stopped master stay open, and nobody answers.
#[test]
fn stopped() {
    let cluster = Cluster::start(2).unwrap();
    let (client, video) = start(cluster.master.address);
    cluster.master.process.signal(Signal::SIGSTOP);
    wait_until("the master is stopped", || system::is_stopped(cluster.master.process.id()));
    drop(video);
    let (ended, _) = assert_unharmed(client);
    assert!(system::is_stopped(cluster.master.process.id()));
    assert_no_worker_was_lost(&ended);
}

#[test]
fn asked_to_leave() {
    let Cluster { workers: _workers, master } = Cluster::start(2).unwrap();
    let (client, video) = start(master.address);
    master.process.signal(Signal::SIGTERM);
    let left = master.process.end().unwrap();
    assert_eq!(left.code, Some(0), "{left:?}");
    drop(video);
    let (ended, _) = assert_unharmed(client);
    assert_no_worker_was_lost(&ended);
}

/// The names of the workers that the master knows, all of which must be healthy.
fn nodes(master: SocketAddr) -> Vec<String> {
    let list = told("nodes", master);
    let nodes = list["nodes"].as_array().expect("`nodes` is a list");
    assert!(nodes.iter().all(|node| node["state"] == "healthy"), "{list:#}");
    let mut names: Vec<String> = nodes.iter().map(|node| node["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}
