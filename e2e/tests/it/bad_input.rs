//! Whatever is wrong is said in one line, by the right exit code, and costs nobody else anything.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use facefleet_e2e::{Cluster, Ended, LOOPBACK, Process, Program, asset, client};
use tempfile::TempDir;

use crate::fixed::{Peer, VideoFrame};
use crate::media::text;
use crate::report;
use crate::start_order::nobody;

/// The program has ended with 1 and one line, in which all of `says` stands.
#[track_caller]
fn assert_fails(ended: &Ended, says: &[&str]) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stderr.len(), 1, "one line is enough: {:#?}", ended.stderr);
    assert_says(ended, says);
}

/// The program has ended with 2, and says how it is used.
#[track_caller]
fn assert_wrong_usage(ended: &Ended, says: &[&str]) {
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_says(ended, says);
}

#[track_caller]
fn assert_says(ended: &Ended, says: &[&str]) {
    let said = ended.stderr.join("\n");
    let missing: Vec<_> = says.iter().filter(|text| !said.contains(**text)).collect();
    assert!(missing.is_empty(), "{missing:?} is not in: {said}");
}

fn run(program: Program, args: &[&str]) -> Ended {
    let mut command = program.command().unwrap();
    command.args(args);
    Process::start(program.name(), command).unwrap().end().unwrap()
}

struct Files(TempDir);

impl Files {
    fn new() -> Files {
        Files(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }
}

#[test]
fn inputs_that_are_no_video() {
    let files = Files::new();
    let noise: Vec<u8> = (0..5000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::create_dir(files.path("no pictures")).unwrap();
    let song = files.path("song.m4a");
    facefleet_e2e::tool("ffmpeg", &["-f", "lavfi", "-i", "sine", "-t", "0.2", text(&song)]).unwrap();
    let cases = [
        (files.path("missing.mp4"), &["cannot read"][..]),
        (files.write("empty.mp4", b""), &["is empty", "nothing to read"]),
        (files.path("no pictures"), &["has no pictures", "JPEG, PNG"]),
        (files.write("noise.mp4", &noise), &["ffprobe could not read"]),
        (files.write("text.mp4", b"These are words.\nThey do not move.\n"), &["ffprobe could not read"]),
        (song, &["ffprobe could not read", "there is no video in it"]),
    ];
    for (input, says) in cases {
        let ended = run(Program::Client, &["run", text(&input), "--local"]);
        assert_fails(&ended, &[&[text(&input)], says].concat());
    }
}

#[test]
fn wishes_that_do_not_fit_the_input() {
    let (video, photo) = (asset("demo.mp4"), asset("photos/astronaut.jpg"));
    let ended = run(Program::Client, &["run", text(&video), "--local", "--max-age", "100"]);
    assert_fails(&ended, &["--max-age is only for live streams", "add --live"]);
    assert_fails(&run(Program::Client, &["run", text(&photo), "--local", "--live"]), &["--live", text(&photo)]);
}

#[test]
fn outputs_that_cannot_be_written() {
    let files = Files::new();
    let source = files.path("source.mp4");
    fs::copy(asset("demo.mp4"), &source).unwrap();
    let (missing, inside) = (files.path("missing"), files.path("missing/out"));
    for flag in ["--annotate", "--json", "--summary"] {
        let ended = run(Program::Client, &["run", text(&source), "--local", flag, text(&inside)]);
        assert_fails(&ended, &["cannot write", text(&inside), "there is no folder", text(&missing)]);
    }
    let ended = run(Program::Client, &["run", text(&source), "--local", "--annotate", text(&source)]);
    assert_fails(&ended, &[text(&source), "is the input itself", "choose another name"]);
    assert_eq!(fs::read(&source).unwrap(), fs::read(asset("demo.mp4")).unwrap(), "the input was harmed");
}

#[test]
fn without_ffmpeg() {
    let files = Files::new();
    let mut command = Program::Client.command().unwrap();
    command.args(["run", text(&asset("demo.mp4")), "--local"]).env("PATH", files.0.path());
    let ended = Process::start("client", command).unwrap().end().unwrap();
    assert_fails(&ended, &["is not installed, or not in PATH", "install ffmpeg"]);
}

#[test]
fn a_master_that_is_not_there() {
    let address = nobody().to_string();
    let ended = client(&["nodes", "--master", &address]).unwrap().end().unwrap();
    assert_fails(&ended, &["cannot ask the master at", &address]);
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind(LOOPBACK).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let says = ["cannot listen on", &address, "--listen"];
    assert_fails(&run(Program::Master, &["--listen", &address]), &says);
    assert_fails(&run(Program::Worker, &["--listen", &address, "--master", "127.0.0.1:1"]), &says);
}

#[test]
fn values_that_make_no_sense() {
    let master = ["--master", "127.0.0.1:1"];
    for (flag, value) in [("--weight", "0"), ("--weight", "-1"), ("--threads", "0"), ("--name", "")] {
        let ended = run(Program::Worker, &[&master[..], &[&format!("{flag}={value}")]].concat());
        assert_wrong_usage(&ended, &[flag, value]);
    }
    for (flag, value) in [
        ("--workers", "0"),
        ("--clients", "0"),
        ("--limit", "-3"),
        ("--master", "pi"),
        ("--max-age", "0"),
        ("--max-age", "half a second"),
        ("--priority", "101"),
    ] {
        let ended = run(Program::Client, &["run", "a.mp4", &format!("{flag}={value}")]);
        assert_wrong_usage(&ended, &[flag, value]);
    }
    assert_wrong_usage(&run(Program::Worker, &["--master", "pi"]), &["--master", "pi"]);
    assert_wrong_usage(&run(Program::Master, &["--listen", "localhost"]), &["--listen", "localhost"]);
}

/// The JPEG with another width and height in its header.
fn with_size(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = jpeg.to_vec();
    // A start-of-frame segment: marker, two bytes of length, one of precision, height, width.
    let at = jpeg.windows(4).position(|w| w == [0xFF, 0xC0, 0x00, 0x11]).expect("a baseline JPEG of three components");
    jpeg[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

#[test]
fn bad_pictures_between_good_ones() {
    let files = Files::new();
    let good = fs::read(asset("photos/astronaut.jpg")).unwrap();
    let png = files.path("png.png");
    image::open(asset("photos/astronaut.jpg")).unwrap().save(&png).unwrap();
    let png = fs::read(png).unwrap();
    let cases: [(&str, &[u8], Option<&str>); 8] = [
        ("00-good.jpg", &good, None),
        ("01-cut.jpg", &good[..good.len() / 2], Some("truncated")),
        ("02-good.jpg", &good, None),
        ("03-zero.jpg", &with_size(&good, 0, 0), Some("zero_size")),
        ("04-huge.jpg", &with_size(&good, 60_000, 60_000), Some("unreadable")),
        // The client looks at the bytes, not at the name.
        ("07-png.jpg", &png, None),
        ("08-cut.png.jpg", &png[..png.len() / 2], Some("unreadable")),
        ("09-good.jpg", &good, None),
    ];
    let folder = files.path("pictures");
    fs::create_dir(&folder).unwrap();
    let no_pictures: [(&str, &[u8]); 2] = [("05-empty.jpg", b""), ("06-words.jpg", b"These are words.")];
    for (name, bytes) in cases.map(|(name, bytes, _)| (name, bytes)).into_iter().chain(no_pictures) {
        fs::write(folder.join(name), bytes).unwrap();
    }
    let cluster = Cluster::start(1).unwrap();
    let out = files.path("out");
    let ended = cluster.run(&[text(&folder), "--annotate", text(&out), "--json", "-"]).unwrap().end().unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines = report::parse(&ended.stdout);
    assert_eq!(lines.len(), cases.len());
    for (line, (name, _, reason)) in lines.iter().zip(cases) {
        let outcome = if reason.is_none() { "ok" } else { "failed" };
        assert_eq!((line.outcome.as_str(), line.reason.as_deref()), (outcome, reason), "{name}");
        assert_eq!(line.count_of_faces(), usize::from(reason.is_none()), "{name}");
        assert_eq!(line.message.is_some(), reason.is_some(), "{name}");
        assert_eq!(Path::new(&out).join(name).exists(), reason.is_none(), "{name}");
    }
    let balance = "sent 8 = ok 4 + dropped 0 + failed 4 (1 truncated, 2 unreadable, 1 zero_size)";
    let left_out = "2 files that are no pictures and no videos (05-empty.jpg, 06-words.jpg)";
    assert_says(&ended, &[balance, left_out, "4 of 8 pictures are missing from"]);
    assert_works(&cluster);
}

#[tokio::test]
async fn bad_bytes_from_an_old_client() {
    let cluster = Cluster::start(1).unwrap();
    let good = fs::read(asset("photos/astronaut.jpg")).unwrap();
    let mut png = std::io::Cursor::new(Vec::new());
    image::open(asset("photos/astronaut.jpg")).unwrap().write_to(&mut png, image::ImageFormat::Png).unwrap();
    let frames = [&good[..], png.get_ref(), b"", &good[..700], &with_size(&good, 60_000, 60_000), &good];
    let frames = frames.map(VideoFrame::of);
    let mut peer = Peer::connect(cluster.workers[0].address).await;
    let replies = peer.push_and_pull(frames.clone().into()).await.unwrap();
    let answered: Vec<bool> = replies.iter().map(|reply| reply.size > 0).collect();
    assert_eq!(answered, [true, false, false, false, false, true], "a bad frame is answered, with nothing");
    assert_eq!(replies[1], VideoFrame::default());

    let status = peer.unary::<_, crate::fixed::Empty>("/VideoStream/SendFream", frames[1].clone()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert!(status.message().contains("not a JPEG but a PNG"), "{status}");
    let status = peer.push("/VideoStream/FaceDetection", frames.into()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert!(status.message().contains("4 of 6 frames could not be worked on"), "{status}");
    assert_works(&cluster);
}

/// The worker does its work as before.
fn assert_works(cluster: &Cluster) {
    let photo = asset("photos/astronaut.jpg");
    report::assert_balanced(&cluster.run(&[text(&photo), "--json", "-"]).unwrap().end().unwrap(), 1);
}
