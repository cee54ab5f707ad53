//! Videos that can be read once, from their first byte on: named pipes, standard input, and what a shell substitutes.
#![cfg(unix)]

use std::fs;
use std::process::Command;

use facefleet_e2e::Process;

use crate::cases::{CLIP, CLIP_WITH_SOUND, Case, Done, FRAMES};
use crate::{media, report};

/// Has a shell run a script in the folder of the test, in which `"$0" "$@"` is the client.
#[track_caller]
fn shell(case: &Case, shell: &str, script: &str) -> Done {
    let command = case.started_by(shell, &["-c", script], &[]);
    Done::of(Process::start(shell, command).unwrap().end().unwrap())
}

/// Ways to hand over `clip.ts`, each with its shell.
const WAYS: [(&str, &str); 4] = [
    ("sh", "mkfifo pipe; cat clip.ts > pipe & exec \"$0\" \"$@\" pipe"),
    ("sh", "exec \"$0\" \"$@\" - < clip.ts"),
    ("sh", "cat clip.ts | exec \"$0\" \"$@\" -"),
    ("bash", "exec \"$0\" \"$@\" <(cat clip.ts)"),
];

#[test]
fn a_pipe_is_read_once_from_its_first_byte() {
    for (program, way) in WAYS {
        let case = Case::new();
        case.make(CLIP, "clip.ts");
        let done = shell(&case, program, &format!("{way} --json -"));
        assert_eq!(done.frames(), FRAMES, "{way}");
        let first = done.lines[0].time_s.expect("a video has times");
        assert!(first < 0.1, "{way}: the first frame is at {first} s");
    }
}

#[test]
fn the_annotated_video_of_a_pipe_is_whole_and_its_sound_is_said_to_be_lost() {
    for (program, way) in WAYS {
        let case = Case::new();
        case.make(CLIP_WITH_SOUND, "clip.ts");
        let done = shell(&case, program, &format!("{way} --json - --annotate out.mp4"));
        let out = case.path("out.mp4");
        assert_eq!((done.frames(), media::video(&out).frames), (FRAMES, FRAMES), "{way}");
        assert!(media::sound(&out).is_some() || done.says(&["sound"]), "{way}: {:#?}", done.ended.stderr);
        let mut names = case.names();
        names.remove("pipe");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["clip.ts", "out.mp4"], "{way}");
    }
}

/// An mp4 whose index stands at its start can be read as it comes.
#[test]
fn an_mp4_in_a_pipe() {
    let case = Case::new();
    case.make(&format!("{CLIP_WITH_SOUND} -movflags +faststart"), "clip.mp4");
    assert_eq!(shell(&case, "sh", "cat clip.mp4 | exec \"$0\" \"$@\" - --json -").frames(), FRAMES);
}

/// A reader gets what is written to a FIFO, and the FIFO stays one.
#[test]
fn outputs_may_be_fifos() {
    let case = Case::new();
    case.make(CLIP, "clip.mp4");
    for (flag, name) in [("--annotate", "out.mkv"), ("--json", "faces.jsonl")] {
        let fifo = case.path(name);
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let reader = std::thread::spawn({
            let fifo = fifo.clone();
            move || fs::read(fifo).unwrap()
        });
        let ended = case.run(&["clip.mp4", flag, name]);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let got = case.path("got.mkv");
        fs::write(&got, reader.join().unwrap()).unwrap();
        match flag {
            "--annotate" => assert_eq!(media::video(&got).frames, FRAMES),
            _ => report::assert_all_ok(&report::read(&got), FRAMES),
        }
        assert!(!fifo.is_file() && !fifo.is_dir(), "{name} is a FIFO still");
    }
}
