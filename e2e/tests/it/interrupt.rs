//! Ctrl-C, or SIGTERM, in the middle of a run.
#![cfg(target_os = "linux")]

use facefleet_e2e::{Cluster, asset};
use nix::sys::signal::Signal;

use crate::media::{self, text};
use crate::report;
use crate::start_order::wait_for_frame;
use crate::system;

#[test]
fn what_was_done_until_ctrl_c_is_kept() {
    assert_kept(Signal::SIGINT);
}

#[test]
fn what_was_done_until_sigterm_is_kept() {
    assert_kept(Signal::SIGTERM);
}

/// What the signal leaves is a whole video and whole lines.
#[track_caller]
fn assert_kept(signal: Signal) {
    let cluster = Cluster::start(2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let annotated = folder.path().join("annotated.mp4");
    let mut client = cluster.run(&[text(&asset("demo.mp4")), "--annotate", text(&annotated), "--json", "-"]).unwrap();
    wait_for_frame(&mut client, 20);
    let ffmpegs = system::children(client.id(), "ffmpeg");
    assert_eq!(ffmpegs.len(), 2, "one reads and one writes");
    client.signal(signal);
    let ended = client.end().unwrap();
    // So that a shell ends its loop, too.
    assert_eq!(ended.signal, Some(signal as i32), "{ended:?}");
    let stopped = format!("stopped at frame {} of 250; the outputs are whole up to there", ended.stdout.len());
    assert!(ended.stderr.iter().any(|line| line.contains(&stopped)), "{:?}", ended.stderr);

    let lines = report::parse(&ended.stdout);
    let frames = lines.len() as u64;
    assert!((21..250).contains(&frames), "{frames} frames");
    let indices: Vec<u64> = lines.iter().map(|line| line.index).collect();
    assert_eq!(indices, (0..frames).collect::<Vec<_>>());
    let ends = |line: &report::Line| {
        matches!((&*line.outcome, line.reason.as_deref()), ("ok", None) | ("dropped", Some("interrupted")))
    };
    assert!(lines.iter().all(ends), "{lines:#?}");
    assert!(ended.stderr.iter().any(|line| line.contains(&format!("sent {frames} = ok"))), "{:?}", ended.stderr);
    assert_eq!(media::video(&annotated).frames, frames);
    let (picture, sound) = (media::seconds(&annotated, "v:0"), media::seconds(&annotated, "a:0"));
    assert!((picture - sound).abs() < 0.1, "{picture} s of picture, {sound} s of sound");
    assert!(!ffmpegs.iter().any(|id| system::is_running(*id, "ffmpeg")), "an ffmpeg was left behind");
}
