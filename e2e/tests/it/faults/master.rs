//! A master that is killed, stopped or asked to leave, and one that comes back.

use std::net::SocketAddr;

use facefleet_e2e::{Cluster, Service, client};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::{answered, assert_unharmed, start, wait_until_lost, wait_until_used};
use crate::report;
use crate::start_order::wait_for_frame;
use crate::system::{self, HeldVideo};

#[test]
fn killed_and_started_again() {
    let mut cluster = Cluster::start(2).unwrap();
    let mut client = start(cluster.master.address);
    wait_for_frame(&mut client, 10);
    cluster.master.process.kill();
    assert!(system::is_gone(cluster.master.process.id()));
    // Far more frames than were on their way.
    wait_for_frame(&mut client, 80);

    let held = HeldVideo::of(&client);
    cluster.master = Service::master(cluster.master.address).unwrap();
    for worker in &mut cluster.workers {
        worker.joined().unwrap();
    }
    assert_eq!(nodes(cluster.master.address), ["worker-1", "worker-2"]);
    let mut late = Service::worker("worker-3", cluster.master.address).unwrap();
    late.joined().unwrap();
    wait_until_used(&mut client, "worker-3");
    drop(held);

    let (_, lines) = assert_unharmed(client);
    for worker in ["worker-1", "worker-2", "worker-3"] {
        assert!(answered(&lines, worker, 81) > 0, "{worker} did nothing: {:?}", report::workers(&lines));
    }
}

#[test]
fn killed_and_a_worker_while_it_is_gone() {
    let mut cluster = Cluster::start(3).unwrap();
    let mut client = start(cluster.master.address);
    wait_for_frame(&mut client, 10);
    cluster.master.process.kill();
    wait_for_frame(&mut client, 30);
    cluster.workers[0].process.kill();
    for process in [&cluster.master.process, &cluster.workers[0].process] {
        assert!(system::is_gone(process.id()));
    }
    wait_until_lost(&mut client, "worker-1");
    let (_, lines) = assert_unharmed(client);
    assert_eq!(answered(&lines, "worker-1", 190), 0);
}

/// Its connections stay open, and nobody answers.
#[test]
fn stopped() {
    let cluster = Cluster::start(2).unwrap();
    let mut client = start(cluster.master.address);
    wait_for_frame(&mut client, 10);
    cluster.master.process.signal(Signal::SIGSTOP);
    let (ended, _) = assert_unharmed(client);
    assert!(system::is_stopped(cluster.master.process.id()));
    assert!(!ended.stderr.iter().any(|line| line.contains("lost worker")), "{:#?}", ended.stderr);
}

#[test]
fn asked_to_leave() {
    let Cluster { workers: _workers, master } = Cluster::start(2).unwrap();
    let mut client = start(master.address);
    wait_for_frame(&mut client, 10);
    master.process.signal(Signal::SIGTERM);
    let left = master.process.end().unwrap();
    assert_eq!(left.code, Some(0), "{left:?}");
    let (ended, _) = assert_unharmed(client);
    assert!(!ended.stderr.iter().any(|line| line.contains("lost worker")), "{:#?}", ended.stderr);
}

/// The names of the workers that the master knows, all of which must be healthy.
fn nodes(master: SocketAddr) -> Vec<String> {
    let ended = client(&["nodes", "--json", "--master", &master.to_string()]).unwrap().end().unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let list: Value = serde_json::from_str(&ended.stdout.join("\n")).unwrap();
    let nodes = list["nodes"].as_array().expect("`nodes` is a list");
    assert!(nodes.iter().all(|node| node["state"] == "healthy"), "{list:#}");
    let mut names: Vec<String> = nodes.iter().map(|node| node["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}
