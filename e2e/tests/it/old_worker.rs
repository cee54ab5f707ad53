//! A worker of the programs that came before, and our client.

use facefleet_e2e::{LOOPBACK, Service, asset, client};
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

use crate::fake_worker::{Behaviour, FakeWorker};
use crate::media::{self, Video, text};
use crate::report;

const FRAMES: u64 = 50;

#[test]
fn the_client_falls_back_to_pictures() {
    let orange = Rgb([240, 120, 20]);
    let mut picture = Vec::new();
    JpegEncoder::new(&mut picture).encode_image(&RgbImage::from_pixel(500, 400, orange)).unwrap();
    let master = Service::master(LOOPBACK).unwrap();
    let worker = FakeWorker::start(Behaviour::Old(picture.into()), master.address);

    let folder = tempfile::tempdir().unwrap();
    let annotated = folder.path().join("annotated.mp4");
    let (source, at) = (asset("demo.mp4"), master.address.to_string());
    let limit = FRAMES.to_string();
    let run = ["run", text(&source), "--master", &at, "--limit", &limit, "--detect-size", "640"];
    let outputs = ["--annotate", text(&annotated), "--json", "-"];
    let ended = client(&[&run[..], &outputs].concat()).unwrap().end().unwrap();

    report::assert_balanced(&ended, FRAMES);
    let lines = report::parse(&ended.stdout);
    report::assert_all_ok(&lines, FRAMES);
    assert!(ended.stdout.iter().all(|line| line.contains(r#""faces":null"#)), "nobody has counted faces");
    let told = |line: &&String| line.contains("old worker") && line.contains("--detect-size");
    assert_eq!(ended.stderr.iter().filter(told).count(), 1, "{:?}", ended.stderr);
    assert_eq!(report::workers(&lines), [worker.address.to_string().as_str()].into());

    assert_eq!(media::video(&annotated), Video { frames: FRAMES, ..media::video(&source) });
    let frame = media::frame(&annotated, FRAMES / 2);
    let far = frame.pixels().flat_map(|p| p.0.into_iter().zip(orange.0)).map(|(a, b)| a.abs_diff(b)).max();
    assert!(far <= Some(12), "the worker's picture is off by {far:?}");
}
