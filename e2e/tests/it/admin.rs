//! What an administrator changes while the cluster works.
#![cfg(target_os = "linux")]

use std::net::SocketAddr;

use facefleet_e2e::{Ended, LOOPBACK, Service, asset, client, wait_until};
use facefleet_proto::wire::{ListNodesReply, ListNodesRequest, Node, NodeHealth};
use nix::sys::signal::Signal;

use crate::admission::{FRAMES, assert_done, hold};
use crate::masters::ask;
use crate::media::text;
use crate::report;
use crate::system;

pub(crate) const TOKEN: &str = "correct-horse-battery-staple";
/// Frames from here on are of the second part of the video.
const SECOND_PART: u64 = 90;
const SHORT: u64 = 20;

struct Site {
    master: Service,
    workers: Vec<Service>,
}

impl Site {
    fn start(workers: usize) -> Site {
        let master = Service::master_with(LOOPBACK, &["--admin-token", TOKEN]).unwrap();
        let start = |number| worker(number, master.address);
        let workers = (1..=workers).map(start).collect();
        Site { master, workers }
    }

    /// What the master says to a change by who has the token.
    #[track_caller]
    fn admin(&self, what: &str, name: &str) -> String {
        let ended = admin(self.master.address, &[what, name, "--admin-token", TOKEN]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout.concat()
    }

    fn list(&self) -> ListNodesReply {
        let list = ask(self.master.address, async |mut master| master.list_nodes(ListNodesRequest::default()).await);
        list.unwrap().into_inner()
    }

    fn wait_for(&self, worker: &str, awaited: &str, is_so: impl Fn(&Node) -> bool) {
        let awaited = format!("{worker} is {awaited}");
        wait_until(&awaited, || self.list().nodes.iter().any(|node| node.name == worker && is_so(node)));
    }

    /// The worker itself says so, and has nothing left to do.
    fn wait_until_it_rests(&self, worker: &str) {
        let says_so = |node: &Node| node.state.as_ref().is_some_and(|s| s.draining && s.resting && s.in_flight == 0);
        self.wait_for(worker, "resting", |node| says_so(node) && node.health() == NodeHealth::Draining);
    }

    fn run(&self) -> facefleet_e2e::Process {
        let (source, at, limit) = (asset("demo.mp4"), self.master.address.to_string(), SHORT.to_string());
        client(&["run", text(&source), "--master", &at, "--limit", &limit, "--json", "-"]).unwrap()
    }
}

fn worker(number: usize, master: SocketAddr) -> Service {
    let mut worker = Service::worker(&format!("worker-{number}"), master).unwrap();
    worker.joined().unwrap();
    worker
}

fn admin(master: SocketAddr, args: &[&str]) -> Ended {
    let at = master.to_string();
    client(&[&["admin", "--master", &at], args].concat()).unwrap().end().unwrap()
}

/// The workers that answered the frames from this one on.
pub(crate) fn answered_by(ended: &Ended, first: u64) -> Vec<String> {
    let lines = report::parse(&ended.stdout).into_iter().filter(|line| line.index >= first);
    let mut workers: Vec<String> = lines.filter_map(|line| line.worker).collect();
    workers.sort();
    workers.dedup();
    workers
}

#[test]
fn a_worker_rests_while_a_stream_runs_and_no_frame_is_lost() {
    let site = Site::start(2);
    let (stream, video) = hold(site.master.address, &[]);
    assert!(site.admin("rest", "worker-1").starts_with("worker worker-1 finishes what it holds"));
    site.wait_until_it_rests("worker-1");
    drop(video);
    let ended = assert_done(stream, FRAMES);
    assert_eq!(answered_by(&ended, SECOND_PART), ["worker-2"]);

    // It has not gone anywhere, and is the only one now.
    assert_eq!(site.admin("resume", "worker-1"), "worker worker-1 is back in service");
    site.wait_for("worker-1", "healthy", |node| node.health() == NodeHealth::Healthy && node.id == 0);
    site.admin("drain", "1");
    site.wait_until_it_rests("worker-2");
    let ended = assert_done(site.run(), SHORT);
    assert_eq!(answered_by(&ended, 0), ["worker-1"]);
}

#[test]
fn a_worker_that_starts_again_stays_out_of_service() {
    let mut site = Site::start(1);
    site.admin("rest", "worker-1");
    site.wait_until_it_rests("worker-1");
    site.workers[0].process.kill();
    assert!(system::is_gone(site.workers[0].process.id()));
    site.workers[0] = worker(1, site.master.address);
    site.wait_until_it_rests("worker-1");
    site.admin("resume", "worker-1");
    site.wait_for("worker-1", "healthy", |node| node.health() == NodeHealth::Healthy);
}

#[test]
fn the_policy_is_switched_by_who_shows_the_token_and_by_nobody_else() {
    let site = Site::start(1);
    let at = site.master.address;
    for (args, code, said) in [
        (&["policy", "weighted-round-robin"][..], 2, "--admin-token"),
        (&["policy", "weighted-round-robin", "--admin-token", "fifteen-letters"], 2, "16"),
        (&["policy", "weighted-round-robin", "--admin-token", "not-the-token-of-it"], 1, "not the admin token"),
        (&["policy", "fastest", "--admin-token", TOKEN], 1, "least-loaded, weighted-round-robin"),
        (&["rest", "worker1", "--admin-token", TOKEN], 1, "most like it: worker-1"),
    ] {
        let ended = admin(at, args);
        assert_eq!(ended.code, Some(code), "{args:?}: {ended:?}");
        assert!(ended.stderr.concat().contains(said), "{args:?}: {ended:?}");
    }
    assert_eq!(site.list().policy, "least-loaded");
    let said = site.admin("policy", "weighted-round-robin");
    assert_eq!(said, "policy is weighted-round-robin now, and was least-loaded");
    assert_eq!(site.list().policy, "weighted-round-robin");
    assert_done(site.run(), SHORT);
}

#[test]
fn without_a_token_set_the_master_says_what_to_set() {
    let master = Service::master(LOOPBACK).unwrap();
    let ended = admin(master.address, &["policy", "least-loaded", "--admin-token", TOKEN]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.concat().contains("start it with --admin-token"), "{ended:?}");
}

/// The stream that runs holds the only slot from then on, and who came later waits until everybody is let in again.
#[test]
fn admission_is_switched_on_and_off_while_a_stream_runs() {
    let site = Site::start(1);
    let (first, video) = hold(site.master.address, &[]);
    assert_eq!(site.admin("admission", "fifo"), "admission is fifo now, and was open");
    let state = |list: ListNodesReply| (list.nodes[0].slots, list.nodes[0].slots_taken, list.waiting);
    wait_until("the stream that runs holds the slot", || state(site.list()) == (1, 1, 0));
    let second = site.run();
    wait_until("the second waits", || state(site.list()) == (1, 1, 1));
    site.admin("admission", "open");
    assert_done(second, SHORT);
    assert_eq!(state(site.list()), (0, 0, 0));
    drop(video);
    assert_done(first, FRAMES);
}

#[test]
fn nodes_are_watched_where_there_is_no_terminal_and_top_says_so() {
    let site = Site::start(1);
    let at = site.master.address.to_string();
    let ended = client(&["top", "--master", &at]).unwrap().end().unwrap();
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.concat().contains("nodes --watch"), "{ended:?}");

    let mut watch = client(&["nodes", "--watch", "--json", "--master", &at]).unwrap();
    for policy in ["least-loaded", "weighted-round-robin"] {
        let shows = |line: &str| {
            let list: serde_json::Value = serde_json::from_str(line).unwrap();
            (list["policy"] == policy && list["nodes"][0]["name"] == "worker-1").then_some(())
        };
        watch.wait_for("show the policy", shows).unwrap();
        site.admin("policy", "weighted-round-robin");
    }
    watch.signal(Signal::SIGINT);
    assert_eq!(watch.end().unwrap().code, Some(0));
}
