//! Programs that are told no address find each other, on a network of their own, where nobody else announces anything.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use facefleet_e2e::net::{Cable, Network};
use facefleet_e2e::{Ended, Etcd, Process, Program, Service, asset, comes_true};
use mdns_sd::{Receiver, ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent, ServiceInfo};
use nix::sys::signal::Signal;
use prerequisites::ETCD;

use crate::faults::network::network;
use crate::media::text;

/// Nodes of the network.
const MASTER: usize = 0;
const OTHER: usize = 1;
const WORKER: usize = 2;
const CLIENT: usize = 3;
const NODES: usize = 4;
/// One that is not there.
const NOBODY: usize = 98;

const SERVICE: &str = "_facefleet._tcp.local.";
const PORT: u16 = 50051;
/// How long anything is waited for.
const LIMIT: Duration = Duration::from_secs(90);

/// A network on which programs can find each other. None: this machine cannot make one, and the test is skipped.
#[track_caller]
fn lan() -> Option<Network> {
    network(Cable::Ethernet, NODES)
}

/// Starts a master on a node, and waits until it is announced.
fn master(network: &Network, node: usize) -> Service {
    master_with(network, node, &[])
}

fn master_with(network: &Network, node: usize, args: &[&str]) -> Service {
    let mut master = silent_master(network, node, args);
    let announced = |line: &str| line.contains("announced on this network").then_some(());
    master.process.wait_for_stderr("announce itself", announced).unwrap();
    master
}

fn silent_master(network: &Network, node: usize, args: &[&str]) -> Service {
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
    network.on(node, || Service::master_with(everywhere, args)).unwrap()
}

fn start(network: &Network, node: usize, program: Program, args: &[&str]) -> Process {
    let mut command = program.command().unwrap();
    command.args(args);
    network.on(node, || Process::start(program.name(), command)).unwrap()
}

/// A worker that is told no master.
fn worker(network: &Network) -> Process {
    start(network, WORKER, Program::Worker, &["--listen", "0.0.0.0:50050", "--name", "worker", "--threads", "1"])
}

/// Runs a client until it ends with this code and has said this: it looks for as long as it does, and on a busy machine an
/// answer may come later than that.
#[track_caller]
fn client(network: &Network, args: &[&str], code: i32, words: &[&str]) -> Ended {
    let mut last = None;
    let is_so = comes_true(LIMIT, || {
        let ended = start(network, CLIENT, Program::Client, args).end().unwrap();
        let is_so = ended.code == Some(code) && has_said(&ended, words);
        last = Some(ended);
        is_so
    });
    let ended = last.expect("it was run");
    assert!(is_so, "{args:?} did not end with {code} and say {words:?}: {ended:#?}");
    ended
}

fn has_said(ended: &Ended, words: &[&str]) -> bool {
    let said = ended.stderr.join("\n");
    words.iter().all(|word| said.contains(word))
}

#[track_caller]
fn wait_until_joined(worker: &mut Process, network: &Network, node: usize) {
    let line = format!("joined {} as worker ", network.socket(node, PORT));
    worker.wait_for("join the master", |said| said.starts_with(&line).then_some(())).unwrap();
}

/// What others see, from a node where nothing of ours runs but for a moment.
struct Watch {
    daemon: ServiceDaemon,
    events: Receiver<ServiceEvent>,
}

impl Watch {
    fn start(network: &Network) -> Watch {
        network.on(CLIENT, || {
            let daemon = ServiceDaemon::new().unwrap();
            let events = daemon.browse(SERVICE).unwrap();
            Watch { daemon, events }
        })
    }

    /// Everything until there was one with each of these addresses.
    fn until_seen<const N: usize>(&self, addresses: [SocketAddr; N]) -> Vec<ResolvedService> {
        let (mut missing, mut seen) = (BTreeSet::from(addresses), Vec::new());
        while !missing.is_empty() {
            let event = self.events.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("not announced: {missing:?}"));
            if let ServiceEvent::ServiceResolved(service) = event {
                let is_there = |ip: IpAddr| service.get_addresses().iter().any(|there| there.to_ip_addr() == ip);
                missing.retain(|address| address.port() != service.get_port() || !is_there(address.ip()));
                seen.push(*service);
            }
        }
        seen
    }

    /// Until somebody says goodbye. What nobody says goodbye for is remembered for longer than this waits.
    fn until_one_leaves(&self) {
        let leaves = |event| matches!(event, ServiceEvent::ServiceRemoved(..));
        while !leaves(self.events.recv_timeout(LIMIT).expect("nobody said goodbye")) {}
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Err: it has ended.
        let _ = self.daemon.shutdown();
    }
}

#[test]
fn a_worker_and_a_client_find_the_master() {
    let Some(network) = lan() else { return };
    let containers = |node| network.add_dead_end(node, "docker0", Ipv4Addr::new(172, 17, 0, 1)).unwrap();
    let containers = [MASTER, WORKER, CLIENT].map(containers);
    let mut worker = worker(&network);
    let looks = |line: &str| (line.contains("no master announces itself") && line.contains("--master")).then_some(());
    worker.wait_for_stderr("say that it looks for a master", looks).unwrap();
    let _master = master(&network, MASTER);
    let address = network.socket(MASTER, PORT).to_string();
    worker.wait_for_stderr("say which master it found", |line| line.contains(&address).then_some(())).unwrap();
    wait_until_joined(&mut worker, &network, MASTER);

    let found = format!(":{PORT}` at {address}; use --master to choose another");
    let nodes = client(&network, &["nodes"], 0, &[&found]);
    assert!(nodes.stdout.join("\n").contains("worker"), "{nodes:?}");
    client(&network, &["capacity"], 0, &[&found]);
    let run = client(&network, &["run", text(&asset("photos/astronaut.jpg")), "--json", "-"], 0, &[&found]);
    assert!(run.stdout[0].contains(r#""worker":"worker""#), "{run:?}");

    assert_eq!(containers.map(|end| end.datagrams_for_all()), [0; 3], "containers were asked or told");
    let services = Watch::start(&network).until_seen([network.socket(MASTER, PORT)]);
    let addresses: BTreeSet<IpAddr> =
        services.iter().flat_map(|s| s.get_addresses()).map(ScopedIp::to_ip_addr).collect();
    assert_eq!(addresses, BTreeSet::from([network.socket(MASTER, PORT).ip()]));
    let txt = |key| services[0].get_property_val_str(key);
    assert_eq!([txt("txtvers"), txt("protovers")], [Some("1"); 2]);
    assert!(txt("cluster").is_some());
}

#[test]
fn several_masters_are_an_error_that_lists_them() {
    let Some(network) = lan() else { return };
    let [one, other] = [MASTER, OTHER].map(|node| master(&network, node));
    let addresses = [MASTER, OTHER].map(|node| network.socket(node, PORT).to_string());
    let [here, there] = addresses.each_ref().map(String::as_str);

    let picture = asset("photos/astronaut.jpg");
    let refuses = worker(&network).end().unwrap();
    assert!(refuses.code == Some(1) && has_said(&refuses, &[here, there, "--master"]), "{refuses:#?}");
    client(&network, &["nodes"], 1, &[here, there, "--master"]);
    client(&network, &["run", text(&picture)], 1, &[here, there, "--master", "--local"]);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.toml");
    fs::write(&file, format!("master = \"{there}\"\n")).unwrap();
    for named in [["--master", there], ["--config", text(&file)]] {
        let named = client(&network, &[&["nodes"], &named[..]].concat(), 0, &[]);
        assert!(named.stderr.is_empty(), "{named:?}");
    }
    let mut named = Program::Worker.command().unwrap();
    named.args(["--listen", "0.0.0.0:50050", "--threads", "1"]).env("FACEFLEET_MASTER", there);
    let mut named = network.on(WORKER, || Process::start("worker", named)).unwrap();
    wait_until_joined(&mut named, &network, OTHER);

    let watch = Watch::start(&network);
    watch.until_seen([MASTER, OTHER].map(|node| network.socket(node, PORT)));
    other.process.signal(Signal::SIGTERM);
    watch.until_one_leaves();
    assert_eq!(other.process.end().unwrap().code, Some(0));
    client(&network, &["nodes"], 0, &[here]);
    drop(one);
}

#[test]
fn masters_that_share_a_registry_are_one_cluster() {
    if !ETCD.is_there() {
        return;
    }
    let Some(network) = lan() else { return };
    let etcd = network.on(CLIENT, || Etcd::start_at(network.socket(CLIENT, 2379))).unwrap();
    let _masters = [MASTER, OTHER].map(|node| master_with(&network, node, &["--store", &etcd.store()]));
    let addresses = [MASTER, OTHER].map(|node| network.socket(node, PORT).to_string());
    let [here, there] = addresses.each_ref().map(String::as_str);
    client(&network, &["nodes"], 0, &["masters `", here, there]);
    let mut worker = worker(&network);
    worker.wait_for("join one of them", |said| said.starts_with("joined ").then_some(())).unwrap();
}

#[test]
fn a_master_that_comes_back_elsewhere_is_found_again() {
    let Some(network) = lan() else { return };
    let mut first = master(&network, MASTER);
    let mut worker = worker(&network);
    wait_until_joined(&mut worker, &network, MASTER);
    first.process.kill();
    let _second = master(&network, OTHER);
    wait_until_joined(&mut worker, &network, OTHER);
}

#[test]
fn who_does_not_want_to_be_found_is_not() {
    let Some(network) = lan() else { return };
    let _silent = silent_master(&network, MASTER, &["--announce=false"]);
    client(&network, &["nodes"], 1, &["no master announces itself", "--master"]);
    let picture = asset("photos/astronaut.jpg");
    let mut run = start(&network, CLIENT, Program::Client, &["run", text(&picture)]);
    let alone = |line: &str| line.contains("running on this machine alone").then_some(());
    run.wait_for_stderr("say that nobody was found", alone).unwrap();
}

/// Announces something from a node, as long as the answer lives.
fn forge(network: &Network, node: usize, name: &str, address: &str, port: u16, txt: &[(&str, &str)]) -> ServiceDaemon {
    network.on(node, || {
        let daemon = ServiceDaemon::new().unwrap();
        let host = format!("forged-{port}.local.");
        let mut service = ServiceInfo::new(SERVICE, name, &host, address, port, txt).unwrap();
        service.set_requires_probe(false);
        daemon.register(service).unwrap();
        daemon
    })
}

#[test]
fn what_others_announce_does_no_harm() {
    let Some(network) = lan() else { return };
    let _master = master(&network, MASTER);
    let here = network.socket(MASTER, PORT).to_string();
    let [there, nobody] = [OTHER, NOBODY].map(|node| network.socket(node, 0).ip().to_string());
    let listener = network.on(OTHER, || TcpListener::bind((there.as_str(), 0))).unwrap();
    let taken = listener.local_addr().unwrap().port();
    let txt = |cluster| [("txtvers", "1"), ("protovers", "1"), ("cluster", cluster)];
    let huge = "x".repeat(240);
    let huge: Vec<(String, &str)> = (0..20).map(|n| (format!("key{n}"), huge.as_str())).collect();
    let huge: Vec<(&str, &str)> = huge.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    let harmless = [
        forge(&network, OTHER, "no port", &there, 0, &txt("1")),
        forge(&network, OTHER, "nobody", &nobody, 1, &txt("2")),
        forge(&network, OTHER, "loopback", "127.0.0.1", PORT, &txt("3")),
        forge(&network, OTHER, "later", &there, taken, &[("protovers", "2"), ("cluster", "4")]),
        forge(&network, OTHER, "huge", &there, taken, &huge),
    ];
    // What has a loopback address is not even sent.
    let sent = [(MASTER, PORT), (OTHER, 0), (NOBODY, 1), (OTHER, taken)];
    Watch::start(&network).until_seen(sent.map(|(node, port)| network.socket(node, port)));
    client(&network, &["nodes"], 0, &[&here]);

    let liar = forge(&network, OTHER, "\u{1b}[2Jliar", &there, taken, &txt("5"));
    client(&network, &["nodes"], 1, &[&here, &format!("`\\u{{1b}}[2Jliar` at {there}:{taken}")]);
    for daemon in harmless.into_iter().chain([liar]) {
        daemon.shutdown().unwrap();
    }
}
