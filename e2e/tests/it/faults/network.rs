//! Networks that are cut, slow or lossy, between machines that are well.
//!
//! Each program is on a node of its own. Here a fault is one of the network if packets were lost while the processes
//! lived on.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use facefleet_e2e::net::{Cable, Network, Weather};
use facefleet_e2e::{Process, Service, wait_until};
use facefleet_service::clock;

use super::{
    AFTER_SECOND_PART, answered, assert_no_worker_was_lost, assert_unharmed, start, wait_until_lost, wait_until_used,
};
use crate::parts::VideoInParts;
use crate::system;

/// Nodes of the network. Worker `worker-N` is on node `WORKER + N`.
const MASTER: usize = 0;
const CLIENT: usize = 1;
const WORKER: usize = 1;
const WORKERS: usize = 3;
/// Decides which packets are lost. It changes nothing about how many.
const SEED: u64 = 5;

/// A master and its workers, each on a node of a network.
struct Fleet {
    workers: Vec<Service>,
    master: Service,
    network: Network,
}

impl Fleet {
    /// Starts all but the client. None: this machine cannot make networks, and the test is skipped.
    #[track_caller]
    fn start() -> Option<Fleet> {
        let network = network(Cable::Ip, WORKER + WORKERS + 1)?;
        let master = network.on(MASTER, || Service::master(network.socket(MASTER, 0))).unwrap();
        let joins = master.address;
        let worker = |number| {
            let (node, name) = (WORKER + number, format!("worker-{number}"));
            network.on(node, || Service::worker_at(network.socket(node, 0), &name, joins)).unwrap()
        };
        let mut workers: Vec<Service> = (1..=WORKERS).map(worker).collect();
        for worker in &mut workers {
            worker.joined().unwrap();
        }
        Some(Fleet { workers, master, network })
    }

    /// Starts the client, and waits until it is well under way.
    fn stream(&self) -> (Process, VideoInParts) {
        let master = self.master.address;
        self.network.on(CLIENT, || start(master))
    }

    /// Whether packets were lost in this direction since the weather last changed.
    fn has_lost(&self, from: usize, to: usize) -> bool {
        self.network.traffic(from, to).lost > 0
    }

    /// All programs but the client run.
    #[track_caller]
    fn assert_alive(&self) {
        for service in self.workers.iter().chain([&self.master]) {
            assert!(!system::is_gone(service.process.id()), "{service:?}");
        }
    }
}

/// A network with cables of this kind between so many nodes. None: this machine cannot make networks, and the test is skipped.
#[track_caller]
pub(crate) fn network(cable: Cable, nodes: usize) -> Option<Network> {
    match Network::with(cable, nodes, SEED) {
        Err(error) if cannot_be(&error) => {
            let what = "no network can be made, which takes root, network namespaces and /dev/net/tun";
            prerequisites::lacking(&format!("{what}: {error}"));
            None
        }
        network => Some(network.unwrap()),
    }
}

/// Whether a kernel without such networks, or one that does not let us make them, answers with this error.
fn cannot_be(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, NotFound, PermissionDenied, Unsupported};
    matches!(error.kind(), InvalidInput | NotFound | PermissionDenied | Unsupported)
}

#[test]
fn cut_for_good() {
    let Some(fleet) = Fleet::start() else { return };
    let (mut client, video) = fleet.stream();
    fleet.network.around(WORKER + 1, Weather::CUT);
    drop(video);
    wait_until_lost(&mut client, "worker-1");
    let (_, lines) = assert_unharmed(client);
    assert!(fleet.has_lost(CLIENT, WORKER + 1) || fleet.has_lost(WORKER + 1, CLIENT));
    fleet.assert_alive();
    assert_eq!(answered(&lines, "worker-1", AFTER_SECOND_PART), 0);
}

#[test]
fn cut_and_healed() {
    let Some(fleet) = Fleet::start() else { return };
    let (mut client, mut video) = fleet.stream();
    fleet.network.around(WORKER + 1, Weather::CUT);
    video.go_on();
    wait_until_lost(&mut client, "worker-1");
    assert!(fleet.has_lost(CLIENT, WORKER + 1) || fleet.has_lost(WORKER + 1, CLIENT));
    fleet.network.around(WORKER + 1, Weather::default());
    wait_until_used(&mut client, "worker-1");
    drop(video);
    let (ended, lines) = assert_unharmed(client);
    fleet.assert_alive();
    assert!(answered(&lines, "worker-1", AFTER_SECOND_PART) > 0, "it was not used again: {:#?}", ended.stderr);
}

/// The worker gets its frames, and nobody hears its answers.
#[test]
fn answers_alone_are_cut() {
    let Some(fleet) = Fleet::start() else { return };
    let (mut client, video) = fleet.stream();
    fleet.network.one_way(WORKER + 1, CLIENT, Weather::CUT);
    drop(video);
    wait_until_lost(&mut client, "worker-1");
    let (_, lines) = assert_unharmed(client);
    assert!(fleet.has_lost(WORKER + 1, CLIENT) && !fleet.has_lost(CLIENT, WORKER + 1));
    fleet.assert_alive();
    assert_eq!(answered(&lines, "worker-1", AFTER_SECOND_PART), 0);
}

/// Clients keep the workers that they have.
#[test]
fn the_client_is_cut_from_the_master() {
    let Some(fleet) = Fleet::start() else { return };
    let (client, video) = fleet.stream();
    fleet.network.between(CLIENT, MASTER, Weather::CUT);
    wait_until("the client asks the master in vain", || fleet.has_lost(CLIENT, MASTER));
    drop(video);
    let (ended, lines) = assert_unharmed(client);
    fleet.assert_alive();
    assert_no_worker_was_lost(&ended);
    for worker in ["worker-1", "worker-2", "worker-3"] {
        assert!(answered(&lines, worker, AFTER_SECOND_PART) > 0, "{worker} did nothing");
    }
}

/// A long way is no fault: nobody is lost.
#[test]
fn slow() {
    let Some(fleet) = Fleet::start() else { return };
    let delay = Duration::from_millis(40);
    let slow = Weather { delay, jitter: Duration::from_millis(15), loss: 0.0 };
    fleet.network.everywhere(slow);
    let master = fleet.master.address;
    let connecting = fleet.network.on(CLIENT, || {
        let start = clock::now();
        TcpStream::connect(master).unwrap();
        clock::now() - start
    });
    assert!(connecting >= 2 * delay, "there and back took {connecting:?}");
    let (client, video) = fleet.stream();
    drop(video);
    let (ended, _) = assert_unharmed(client);
    assert!(fleet.network.traffic(CLIENT, WORKER + 1).carried > 0);
    assert_no_worker_was_lost(&ended);
}

#[test]
fn lossy() {
    let Some(fleet) = Fleet::start() else { return };
    let lossy = Weather { delay: Duration::from_millis(2), jitter: Duration::from_millis(2), loss: 0.03 };
    fleet.network.everywhere(lossy);
    let (client, video) = fleet.stream();
    drop(video);
    assert_unharmed(client);
    let lost = |number| fleet.has_lost(CLIENT, WORKER + number) && fleet.has_lost(WORKER + number, CLIENT);
    assert!((1..=WORKERS).all(lost), "{:?}", fleet.network);
    fleet.assert_alive();
}
