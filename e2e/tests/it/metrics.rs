//! What the programs tell Prometheus, and what people are shown of it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use facefleet_e2e::{LOOPBACK, Process, Program, Service, asset, client, wait_until};
use prerequisites::PROMTOOL;
use serde_json::Value;

use crate::media::text;

/// What a program tells at `http://ADDRESS/metrics`.
pub(crate) fn scrape(address: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    write!(connection, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/plain; version=0.0.4"), "{head}");
    body.to_owned()
}

/// The sum of the series of this name whose labels say `with`.
pub(crate) fn sum(text: &str, name: &str, with: &str) -> u64 {
    let number = |line: &str| {
        let (series, number) = line.rsplit_once(' ')?;
        let (told, labels) = series.split_once('{').unwrap_or((series, ""));
        (told == name && labels.contains(with)).then(|| number.parse::<f64>().unwrap() as u64)
    };
    text.lines().filter_map(number).sum()
}

/// The host and port of a line that `begins` so.
fn address<'a>(line: &'a str, begins: &str) -> Option<&'a str> {
    line.strip_prefix(begins)?.strip_prefix("http://")?.split('/').next()
}

/// A cluster whose programs tell what they count.
struct Watched {
    master: Service,
    _workers: Vec<Process>,
    /// Where the metrics of the master and of each worker are.
    sites: Vec<String>,
}

impl Watched {
    fn start(workers: usize) -> Watched {
        let mut master = Service::master_with(LOOPBACK, &["--http", "127.0.0.1:0"]).unwrap();
        let page = |line: &str| address(line, "page on ").map(str::to_owned);
        let mut sites = vec![master.process.wait_for("say where its page is", page).unwrap()];
        let mut running = Vec::new();
        for number in 0..workers {
            let mut command = Program::Worker.command().unwrap();
            command.args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--threads", "1"]);
            command.args(["--master", &master.address.to_string(), "--name", &format!("worker-{number}")]);
            let mut worker = Process::start("worker", command).unwrap();
            let live = |line: &str| address(line, "live view on ").map(str::to_owned);
            sites.push(worker.wait_for("say where its live view is", live).unwrap());
            worker.wait_for("join", |line| line.starts_with("joined ").then_some(())).unwrap();
            running.push(worker);
        }
        Watched { master, _workers: running, sites }
    }

    fn run(&self, args: &[&str]) -> Process {
        client(&[&["run", text(&asset("demo.mp4")), "--master", &self.master.address.to_string()], args].concat())
            .unwrap()
    }
}

/// What promtool says of `input`: nothing, if all is well, or if promtool is missing and this check is skipped.
#[track_caller]
fn promtool(args: &[&str], input: &str) -> String {
    if !PROMTOOL.is_there() {
        return String::new();
    }
    let mut command = Command::new(PROMTOOL.program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut checker = command.spawn().unwrap();
    checker.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let ended = checker.wait_with_output().unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&said));
    String::from_utf8(said).unwrap()
}

#[test]
fn workers_count_what_the_clients_ledger_counts() {
    let folder = tempfile::tempdir().unwrap();
    let summary = folder.path().join("summary.json");
    let cluster = Watched::start(2);
    let ended = cluster.run(&["--limit", "80", "--summary", text(&summary)]).end().unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let summary: Value = serde_json::from_slice(&fs::read(&summary).unwrap()).unwrap();
    let count = |name: &str| summary["total"][name].as_u64().unwrap();
    let (ok, again) = (count("ok"), count("retried") + count("late"));

    let [master, workers @ ..] = &cluster.sites[..] else { unreachable!("a master has a page") };
    let told: Vec<String> = workers.iter().map(|site| scrape(site)).collect();
    let all = |name: &str, with: &str| told.iter().map(|text| sum(text, name, with)).sum::<u64>();
    // A frame that was sent again, because this machine was slow, may have been worked on twice.
    let worked_on = all("facefleet_worker_frames_total", "outcome=\"ok\"");
    assert!(ok == 80 && (ok..=ok + again).contains(&worked_on), "{worked_on} of {summary}");
    for stage in ["queue", "decode", "resize", "detect"] {
        let measured = all("facefleet_worker_stage_seconds_count", &format!("stage=\"{stage}\""));
        assert_eq!(measured, worked_on, "{stage}");
    }
    assert_eq!(all("facefleet_worker_stage_seconds_count", "stage=\"encode\""), 0, "nobody asked for pictures");

    let told_by_master = scrape(master);
    assert_eq!(sum(&told_by_master, "facefleet_master_workers", "healthy"), 2);
    assert_eq!(sum(&told_by_master, "facefleet_master_joins_total", ""), 2);
    assert!(sum(&told_by_master, "facefleet_master_routes_total", "least-loaded") > 0, "{told_by_master}");
    assert_eq!(
        sum(&told_by_master, "facefleet_master_routes_total", ""),
        sum(&told_by_master, "facefleet_master_route_seconds_count", "")
    );
    for text in told.iter().chain([&told_by_master]) {
        assert_eq!(promtool(&["check", "metrics"], text), "");
    }
}

#[test]
fn the_dashboard_shows_only_what_is_told() {
    let cluster = Watched::start(1);
    // Played at its own speed, which takes ten seconds: it runs while it is asked.
    let mut run = cluster.run(&["--live", "--http", "127.0.0.1:0"]);
    let metrics = |line: &str| address(line, "metrics on ").map(str::to_owned);
    let site = run.wait_for_stderr("say where its metrics are", metrics).unwrap();
    let mut told_by_client = String::new();
    wait_until("the client has counted a frame", || {
        told_by_client = scrape(&site);
        sum(&told_by_client, "facefleet_client_frame_seconds_count", "") > 0
    });
    assert_eq!(promtool(&["check", "metrics"], &told_by_client), "");
    run.kill();

    let mut told: String = cluster.sites.iter().map(|site| scrape(site)).collect();
    told.push_str(&told_by_client);
    let families = told.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let families: BTreeSet<&str> = families.collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let dashboard: Value =
        serde_json::from_slice(&fs::read(root.join("deploy/grafana/facefleet.json")).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let queries: Vec<&str> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    assert!(queries.len() > 20, "{queries:?}");
    let mut shown = BTreeSet::new();
    for query in &queries {
        for name in names(query) {
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|ending| name.strip_suffix(ending));
            let family = family.filter(|family| families.contains(family)).unwrap_or(name);
            assert!(families.contains(family), "nobody tells `{name}`, which the dashboard asks for: {query}");
            shown.insert(family);
        }
    }
    let ours = families.iter().filter(|family| family.starts_with("facefleet_"));
    let hidden: Vec<_> = ours.filter(|family| !shown.contains(*family)).collect();
    let known = ["facefleet_build_info", "facefleet_client_frames_sent_total"];
    assert!(hidden.iter().all(|family| known.contains(family)), "told, and not on the dashboard: {hidden:?}");

    let sample = root.join("deploy/prometheus.yml");
    promtool(&["check", "config", text(&sample)], "");
}

/// The names of metrics in a query.
fn names(query: &str) -> impl Iterator<Item = &str> {
    let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    words.filter(|word| word.starts_with("facefleet_") || word.starts_with("process_"))
}
