//! An annotated video is written whole or not at all, and nothing that nobody named is touched.

use std::fs;

use facefleet_e2e::{Ended, Process};

use crate::cases::{CLIP, CLIP_WITH_SOUND, Case, FRAMES, assert_same, says};
use crate::media::{self, text};
use crate::report;
use crate::start_order::wait_for_frame;

/// A hundred frames whose number stands at the start of the file.
const HUNDRED: &str = "-f lavfi -i testsrc2=s=320x240:r=25:d=4 -c:v libx264 -preset veryfast -crf 36 -g 25";

/// Words that say of a file that not all of it is there, ours and those of ffmpeg.
const EARLY: [&str; 2] = ["early", "prematurely"];

/// The client has failed, has said of OUT that it could not be written, and has not said that it was.
#[track_caller]
fn assert_not_written(ended: &Ended, out: &str, why: &str) {
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let named = |line: &&String| line.contains(out);
    assert!(ended.stderr.iter().filter(named).any(|line| line.contains(why)), "{out}, {why}: {:#?}", ended.stderr);
    let wrote = ended.stdout.iter().chain(&ended.stderr).filter(named).any(|line| line.contains("wrote"));
    assert!(!wrote, "{ended:#?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_without_room() {
    let case = Case::new();
    case.make(CLIP, "silent.mp4");
    case.make(CLIP_WITH_SOUND, "sound.mp4");
    for input in ["silent.mp4", "sound.mp4"] {
        for out in ["no-room.mkv", "no-room.mp4", "no-room.avi"] {
            std::os::unix::fs::symlink("/dev/full", case.path(out)).unwrap();
            let before = case.names();
            assert_not_written(&case.run(&[input, "--annotate", out]), out, "space");
            assert_eq!(case.names(), before);
            fs::remove_file(case.path(out)).unwrap();
        }
    }
    for flag in ["--json", "--summary"] {
        assert_not_written(&case.run(&["silent.mp4", flag, "/dev/full"]), "/dev/full", "space");
    }
}

/// A file system of so few bytes that no annotated video fits into it.
#[cfg(target_os = "linux")]
struct Tiny(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl Tiny {
    /// None: this machine cannot make one, and the test is skipped.
    #[track_caller]
    fn mount() -> Option<Tiny> {
        let folder = tempfile::tempdir().unwrap();
        let options = ["-t", "tmpfs", "-o", "size=96k", "tmpfs"];
        let mounted = std::process::Command::new("mount").args(options).arg(folder.path()).output();
        if !mounted.is_ok_and(|mounted| mounted.status.success()) {
            prerequisites::lacking("no file system can be mounted, which takes root");
            return None;
        }
        Some(Tiny(folder))
    }
}

#[cfg(target_os = "linux")]
impl Drop for Tiny {
    fn drop(&mut self) {
        // Err, or a status: it stays until the machine starts again, and is empty soon.
        let _ = std::process::Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_earlier_output_as_it_was() {
    let Some(tiny) = Tiny::mount() else { return };
    let case = Case::new();
    let noise = "-f lavfi -i testsrc2=s=320x240:r=25:d=1,noise=alls=60:allf=t";
    let h264 = "-c:v libx264 -preset veryfast -crf 20";
    case.make(&format!("{noise} {h264}"), "silent.mp4");
    case.make(&format!("{noise} -f lavfi -i sine=d=1 {h264} -c:a aac"), "sound.mp4");
    for input in ["silent.mp4", "sound.mp4"] {
        for out in ["a.mp4", "a.mkv"] {
            let path = tiny.0.path().join(out);
            fs::write(&path, "an earlier output").unwrap();
            assert_not_written(&case.run(&[input, "--annotate", text(&path)]), text(&path), "space");
            let names: Vec<_> = fs::read_dir(tiny.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names, [out]);
            assert_eq!(fs::read_to_string(&path).unwrap(), "an earlier output");
            fs::remove_file(&path).unwrap();
        }
    }
}

#[test]
fn a_client_that_is_killed_leaves_the_earlier_output_and_the_next_one_replaces_it() {
    let case = Case::new();
    case.make(CLIP_WITH_SOUND, "in.mp4");
    let out = case.path("out.mp4");
    fs::write(&out, "an earlier output").unwrap();
    let args = ["in.mp4", "--annotate", "out.mp4", "--json", "-"];
    let mut client = Process::start("client", case.command(&args)).unwrap();
    wait_for_frame(&mut client, 10);
    client.kill();
    assert_eq!(fs::read_to_string(&out).unwrap(), "an earlier output");
    case.done(&args[..3]);
    assert_eq!(media::video(&out).frames, FRAMES);
}

#[test]
fn a_file_that_is_cut_off_is_said_to_end_early() {
    let case = Case::new();
    for name in ["whole.mp4", "whole.mkv", "whole.avi"] {
        // The index of an mp4 is at its end unless that is asked for; the others know nothing of this flag.
        let index_first = if name == "whole.mp4" { "-movflags +faststart" } else { "" };
        let whole = fs::read(case.make(&format!("{HUNDRED} {index_first}"), name)).unwrap();
        assert!(!case.done(&[name]).says(&EARLY), "{name} is whole");
        let half = name.replace("whole", "half");
        fs::write(case.path(&half), &whole[..whole.len() / 2]).unwrap();
        let there = media::video(&case.path(&half)).frames;
        assert!((30..70).contains(&there), "{there} frames are there in {half}");

        let done = case.annotate(&half, "out.mp4");
        assert_eq!((done.frames(), media::video(&case.path("out.mp4")).frames), (there, there), "{half}");
        assert!(done.says(&EARLY), "{half}: {:#?}", done.ended.stderr);
        assert!(!case.done(&[&half, "--limit", "10"]).says(&EARLY), "nobody asked for what is missing in {half}");
    }
}

#[test]
fn a_file_that_is_damaged_in_the_middle_is_said_to_be() {
    let case = Case::new();
    for name in ["in.mp4", "in.mkv", "in.ts"] {
        let mut bytes = fs::read(case.make(HUNDRED, name)).unwrap();
        let middle = bytes.len() / 2;
        let noise = (0..4_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8);
        bytes.splice(middle..middle + 4_000, noise);
        fs::write(case.path(name), bytes).unwrap();
        let done = case.annotate(name, "out.mkv");
        assert!((70..=100).contains(&done.frames()), "{} frames of {name}", done.frames());
        assert_eq!(media::video(&case.path("out.mkv")).frames, done.frames(), "{name}");
        assert!(done.says(&["damaged", "corrupt"]), "{name}: {:#?}", done.ended.stderr);
    }
}

#[test]
fn files_that_nobody_named_stay_as_they_are() {
    let case = Case::new();
    case.make(CLIP_WITH_SOUND, "clip.mp4");
    fs::copy(case.path("clip.mp4"), case.path("lesson.silent.mp4")).unwrap();
    for name in ["party.silent.mp4", "party.mp4.part", ".party.mp4.part", "party.tmp.mp4", "party.mp4~"] {
        fs::write(case.path(name), "notes of which there is no other copy").unwrap();
    }
    for (input, out) in [("clip.mp4", "party.mp4"), ("lesson.silent.mp4", "lesson.mp4")] {
        assert_eq!(case.annotate(input, out).frames(), FRAMES);
        assert_eq!(media::video(&case.path(out)).frames, FRAMES);
    }
    // An output that is there is replaced: whoever names it means it.
    assert_eq!(case.annotate("clip.mp4", "lesson.mp4").frames(), FRAMES);
}

#[cfg(unix)]
#[test]
fn no_output_is_the_input_by_another_name() {
    let case = Case::new();
    let input = case.make(CLIP_WITH_SOUND, "in.mp4");
    fs::hard_link(&input, case.path("hard.mp4")).unwrap();
    std::os::unix::fs::symlink(&input, case.path("soft.mp4")).unwrap();
    let before = case.contents();
    let url = format!("file://{}", text(&input));
    for (input, out) in [
        ("in.mp4", "./in.mp4"),
        (&url, "in.mp4"),
        (&url, "hard.mp4"),
        ("in.mp4", "hard.mp4"),
        ("in.mp4", "soft.mp4"),
        ("hard.mp4", "in.mp4"),
        ("soft.mp4", "in.mp4"),
    ] {
        for flag in ["--annotate", "--json", "--summary"] {
            let ended = case.run(&[input, flag, out]);
            assert_eq!(ended.code, Some(1), "{input} {flag} {out}: {ended:#?}");
            assert!(says(&ended, &[out]), "{input} {flag} {out}: {ended:#?}");
            assert_same(&before, &case.contents());
        }
    }
}

#[test]
fn an_output_that_cannot_be_is_refused_before_the_first_frame() {
    let case = Case::new();
    case.make(CLIP, "in.mp4");
    fs::create_dir(case.path("folder.mp4")).unwrap();
    let before = case.contents();
    for (out, why) in [
        ("missing/out.mp4", "folder"),
        ("folder.mp4", "folder"),
        ("out.xyz", "xyz"),
        ("out", "format"),
        ("out.wav", "wav"),
        // Several files, of which nobody named all but one; and a single picture.
        ("out.mpd", "one file"),
        ("out.m3u8", "one file"),
        ("out.png", "png"),
    ] {
        let ended = case.run(&["in.mp4", "--annotate", out, "--json", "faces.jsonl"]);
        assert_not_written(&ended, out, why);
        assert_eq!(ended.stderr.len(), 1, "one line is enough: {:#?}", ended.stderr);
        let json = case.path("faces.jsonl");
        assert!(!json.exists() || report::read(&json).is_empty(), "{out} was refused after the first frame");
        let mut after = case.contents();
        after.remove("faces.jsonl");
        assert_same(&before, &after);
    }
}
