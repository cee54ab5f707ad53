//! Several masters over one etcd: whichever of them is killed or cut off, and whatever becomes of etcd, streams go on, no
//! worker is lost, and those who are left answer for all.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::net::SocketAddr;

use facefleet_e2e::net::{Cable, Weather};
use facefleet_e2e::{Etcd, LOOPBACK, Process, Service, asset, client, wait_until};
use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::wire::{ListNodesReply, ListNodesRequest, RouteRequest};
use facefleet_service::clock;
use facefleet_service::grpc::CALL_TIMEOUT;
use nix::sys::signal::Signal;
use prerequisites::ETCD;
use tonic::Request;

use crate::faults::network::network;
use crate::faults::{assert_no_worker_was_lost, assert_unharmed, start};
use crate::media::text;
use crate::report;

/// Masters that share an etcd, and workers that know all of them, the first one first.
struct Fleet {
    workers: Vec<Service>,
    masters: Vec<Service>,
    etcd: Etcd,
}

impl Fleet {
    /// Starts all, and waits until all masters offer all workers. None: etcd is missing, and the test is skipped.
    #[track_caller]
    fn start(workers: usize) -> Option<Fleet> {
        let etcd = etcd()?;
        let masters = (0..2).map(|_| master(&etcd.store(), LOOPBACK)).collect();
        let mut fleet = Fleet { workers: Vec::new(), masters, etcd };
        for number in 1..=workers {
            fleet.add_worker(&format!("worker-{number}"), &fleet.addresses());
        }
        fleet.wait_until_all_offer_all();
        Some(fleet)
    }

    fn add_worker(&mut self, name: &str, masters: &str) {
        let mut worker = Service::worker(name, masters).unwrap();
        worker.joined().unwrap();
        self.workers.push(worker);
    }

    /// The masters, as programs are told of them.
    fn addresses(&self) -> String {
        let addresses: Vec<String> = self.masters.iter().map(|master| master.address.to_string()).collect();
        addresses.join(",")
    }

    fn kill_master(&mut self, which: usize) {
        self.masters[which].process.kill();
    }

    fn restart_master(&mut self, which: usize) {
        self.masters[which] = master(&self.etcd.store(), self.masters[which].address);
    }

    #[track_caller]
    fn wait_until_all_offer_all(&self) {
        for master in &self.masters {
            wait_until("a master offers all workers", || offered(master.address).len() == self.workers.len());
        }
    }

    #[track_caller]
    fn wait_until_stale(&self) {
        self.masters.iter().for_each(wait_until_stale);
    }

    #[track_caller]
    fn wait_until_fresh(&self) {
        for master in &self.masters {
            wait_until("a master is in touch with etcd", || !is_stale(master.address));
        }
    }
}

/// Waits until a master has noticed that it is cut off from etcd.
#[track_caller]
pub(crate) fn wait_until_stale(master: &Service) {
    wait_until("a master is cut off from etcd", || is_stale(master.address));
}

/// An etcd on a free port of this machine. None: etcd is missing, and the test is skipped.
#[track_caller]
pub(crate) fn etcd() -> Option<Etcd> {
    ETCD.is_there().then(|| Etcd::start().unwrap())
}

/// Starts a master and waits until it knows the cluster.
fn master(store: &str, listen: SocketAddr) -> Service {
    master_with(store, listen, &[])
}

pub(crate) fn master_with(store: &str, listen: SocketAddr, args: &[&str]) -> Service {
    let mut master = Service::master_with(listen, &[&["--store", store], args].concat()).unwrap();
    wait_for_word(&mut master.process, "is shared as");
    master
}

/// Asks a master.
pub(crate) fn ask<T>(master: SocketAddr, call: impl AsyncFnOnce(MasterClient<tonic::transport::Channel>) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let channel = facefleet_service::grpc::channel(&master.into());
        call(MasterClient::new(channel)).await
    })
}

/// The workers that a master has for a client; none, if it does not answer in time.
pub(crate) fn offered(master: SocketAddr) -> BTreeSet<String> {
    let mut query = Request::new(RouteRequest { wanted: u32::MAX, ..RouteRequest::default() });
    query.set_timeout(CALL_TIMEOUT);
    let route = ask(master, async |mut master| master.route_guide(query).await);
    route.into_iter().flat_map(|route| route.into_inner().candidates).map(|candidate| candidate.name).collect()
}

/// What a master knows.
pub(crate) fn known(master: SocketAddr) -> ListNodesReply {
    ask(master, async |mut master| master.list_nodes(ListNodesRequest::default()).await).unwrap().into_inner()
}

fn is_stale(master: SocketAddr) -> bool {
    known(master).stale_ms > 0
}

/// Waits for a line on stderr.
#[track_caller]
fn wait_for_word(process: &mut Process, word: &str) {
    process.wait_for_stderr(&format!("say `{word}`"), |line| line.contains(word).then_some(())).unwrap();
}

/// Each in turn, the one that all workers have joined first.
#[test]
fn one_is_killed_while_frames_flow() {
    let Some(mut fleet) = Fleet::start(2) else { return };
    let (stream, mut video) = start(fleet.addresses());
    for killed in [0, 1] {
        let left = fleet.masters[1 - killed].address;
        fleet.kill_master(killed);
        let start = clock::now();
        assert_eq!(offered(left).len(), 2);
        let took = clock::now() - start;
        println!("routes from the other one {took:?} after the first was killed");
        assert!(took < CALL_TIMEOUT, "{took:?}");
        video.go_on();
        for worker in &mut fleet.workers {
            assert!(worker.joined().unwrap() < 2, "it has another id");
            assert_eq!(offered(left).len(), 2);
        }
        println!("all workers with the other one after {:?}", clock::now() - start);
        fleet.restart_master(killed);
        fleet.wait_until_all_offer_all();
    }
    drop(video);
    assert_no_worker_was_lost(&assert_unharmed(stream).0);
}

#[test]
fn all_are_killed_and_started_again() {
    let Some(mut fleet) = Fleet::start(2) else { return };
    let (stream, mut video) = start(fleet.addresses());
    [0, 1].into_iter().for_each(|master| fleet.kill_master(master));
    video.go_on();
    for worker in &mut fleet.workers {
        wait_for_word(&mut worker.process, "waiting for the master");
    }
    [0, 1].into_iter().for_each(|master| fleet.restart_master(master));
    fleet.wait_until_all_offer_all();
    drop(video);
    assert_no_worker_was_lost(&assert_unharmed(stream).0);
}

#[test]
fn etcd_hangs_and_dies_and_comes_back_empty() {
    let Some(mut fleet) = Fleet::start(2) else { return };
    let (stream, mut video) = start(fleet.addresses());
    fleet.etcd.process.signal(Signal::SIGSTOP);
    fleet.wait_until_stale();
    for master in &mut fleet.masters {
        wait_for_word(&mut master.process, "cut off from etcd");
    }
    fleet.wait_until_all_offer_all();
    video.go_on();
    fleet.etcd.process.signal(Signal::SIGCONT);
    fleet.wait_until_fresh();

    fleet.etcd.process.kill();
    fleet.wait_until_stale();
    let second = fleet.masters[1].address.to_string();
    fleet.add_worker("newcomer", &second);
    wait_until("a newcomer is offered", || offered(fleet.masters[1].address).len() == 3);
    video.go_on();
    fleet.etcd.start_anew().unwrap();
    fleet.wait_until_fresh();
    // It learns from etcd alone who is there.
    fleet.masters.push(master(&fleet.etcd.store(), LOOPBACK));
    fleet.wait_until_all_offer_all();
    let ids: BTreeSet<i32> = known(fleet.masters[2].address).nodes.iter().map(|node| node.id).collect();
    assert_eq!(ids.len(), 3);
    drop(video);
    assert_no_worker_was_lost(&assert_unharmed(stream).0);
}

/// There is one slot, and each of two masters has a client that wants it. The older one decides for both until it is killed.
#[test]
fn a_slot_is_given_once() {
    let Some(etcd) = etcd() else { return };
    let fifo = |_| master_with(&etcd.store(), LOOPBACK, &["--admission", "fifo"]);
    let [mut older, mut younger] = [0, 1].map(fifo);
    for master in [&mut older, &mut younger] {
        wait_for_word(&mut master.process, "hearing the workers of the master");
    }
    let addresses = format!("{},{}", younger.address, older.address);
    let mut worker = Service::worker("worker", addresses).unwrap();
    worker.joined().unwrap();
    let both = [older.address, younger.address];
    let both_know = |known: Slots| both.map(slots) == [known; 2];
    wait_until("both know of one free slot", || both_know(Slots { all: 1, taken: 0, waiting: 0 }));

    let (first, held_back) = start(format!("{},{}", older.address, younger.address));
    let (input, asked) = (asset("demo.mp4"), younger.address.to_string());
    let mut second = client(&["run", text(&input), "--master", &asked, "--limit", "20", "--json", "-"]).unwrap();
    wait_for_word(&mut second, "waiting for a free place");
    let one_waits = Slots { all: 1, taken: 1, waiting: 1 };
    wait_until("both know who waits", || both_know(one_waits));

    older.process.kill();
    wait_until("it waits for the other one", || slots(younger.address) == one_waits);
    drop(held_back);
    assert_unharmed(first);
    report::assert_balanced(&second.end().unwrap(), 20);
}

/// What a master knows of the slots of all workers.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Slots {
    all: u32,
    taken: u32,
    /// Streams that wait for one.
    waiting: u32,
}

fn slots(master: SocketAddr) -> Slots {
    let ListNodesReply { nodes, waiting, .. } = known(master);
    let (all, taken) = nodes.iter().fold((0, 0), |(all, taken), node| (all + node.slots, taken + node.slots_taken));
    Slots { all, taken, waiting }
}

/// Nodes of the network on which one is cut off.
const ETCD_NODE: usize = 0;
const CUT_OFF: usize = 1;
const OTHER: usize = 2;
const CLIENT: usize = 3;
const WORKER: usize = 4;

#[test]
fn one_is_cut_off_from_etcd() {
    if !ETCD.is_there() {
        return;
    }
    let Some(network) = network(Cable::Ip, 5) else { return };
    let etcd = network.on(ETCD_NODE, || Etcd::start_at(network.socket(ETCD_NODE, 2379))).unwrap();
    let store = etcd.store();
    let masters = [CUT_OFF, OTHER].map(|node| network.on(node, || master(&store, network.socket(node, 50051))));
    let [mut cut_off, other] = masters;
    let addresses = format!("{},{}", cut_off.address, other.address);
    let worker = |name| Service::worker_at(network.socket(WORKER, 0), name, &addresses);
    let mut workers = network.on(WORKER, || ["worker-1", "worker-2"].map(|name| worker(name).unwrap()));
    workers.iter_mut().for_each(|worker| assert!(worker.joined().unwrap() < 2));
    let both = [cut_off.address, other.address];
    let both_offer_both = || both.iter().all(|master| offered(*master).len() == 2);
    network.on(CLIENT, || wait_until("both offer both workers", both_offer_both));
    let (stream, mut video) = network.on(CLIENT, || start(&addresses));

    network.between(CUT_OFF, ETCD_NODE, Weather::CUT);
    wait_for_word(&mut cut_off.process, "cut off from etcd");
    video.go_on();
    network.on(CLIENT, || {
        assert!(both_offer_both());
        assert_eq!(both.map(is_stale), [true, false]);
        // Its registrations have gone with its lease by then, and the workers are heard all the same.
        wait_until("etcd has forgotten it", || known(both[0]).stale_ms > 8_000);
        assert!(both_offer_both());
    });
    network.between(CUT_OFF, ETCD_NODE, Weather::default());
    network.on(CLIENT, || {
        wait_until("it is back", || both.map(is_stale) == [false, false]);
        assert!(both_offer_both());
    });
    drop(video);
    assert_no_worker_was_lost(&assert_unharmed(stream).0);
}
