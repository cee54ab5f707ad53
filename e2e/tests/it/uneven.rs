//! A video whose frames are not evenly spaced, as a phone's.

use facefleet_e2e::{LOOPBACK, Service, asset, client, tool};

use crate::fake_worker::{Behaviour, FakeWorker};
use crate::media::{self, text};

#[test]
fn every_frame_keeps_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let (source, annotated) = (folder.path().join("phone.mkv"), folder.path().join("annotated.mp4"));
    // Now and then late by a few milliseconds, and a second of nothing; odd sides, too.
    let times = "scale=161:91,settb=1/1000,setpts=N*40+7*mod(N\\,3)+1000*gt(N\\,20)";
    let video = asset("demo.mp4");
    let made = ["-i", text(&video), "-frames:v", "40", "-an", "-vf", times];
    let kept = ["-fps_mode", "passthrough", "-enc_time_base", "1:1000", "-c:v", "ffv1", text(&source)];
    tool("ffmpeg", &[&made[..], &kept].concat()).unwrap();
    let expected: Vec<u64> = (0..40).map(|n| n * 40 + 7 * (n % 3) + if n > 20 { 1000 } else { 0 }).collect();
    assert_eq!(media::times_ms(&source), expected);

    let master = Service::master(LOOPBACK).unwrap();
    let _worker = FakeWorker::start(Behaviour::instant(), master.address);
    let at = master.address.to_string();
    let ended =
        client(&["run", text(&source), "--master", &at, "--annotate", text(&annotated)]).unwrap().end().unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(media::times_ms(&annotated), expected);
}
