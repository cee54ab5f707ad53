//! A cluster that lets in as many streams as it has slots. Whoever holds the only one has a video that comes in parts, and
//! so ends when the test says so.
#![cfg(target_os = "linux")]

use std::net::SocketAddr;

use facefleet_e2e::{Ended, LOOPBACK, Process, Service, asset, client, wait_until};
use facefleet_proto::wire::ListNodesRequest;
use nix::sys::signal::Signal;

use crate::masters::ask;
use crate::media::text;
use crate::parts::VideoInParts;
use crate::report;
use crate::start_order::wait_for_frame;
use crate::system;

/// Frames that a stream does whose video comes in parts: it ends in the second. And one of each part.
pub(crate) const FRAMES: u64 = 110;
const FIRST_PART: u64 = 20;
const SECOND_PART: u64 = 100;
/// Frames of the streams that wait.
const SHORT: u64 = 20;

/// A master, one worker, and so one slot.
struct Site {
    master: Service,
    worker: Service,
}

impl Site {
    fn start(args: &[&str]) -> Site {
        let master = Service::master_with(LOOPBACK, args).unwrap();
        let mut worker = Service::worker("worker-1", master.address).unwrap();
        worker.joined().unwrap();
        Site { master, worker }
    }

    /// Slots that are offered and taken, and streams that wait; None while the master is not there.
    fn state(&self) -> Option<(u32, u32, u32)> {
        let list = ask(self.master.address, async |mut master| master.list_nodes(ListNodesRequest::default()).await);
        let list = list.ok()?.into_inner();
        let sum = |of: fn(&facefleet_proto::wire::Node) -> u32| list.nodes.iter().map(of).sum();
        let (slots, taken) = (sum(|node| node.slots), sum(|node| node.slots_taken));
        assert!(taken <= slots, "{list:?}");
        Some((slots, taken, list.waiting))
    }

    fn wait_for(&self, slots: u32, taken: u32, waiting: u32) {
        let awaited = format!("{taken} of {slots} slots are taken and {waiting} streams wait");
        wait_until(&awaited, || self.state() == Some((slots, taken, waiting)));
    }

    /// A stream that has the slot, and keeps it for as long as its video is held back.
    fn hold(&self) -> (Process, VideoInParts) {
        let held = hold(self.master.address, &[]);
        self.wait_for(1, 1, 0);
        held
    }

    /// A short stream that waits, as one of so many.
    fn wait(&self, streams: u32) -> Process {
        let mut client = self.run();
        self.wait_for(1, 1, streams);
        let said = |line: &str| line.starts_with("waiting for a free place on the cluster: ").then_some(());
        client.wait_for_stderr("say what it waits for", said).unwrap();
        client
    }

    fn run(&self) -> Process {
        let (source, at, limit) = (asset("demo.mp4"), self.master.address.to_string(), SHORT.to_string());
        client(&["run", text(&source), "--master", &at, "--limit", &limit, "--json", "-"]).unwrap()
    }
}

pub(crate) fn hold(master: SocketAddr, args: &[&str]) -> (Process, VideoInParts) {
    let (source, at) = (asset("demo.mp4"), master.to_string());
    let limit = FRAMES.to_string();
    let run = ["run", text(&source), "--master", &at, "--limit", &limit, "--json", "-"];
    let (mut client, video) = VideoInParts::client(&[&run, args].concat());
    wait_for_frame(&mut client, FIRST_PART);
    (client, video)
}

#[track_caller]
pub(crate) fn assert_done(client: Process, frames: u64) -> Ended {
    let ended = client.end().unwrap();
    report::assert_balanced(&ended, frames);
    report::assert_all_ok(&report::parse(&ended.stdout), frames);
    ended
}

#[test]
fn a_stream_waits_until_the_one_before_it_has_ended() {
    let site = Site::start(&["--admission", "fifo"]);
    let (first, video) = site.hold();
    let second = site.wait(1);
    drop(video);
    assert_done(first, FRAMES);
    assert_done(second, SHORT);
    // It said so itself; its lease would have lasted for seconds.
    site.wait_for(1, 0, 0);
}

#[test]
fn the_slot_of_a_stream_that_was_killed_becomes_free_by_itself() {
    let site = Site::start(&["--admission", "fifo"]);
    let (mut first, _video) = site.hold();
    let second = site.wait(1);
    first.kill();
    assert_done(second, SHORT);
}

#[test]
fn a_stream_that_is_killed_while_it_waits_leaves_the_queue() {
    let site = Site::start(&["--admission", "fifo"]);
    let (first, video) = site.hold();
    let mut second = site.wait(1);
    let third = site.wait(2);
    second.kill();
    site.wait_for(1, 1, 1);
    drop(video);
    assert_done(first, FRAMES);
    assert_done(third, SHORT);
}

#[test]
fn who_has_waited_for_too_long_is_told_so_and_comes_again() {
    let site = Site::start(&["--admission", "fifo", "--max-wait", "1"]);
    let (first, video) = site.hold();
    let [second, third] = [site.run(), site.run()].map(|mut client| {
        let refused = |line: &str| line.contains("--max-wait") && line.contains("asking again in 5 s");
        client.wait_for_stderr("say that it was refused", |line| refused(line).then_some(())).unwrap();
        client
    });
    third.signal(Signal::SIGINT);
    assert_eq!(third.end().unwrap().signal, Some(Signal::SIGINT as i32));
    drop(video);
    assert_done(first, FRAMES);
    assert_done(second, SHORT);
}

#[test]
fn fair_lets_the_higher_priority_go_first() {
    let site = Site::start(&["--admission", "fair"]);
    let (first, video) = site.hold();
    let low = site.wait(1);
    let (high, video) = std::thread::scope(|scope| {
        let high = scope.spawn(|| hold(site.master.address, &["--priority", "100"]));
        site.wait_for(1, 1, 2);
        drop(video);
        assert_done(first, FRAMES);
        high.join().unwrap()
    });
    // It has begun, and the one that came before it has not.
    site.wait_for(1, 1, 1);
    drop(video);
    assert_done(high, FRAMES);
    assert_done(low, SHORT);
}

/// The new life of the master learns from the worker who runs, and lets nobody in before.
#[test]
fn a_master_that_starts_again_grants_no_slot_twice() {
    let mut site = Site::start(&["--admission", "fifo"]);
    let (mut first, mut video) = site.hold();
    let second = site.wait(1);
    site.master.process.kill();
    assert!(system::is_gone(site.master.process.id()));
    site.master = Service::master_with(site.master.address, &["--admission", "fifo"]).unwrap();
    site.worker.joined().unwrap();
    site.wait_for(1, 1, 1);
    video.go_on();
    wait_for_frame(&mut first, SECOND_PART);
    assert_eq!(site.state(), Some((1, 1, 1)), "had the second been let in, it would be done by now");
    drop(video);
    assert_done(first, FRAMES);
    assert_done(second, SHORT);
}
