//! In whichever order the programs start, and start again, they find each other.

use std::net::{SocketAddr, TcpListener};

use facefleet_e2e::{LOOPBACK, Process, Service, asset, client};

use crate::media::text;
use crate::report;

/// An address at which nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    TcpListener::bind(LOOPBACK).and_then(|listener| listener.local_addr()).unwrap()
}

/// Waits until the client has written the line of frame `index`.
pub(crate) fn wait_for_frame(client: &mut Process, index: u64) {
    let start = format!(r#"{{"index":{index},"#);
    client.wait_for(&format!("write frame {index}"), |line| line.starts_with(&start).then_some(())).unwrap();
}

#[test]
fn worker_then_client_then_master() {
    let address = nobody();
    let waits = format!("waiting for the master at {address}");
    let waiting = |line: &str| line.contains(&waits).then_some(());
    let mut worker = Service::worker("early", address).unwrap();
    worker.process.wait_for_stderr("say what it waits for", waiting).unwrap();
    let source = asset("demo.mp4");
    let at = address.to_string();
    let mut client = client(&["run", text(&source), "--master", &at, "--limit", "20", "--json", "-"]).unwrap();
    client.wait_for_stderr("say what it waits for", waiting).unwrap();

    let _master = Service::master(address).unwrap();
    assert_eq!(worker.joined().unwrap(), 0);
    let ended = client.end().unwrap();
    report::assert_balanced(&ended, 20);
    report::assert_all_ok(&report::parse(&ended.stdout), 20);
    let said = ended.stderr.iter().filter(|line| line.contains(&waits)).count();
    assert_eq!(said, 1, "one line is enough: {:?}", ended.stderr);
}

#[test]
fn client_and_master_then_worker() {
    let master = Service::master(LOOPBACK).unwrap();
    let (source, at) = (asset("demo.mp4"), master.address.to_string());
    let mut client = client(&["run", text(&source), "--master", &at, "--limit", "5", "--json", "-"]).unwrap();
    let waits = format!("waiting for a worker to join the master at {at}");
    client.wait_for_stderr("say what it waits for", |line| line.contains(&waits).then_some(())).unwrap();
    let _worker = Service::worker("late", master.address).unwrap();
    let ended = client.end().unwrap();
    report::assert_balanced(&ended, 5);
}
