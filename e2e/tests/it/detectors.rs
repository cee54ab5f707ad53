//! Detectors that a client asks for, in clusters where not every worker has them.

use facefleet_e2e::{LOOPBACK, Service, asset, client};
use tonic::Status;

use crate::fake_worker::{Behaviour, FakeWorker};
use crate::media::text;
use crate::report::{self, Face};

const FRAMES: u64 = 20;

#[test]
fn frames_go_only_to_workers_with_the_detector() {
    let master = Service::master(LOOPBACK).unwrap();
    let _other = FakeWorker::start(Behaviour::instant(), master.address);
    let (video, at, limit) = (asset("demo.mp4"), master.address.to_string(), FRAMES.to_string());
    let plain = ["run", text(&video), "--master", &at, "--limit", &limit, "--json", "-"];
    let asking = [&plain[..], &["--detector", "yunet"]].concat();

    let ended = client(&plain).unwrap().end().unwrap();
    report::assert_balanced(&ended, FRAMES);
    assert_eq!(report::workers(&report::parse(&ended.stdout)), ["instant"].into(), "no detector is asked for");

    let mut asks = client(&asking).unwrap();
    let waits = |line: &str| line.contains("no worker has the detector `yunet`").then_some(());
    asks.wait_for_stderr("say what it waits for", waits).unwrap();
    let mut worker = Service::worker("worker-1", master.address).unwrap();
    worker.joined().unwrap();
    let ended = asks.end().unwrap();
    report::assert_balanced(&ended, FRAMES);
    let lines = report::parse(&ended.stdout);
    report::assert_all_ok(&lines, FRAMES);
    assert_eq!(report::workers(&lines), ["worker-1"].into());
    let faces: Vec<&Face> = lines.iter().flat_map(|line| line.faces.as_ref().unwrap()).collect();
    assert!(lines.iter().all(|line| line.count_of_faces() > 0), "there is a face in each of these frames");
    assert!(faces.iter().all(|face| face.score <= 1.0), "these are not the scores of yunet");
    assert!(faces.iter().all(|face| face.landmarks.is_none()), "nobody has asked for landmarks");
}

#[test]
fn a_worker_that_refuses_is_left_out() {
    let master = Service::master(LOOPBACK).unwrap();
    let refuses = Behaviour::Refuses(Status::invalid_argument("AnalyzeOpen.detector: there is none of this name"));
    let _liar = FakeWorker::with_detector("yunet", refuses, master.address);
    let (video, at, limit) = (asset("demo.mp4"), master.address.to_string(), FRAMES.to_string());
    let asking = ["run", text(&video), "--master", &at, "--limit", &limit, "--json", "-", "--detector", "yunet"];
    let mut asks = client(&asking).unwrap();
    let refused =
        |line: &str| (line.contains("cannot use") && line.contains("there is none of this name")).then_some(());
    asks.wait_for_stderr("say that the worker is of no use", refused).unwrap();
    let _worker = Service::worker("worker-1", master.address).unwrap();
    let ended = asks.end().unwrap();
    report::assert_balanced(&ended, FRAMES);
    let lines = report::parse(&ended.stdout);
    report::assert_all_ok(&lines, FRAMES);
    assert_eq!(report::workers(&lines), ["worker-1"].into());
}

#[test]
fn landmarks_are_told_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let (source, out) = (asset("photos/astronaut.jpg"), folder.path().join("out.png"));
    let wishes = ["--local", "--workers", "1", "--detector", "yunet", "--detect-size", "320", "--landmarks"];
    let outputs = ["--annotate", text(&out), "--json", "-"];
    let ended = client(&[&["run", text(&source)], &wishes[..], &outputs].concat()).unwrap().end().unwrap();
    report::assert_balanced(&ended, 1);
    let lines = report::parse(&ended.stdout);
    let [Face { place: [left, top, width, height], landmarks: Some(landmarks), .. }] =
        lines[0].faces.as_deref().unwrap()
    else {
        panic!("{lines:?}")
    };
    let [right_eye, left_eye, nose, right_mouth, left_mouth] = landmarks;
    assert!(right_eye[0] < nose[0] && nose[0] < left_eye[0] && right_mouth[0] < left_mouth[0], "{landmarks:?}");
    assert!(right_eye[1] < nose[1] && nose[1] < right_mouth[1] && left_eye[1] < left_mouth[1], "{landmarks:?}");
    let drawn = image::open(&out).unwrap().into_rgb8();
    for [x, y] in landmarks {
        assert!((*left..left + width).contains(x) && (*top..top + height).contains(y), "[{x}, {y}] is outside its box");
        let image::Rgb([r, g, b]) = *drawn.get_pixel(*x as u32, *y as u32);
        assert!(g > r.saturating_add(60) && g > b.saturating_add(60), "no green dot at [{x}, {y}]: {r} {g} {b}");
    }
}
