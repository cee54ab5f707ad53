//! What an administrator changes where several masters share a registry: it is so at all of them.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::net::SocketAddr;

use facefleet_e2e::{Etcd, LOOPBACK, Process, Service, asset, client, wait_until};
use facefleet_proto::wire::{ListNodesReply, NodeHealth};
use nix::sys::signal::Signal;

use crate::admin::{TOKEN, answered_by};
use crate::admission::assert_done;
use crate::masters::{etcd, known, master_with, offered, wait_until_stale};
use crate::media::text;

const FRAMES: u64 = 20;
const UNTOLD: &str = "at this master only for now";

struct Site {
    etcd: Etcd,
    masters: Vec<Service>,
    workers: Vec<Service>,
}

impl Site {
    /// Two masters, and workers that know both. None: etcd is missing, and the test is skipped.
    #[track_caller]
    fn start(workers: usize) -> Option<Site> {
        let etcd = etcd()?;
        let mut site = Site { etcd, masters: Vec::new(), workers: Vec::new() };
        site.add_master();
        site.add_master();
        let addresses = format!("{},{}", site.masters[0].address, site.masters[1].address);
        for number in 1..=workers {
            let mut worker = Service::worker(&format!("worker-{number}"), &addresses).unwrap();
            worker.joined().unwrap();
            site.workers.push(worker);
        }
        Some(site)
    }

    fn add_master(&mut self) {
        self.masters.push(master_with(&self.etcd.store(), LOOPBACK, &["--admin-token", TOKEN]));
    }

    /// Has one of the masters make a change.
    fn change(&self, master: usize, what: &str, name: &str) -> Process {
        let at = self.masters[master].address.to_string();
        client(&["admin", "--master", &at, what, name, "--admin-token", TOKEN]).unwrap()
    }

    /// What one of the masters says to a change.
    #[track_caller]
    fn admin(&self, master: usize, what: &str, name: &str) -> String {
        let ended = self.change(master, what, name).end().unwrap();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout.concat()
    }

    #[track_caller]
    fn wait_until_all(&self, awaited: &str, is_so: impl Fn(SocketAddr) -> bool) {
        for master in &self.masters {
            wait_until(&format!("{} shows {awaited}", master.address), || is_so(master.address));
        }
    }

    fn wait_until_all_offer(&self, workers: &[&str]) {
        self.wait_until_all(&format!("a route to {workers:?}"), |master| offered(master).iter().eq(workers));
    }

    fn wait_until_all_show(&self, policy: &str, admission: &str) {
        let settings = |list: ListNodesReply| (list.policy, list.admission);
        let expected = (policy.to_owned(), admission.to_owned());
        self.wait_until_all(policy, |master| settings(known(master)) == expected);
    }
}

fn is_resting(list: &ListNodesReply, worker: &str) -> bool {
    let rests = |state: &facefleet_proto::wire::NodeState| state.resting && state.draining && state.in_flight == 0;
    let mut nodes = list.nodes.iter().filter(|node| node.name == worker);
    nodes.any(|node| node.health() == NodeHealth::Draining && node.state.as_ref().is_some_and(rests))
}

#[test]
fn what_is_set_at_one_master_is_so_at_all_and_outlives_it() {
    let Some(mut site) = Site::start(2) else { return };
    site.wait_until_all_offer(&["worker-1", "worker-2"]);
    let said = site.admin(0, "policy", "weighted-round-robin");
    // What may follow is that an etcd on a busy machine has not answered in time.
    assert!(said.starts_with("policy is weighted-round-robin now, and was least-loaded"), "{said}");
    site.wait_until_all_show("weighted-round-robin", "open");

    // The workers are with the first master, and it is the second one that is told.
    let said = site.admin(1, "rest", "worker-1");
    assert!(said.starts_with("worker worker-1 finishes what it holds"), "{said}");
    site.wait_until_all_offer(&["worker-2"]);
    site.wait_until_all("worker-1 at rest", |master| is_resting(&known(master), "worker-1"));
    for master in &site.masters {
        let (source, at, limit) = (asset("demo.mp4"), master.address.to_string(), FRAMES.to_string());
        let run = client(&["run", text(&source), "--master", &at, "--limit", &limit, "--json", "-"]).unwrap();
        assert_eq!(answered_by(&assert_done(run, FRAMES), 0), ["worker-2"]);
    }

    drop(site.masters.remove(0));
    site.workers.iter_mut().for_each(|worker| _ = worker.joined().unwrap());
    site.add_master();
    site.wait_until_all_show("weighted-round-robin", "open");
    site.wait_until_all_offer(&["worker-2"]);
    let said = site.admin(1, "resume", "worker-1");
    assert!(said.starts_with("worker worker-1 is back in service"), "{said}");
    site.wait_until_all_offer(&["worker-1", "worker-2"]);
}

#[test]
fn of_two_administrators_at_once_one_is_right_everywhere() {
    let Some(mut site) = Site::start(0) else { return };
    let changes = [site.change(0, "admission", "fifo"), site.change(1, "admission", "fair")];
    changes.into_iter().for_each(|change| assert_eq!(change.end().unwrap().code, Some(0)));
    site.add_master();
    // Who has made a setting shows it until another one is written after it: so all show the same only when both are written.
    wait_until("all masters show one of the two", || {
        let shown: BTreeSet<String> = site.masters.iter().map(|master| known(master.address).admission).collect();
        shown.len() == 1 && !shown.contains("open")
    });
    let later = known(site.masters[2].address).admission;
    assert!(later == "fifo" || later == "fair", "{later}");
}

#[test]
fn what_is_set_while_etcd_is_away_is_told_when_it_is_back_though_it_has_lost_all() {
    let Some(mut site) = Site::start(0) else { return };
    site.etcd.process.signal(Signal::SIGSTOP);
    let said = site.admin(0, "admission", "fifo");
    assert!(said.starts_with("admission is fifo now, and was open") && said.contains(UNTOLD), "{said}");
    assert_eq!(known(site.masters[0].address).admission, "fifo");
    assert_eq!(known(site.masters[1].address).admission, "open");
    site.etcd.process.signal(Signal::SIGCONT);
    site.wait_until_all_show("least-loaded", "fifo");

    site.etcd.process.kill();
    site.masters.iter().for_each(wait_until_stale);
    assert!(site.admin(1, "policy", "weighted-round-robin").contains(UNTOLD));
    site.etcd.start_anew().unwrap();
    site.wait_until_all_show("weighted-round-robin", "fifo");
    site.add_master();
    site.wait_until_all_show("weighted-round-robin", "fifo");
}
