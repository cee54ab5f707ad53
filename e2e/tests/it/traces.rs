//! One id follows a frame through the logs of both programs.

use std::collections::BTreeSet;

use facefleet_e2e::{LOOPBACK, Process, Program, Service, asset};
use serde_json::Value;

const LOG: [&str; 4] = ["--log", "debug", "--log-format", "json"];
const FRAMES: u64 = 3;

/// The trace and the number that a line says which an ended span of this name wrote.
fn frame(line: &str, span: &str, last: &str) -> Option<(String, u64)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let ended = line["span"]["name"] == span && line["fields"]["message"] == last;
    ended.then(|| (line["span"]["trace"].as_str().unwrap().to_owned(), line["span"]["frame"].as_u64().unwrap()))
}

#[test]
fn a_frame_has_one_id_in_the_logs_of_client_and_worker() {
    let master = Service::master(LOOPBACK).unwrap();
    let to = ["--master", &master.address.to_string()];
    let mut worker = Program::Worker.command().unwrap();
    worker.args(to).args(["--listen", &LOOPBACK.to_string(), "--threads", "1"]).args(LOG);
    let mut worker = Process::start("worker", worker).unwrap();
    worker.wait_for("join the master", |line| line.starts_with("joined ").then_some(())).unwrap();

    let video = asset("demo.mp4");
    let args = ["run", video.to_str().unwrap(), "--limit", &FRAMES.to_string()];
    let client = facefleet_e2e::client(&[&args[..], &to, &LOG].concat()).unwrap().end().unwrap();
    assert_eq!(client.code, Some(0), "{client:#?}");

    let sent: BTreeSet<_> = client.stderr.iter().filter_map(|line| frame(line, "frame", "ended")).collect();
    let numbers: BTreeSet<u64> = sent.iter().map(|(_, number)| *number).collect();
    assert!(sent.len() == 3 && numbers == (0..FRAMES).collect(), "{sent:?}");
    for (trace, number) in &sent {
        assert!(trace.len() == 32 && trace.ends_with(&format!("{number:016x}")), "{trace} of {number}");
    }
    let mut left = sent.clone();
    let all_worked_on = |line: &str| {
        let worked_on = frame(line, "work", "answered")?;
        assert!(sent.contains(&worked_on), "{worked_on:?} of {sent:?}");
        left.remove(&worked_on);
        left.is_empty().then_some(())
    };
    worker.wait_for_stderr("log the frames that the client sent", all_worked_on).unwrap();
}
