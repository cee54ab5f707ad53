//! Workers that do not keep to the contract: what they cost is time.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use facefleet_e2e::{Ended, LOOPBACK, Process, Service, asset, client};
use facefleet_proto::wire::{AnalyzeResult, FaceBox, FrameFailed, FrameOk, analyze_result::Outcome};
use tonic::Status;

use crate::fake_worker::{Behaviour, FakeWorker};
use crate::media::text;
use crate::report::{self, Line};
use crate::strangers::Stranger;

const FRAMES: u64 = 30;

#[test]
fn one_that_quits_with_the_last_frame_is_used_again() {
    let has_quit = AtomicBool::new(false);
    let quits = Behaviour::answers(move |right| has_quit.swap(true, Ordering::Relaxed).then(|| vec![right]));
    let ended = alone(quits, 1);
    assert!(ended.stderr.iter().any(|line| line.contains("1 sent again")), "{:?}", ended.stderr);
}

#[test]
fn one_that_answers_twice_is_counted_once() {
    let ended = alone(Behaviour::answers(|right| Some(vec![right.clone(), right])), 4);
    assert!(ended.stderr.iter().any(|line| line.contains("late answers ignored")), "{:?}", ended.stderr);
}

#[test]
fn one_that_answers_what_it_was_not_asked_is_lost() {
    let unasked = |right: AnalyzeResult| AnalyzeResult { seq: right.seq + 1_000_000, ..right };
    let master = Service::master(LOOPBACK).unwrap();
    let worker = FakeWorker::start(Behaviour::one_each(unasked), master.address);
    let said = "it answered a frame twice, or one that it was not sent";
    assert_replaced(&master, worker.address, &["lost", said]);
}

#[test]
fn one_whose_boxes_are_none_is_lost() {
    let boxes = [
        FaceBox { x: f32::NAN, ..good_box() },
        FaceBox { width: f32::INFINITY, ..good_box() },
        FaceBox { height: -40.0, ..good_box() },
        FaceBox { y: 1e9, ..good_box() },
        FaceBox { score: f32::NAN, ..good_box() },
    ];
    for face in boxes {
        let master = Service::master(LOOPBACK).unwrap();
        let worker = FakeWorker::start(finds(face), master.address);
        assert_replaced(&master, worker.address, &["lost", "it sent nonsense: FaceBox"]);
    }
}

#[test]
fn one_that_sends_a_gigabyte_is_lost_before_it_is_sent() {
    let master = Service::master(LOOPBACK).unwrap();
    let (stranger, sent) = Stranger::who_floods(master.address);
    let mut client = run(&arguments(master.address, FRAMES));
    wait_until_said(&mut client, stranger.address, &["lost", "message length too large", "1073741824"]);
    #[cfg(target_os = "linux")]
    {
        let peak = crate::system::peak_memory_kib(client.id()).expect("it waits for a better worker");
        assert!(peak < 64 << 10, "{peak} KiB");
    }
    assert_done_by_another(client, &master);
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < 64 << 20, "{sent} bytes of it were taken");
}

#[test]
fn one_that_refuses_every_stream_is_not_used() {
    let master = Service::master(LOOPBACK).unwrap();
    let worker = FakeWorker::start(Behaviour::Refuses(Status::internal("on fire")), master.address);
    assert_replaced(&master, worker.address, &["cannot use", "trying again", "on fire"]);
}

#[test]
fn others_that_listen_where_a_worker_was_to_be_are_not_used() {
    let noise: Vec<u8> = (0..5000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let http1 = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    for says in [&http1[..], &noise, b""] {
        let master = Service::master(LOOPBACK).unwrap();
        let stranger = Stranger::who_says(says, master.address);
        assert_replaced(&master, stranger.address, &["cannot use", "trying again"]);
    }
}

/// A failure is the fault of the worker as soon as another worker can do what this one could not.
#[test]
fn one_that_fails_every_frame_costs_none() {
    let master = Service::master(LOOPBACK).unwrap();
    let bad = FakeWorker::start(fails(), master.address);
    let mut good = Service::worker("worker-1", master.address).unwrap();
    good.joined().unwrap();
    let ended = run(&arguments(master.address, FRAMES)).end().unwrap();
    assert_done(&ended);
    assert_eq!(report::workers(&report::parse(&ended.stdout)), ["worker-1"].into());
    let at = bad.address.to_string();
    assert!(ended.stderr.iter().all(|line| !line.contains("failed (")), "{:#?}", ended.stderr);
    let lost = |line: &String| line.contains(&at) && line.contains("it fails frames that another worker can do");
    assert!(ended.stderr.iter().any(lost), "{:#?}", ended.stderr);
}

#[test]
fn frames_that_fail_at_three_workers_have_failed() {
    let master = Service::master(LOOPBACK).unwrap();
    let _workers = [(); 3].map(|()| FakeWorker::start(fails(), master.address));
    let ended = run(&arguments(master.address, FRAMES)).end().unwrap();
    assert_eq!(ended.code, Some(1), "{:#?}", ended.stderr);
    let balance = format!("sent {FRAMES} = ok 0 + dropped 0 + failed {FRAMES} ({FRAMES} out_of_order)");
    let none = format!("none of the {FRAMES} frames could be processed");
    for said in [&balance, &none] {
        assert!(ended.stderr.iter().any(|line| line.contains(said)), "no {said} in {:#?}", ended.stderr);
    }
    let lines = report::parse(&ended.stdout);
    report::assert_each_once(&lines, FRAMES);
    assert!(lines.iter().all(|line| line.reason.as_deref() == Some("out_of_order")), "{lines:#?}");
}

#[test]
fn a_frame_that_ends_every_worker_is_the_only_one_that_fails() {
    const POISON: u64 = 12;
    let master = Service::master(LOOPBACK).unwrap();
    let dies = || Behaviour::answers(|right| (right.seq != POISON).then(|| vec![right]));
    let _workers = [(); 3].map(|()| FakeWorker::start(dies(), master.address));
    let ended = run(&arguments(master.address, FRAMES)).end().unwrap();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.stderr);
    let balance = format!("sent {FRAMES} = ok {} + dropped 0 + failed 1 (1 worker_lost)", FRAMES - 1);
    assert!(ended.stderr.iter().any(|line| line.contains(&balance)), "no {balance} in {:#?}", ended.stderr);
    let lines = report::parse(&ended.stdout);
    report::assert_each_once(&lines, FRAMES);
    let bad: Vec<&Line> = lines.iter().filter(|line| line.outcome != "ok").collect();
    let [Line { index: POISON, reason: Some(reason), .. }] = &bad[..] else { panic!("{bad:#?}") };
    assert_eq!(reason, "worker_lost");
    let lost = ended.stderr.iter().filter(|line| line.contains("lost 127.0.0.1:")).count();
    assert_eq!(lost, 3, "{:#?}", ended.stderr);
}

fn good_box() -> FaceBox {
    FaceBox { x: 10.0, y: 10.0, width: 40.0, height: 40.0, score: 5.0, landmarks: Vec::new() }
}

fn finds(face: FaceBox) -> Behaviour {
    let found = Outcome::Ok(FrameOk { faces: vec![face], ..FrameOk::default() });
    Behaviour::one_each(move |right| AnalyzeResult { outcome: Some(found.clone()), ..right })
}

/// A worker blames itself for every frame.
fn fails() -> Behaviour {
    let failed = FrameFailed { code: "out_of_order".into(), message: "it is broken".into(), elsewhere: true };
    Behaviour::one_each(move |right| AnalyzeResult { outcome: Some(Outcome::Failed(failed.clone())), ..right })
}

fn arguments(master: SocketAddr, frames: u64) -> Vec<String> {
    let (video, master, frames) = (asset("demo.mp4"), master.to_string(), frames.to_string());
    ["run", text(&video), "--master", &master, "--limit", &frames, "--json", "-"].map(str::to_owned).into()
}

fn run(arguments: &[String]) -> Process {
    client(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).unwrap()
}

/// Runs the first `frames` frames over this worker alone, and holds that all are answered once.
fn alone(behaviour: Behaviour, frames: u64) -> Ended {
    let master = Service::master(LOOPBACK).unwrap();
    let _worker = FakeWorker::start(behaviour, master.address);
    let ended = run(&arguments(master.address, frames)).end().unwrap();
    report::assert_balanced(&ended, frames);
    report::assert_all_ok(&report::parse(&ended.stdout), frames);
    ended
}

/// A client that has only the worker at `address` says all this of it, in one line. When a good worker comes, it is used,
/// and nothing is missing.
#[track_caller]
fn assert_replaced(master: &Service, address: SocketAddr, says: &[&str]) {
    let mut client = run(&arguments(master.address, FRAMES));
    wait_until_said(&mut client, address, says);
    assert_done_by_another(client, master);
}

fn wait_until_said(client: &mut Process, address: SocketAddr, says: &[&str]) {
    let at = address.to_string();
    let says = [&[at.as_str()], says].concat();
    let all = |line: &str| says.iter().all(|text| line.contains(text)).then_some(());
    client.wait_for_stderr(&format!("say {says:?}"), all).unwrap();
}

#[track_caller]
fn assert_done_by_another(client: Process, master: &Service) {
    let _good = Service::worker("worker-1", master.address).unwrap();
    let ended = client.end().unwrap();
    assert_done(&ended);
    assert_eq!(report::workers(&report::parse(&ended.stdout)), ["worker-1"].into());
}

#[track_caller]
fn assert_done(ended: &Ended) {
    report::assert_balanced(ended, FRAMES);
    report::assert_all_ok(&report::parse(&ended.stdout), FRAMES);
}
