//! Cameras of a network: opened once, read as fast as they send, and never waited for in silence.

use std::fs;
use std::net::UdpSocket;
use std::time::Duration;

use facefleet_e2e::camera::{Camera, Script, Then};
use facefleet_e2e::{Ended, LOOPBACK, Process, asset, tool_in};
use facefleet_service::clock;

use crate::cases::{CLIP_WITH_SOUND, Case, FRAMES, assert_near};
use crate::media;
use crate::report::{self, Line};
use crate::tracks::Media;

/// A camera that sends ten frames a second and hangs up after thirty, to one viewer.
const USUAL: Script = Script { fps: 10.0, frames: 30, then: Then::HangUp, viewers: 1 };
/// How soon a person is to be told that no picture comes.
const TOLD: Duration = Duration::from_secs(13);

/// A camera behind http, and the folder of the test.
fn motion_jpeg(script: Script) -> (Camera, Case, String) {
    let case = Case::new();
    fs::copy(asset("photos/astronaut.jpg"), case.path("photo.jpg")).unwrap();
    let jpeg = fs::read(case.make("-i photo.jpg -vf scale=256:256 -q:v 3", "frame.jpg")).unwrap();
    let camera = Camera::motion_jpeg(script, jpeg, true).unwrap();
    let url = format!("http://{}/v", camera.address());
    (camera, case, url)
}

/// The camera has ended by itself, which is an error, and each of its frames has been told.
#[track_caller]
fn assert_ended_by_camera(ended: &Ended, frames: u64) -> Vec<Line> {
    assert_eq!(ended.code, Some(1), "{:#?}", ended.stderr);
    let lines = report::parse(&ended.stdout);
    report::assert_each_once(&lines, frames);
    lines
}

/// Motion JPEG has no times of its own, so those of the arrival are taken.
#[test]
fn a_slow_camera_is_as_long_as_it_took() {
    let (_camera, case, url) = motion_jpeg(Script { fps: 5.0, frames: 20, ..USUAL });
    let lines = assert_ended_by_camera(&case.run(&[&url, "--annotate", "out.mp4", "--json", "-"]), 20);
    assert_near("the time of the last frame", lines[19].time_s.unwrap(), 3.8, 0.3);
    let kept = Media::of(&case.path("out.mp4"));
    assert_eq!(kept.times().len(), 20);
    assert_near("the video", kept.seconds(), 4.0, 0.3);
    assert_eq!(case.names().into_iter().filter(|name| name.contains("out")).collect::<Vec<_>>(), ["out.mp4"]);
}

#[test]
fn a_fast_camera_is_read_as_fast_as_it_sends() {
    let (camera, case, url) = motion_jpeg(Script { fps: 40.0, frames: 400, ..USUAL });
    let args = [url.as_str(), "--live", "--json", "-"];
    let mut client = Process::start("client", case.command(&args)).unwrap();
    let last = 199;
    crate::start_order::wait_for_frame(&mut client, last);
    let sent = camera.sent_at(usize::try_from(last).unwrap()).expect("it was answered, so it was sent");
    let lag = clock::now().saturating_duration_since(sent);
    assert!(lag < Duration::from_secs(1), "frame {last} was answered {} ms after it was sent", lag.as_millis());
}

#[test]
fn a_camera_with_room_for_one_viewer() {
    let (camera, case, url) = motion_jpeg(USUAL);
    assert_ended_by_camera(&case.run(&[&url, "--json", "-"]), 30);
    drop(camera);

    let jpeg = fs::read(case.path("frame.jpg")).unwrap();
    let camera = Camera::motion_jpeg(USUAL, jpeg, false).unwrap();
    let url = format!("http://{}/cgi-bin/mjpg?channel=1", camera.address());
    let ended = case.run(&[&url, "--json", "-"]);
    // Nothing but the start of the next frame says that a frame without a length is whole.
    assert_ended_by_camera(&ended, ended.stdout.len() as u64);
    assert!((29..=30).contains(&ended.stdout.len()), "{} frames", ended.stdout.len());
}

#[test]
fn a_program_that_takes_one_connection() {
    let case = Case::new();
    let clip = fs::read(case.make("-f lavfi -i testsrc2=s=320x240:r=25 -frames:v 30 -c:v libx264", "clip.ts")).unwrap();
    let camera = Camera::tcp(Then::HangUp, clip).unwrap();
    let url = format!("tcp://{}", camera.address());
    assert_ended_by_camera(&case.run(&[&url, "--json", "-"]), 30);
}

#[test]
fn a_camera_behind_rtsp() {
    let case = Case::new();
    let camera = rtsp(&case, USUAL);
    let url = format!("rtsp://{}/stream1", camera.address());
    let lines = assert_ended_by_camera(&case.run(&[&url, "--annotate", "out.mp4", "--json", "-"]), 30);
    assert_near("the last frame after the first", lines[29].time_s.unwrap() - lines[0].time_s.unwrap(), 2.9, 0.2);
    assert_eq!(media::video(&case.path("out.mp4")).frames, 30);
}

fn rtsp(case: &Case, script: Script) -> Camera {
    let source = "-f lavfi -i testsrc2=s=320x240:r=10 -frames:v 30 -c:v libx264 -bf 0 -g 10 -threads 1";
    let stream = format!("{source} -x264-params aud=1:slices=1 -f h264 pipe:1");
    let args: Vec<&str> = stream.split(' ').collect();
    Camera::rtsp(script, &tool_in(case.folder(), "ffmpeg", &args).unwrap()).unwrap()
}

/// A web server has files as well as cameras: they have an end, a length and sound, and may be opened twice.
#[test]
fn a_file_behind_http_is_a_file() {
    let case = Case::new();
    let clip = fs::read(case.make(&format!("{CLIP_WITH_SOUND} -movflags +faststart"), "clip.mp4")).unwrap();
    let server = Camera::file("video/mp4", clip).unwrap();
    let url = format!("http://{}/clip.mp4", server.address());
    assert_eq!(case.annotate(&url, "out.mp4").frames(), FRAMES);
    assert_eq!(media::video(&case.path("out.mp4")).frames, FRAMES);
    assert_near("the sound", Media::of(&case.path("out.mp4")).sound_seconds().expect("sound"), 2.0, 0.05);
}

/// A camera that is there and sends nothing, or nothing more, looks like one that works: somebody has to be told.
#[test]
fn silence_is_said() {
    let quiet = Script { fps: 20.0, frames: 20, then: Then::Silence, viewers: 1 };
    let (http, case, url) = motion_jpeg(quiet);
    let rtsp = rtsp(&case, Script { frames: 10, ..quiet });
    let tcp = Camera::tcp(Then::Silence, Vec::new()).unwrap();
    // Nobody sends to this port, and once it is free again nobody else gets it so soon.
    let udp = UdpSocket::bind(LOOPBACK).and_then(|socket| socket.local_addr()).unwrap();
    let urls =
        [url, format!("rtsp://{}/stream1", rtsp.address()), format!("tcp://{}", tcp.address()), format!("udp://{udp}")];
    let start = clock::now();
    let clients = urls.map(|url| {
        let client = Process::start("client", case.command(&[&url, "--json", "-"])).unwrap();
        (url, client)
    });
    for (url, mut client) in clients {
        let told = ["no picture", "no frame"];
        let tells = |line: &str| told.iter().any(|words| line.to_lowercase().contains(words)).then_some(());
        client.wait_for_stderr("say that no picture comes", tells).unwrap();
        // Two of them had pictures for the first second.
        let after = clock::now().saturating_duration_since(start);
        assert!(after < TOLD + Duration::from_secs(1), "{url}: told after {} s", after.as_secs());
    }
    drop(http);
}

/// Whoever leaves a silent camera with Ctrl-C gets what came until then.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_wait_for_a_silent_camera() {
    let (_camera, case, url) = motion_jpeg(Script { fps: 20.0, frames: 20, then: Then::Silence, viewers: 1 });
    let args = [url.as_str(), "--annotate", "out.mp4", "--json", "-"];
    let mut client = Process::start("client", case.command(&args)).unwrap();
    crate::start_order::wait_for_frame(&mut client, 18);
    client.signal(nix::sys::signal::Signal::SIGINT);
    let ended = client.end().unwrap();
    assert_eq!(ended.signal, Some(nix::sys::signal::SIGINT as i32), "a shell says 130: {:#?}", ended.stderr);
    let lines = report::parse(&ended.stdout).len() as u64;
    assert!((19..=20).contains(&lines), "{lines} frames");
    assert_eq!(media::video(&case.path("out.mp4")).frames, lines);
}
