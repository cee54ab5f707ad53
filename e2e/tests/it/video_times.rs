//! Each frame is answered once and written once, at its own time, and the encoder is told the rate of the source.

#[cfg(target_os = "linux")]
use facefleet_e2e::Process;

#[cfg(target_os = "linux")]
use crate::cases::Done;
use crate::cases::{Case, assert_near, says};
use crate::report;
use crate::tracks::Media;

/// What the times of most formats are rounded to, in seconds, and half of that for the rounding here.
const TICK: f64 = 0.0015;

/// The frames of `out` are those of `input`, each `within` so many seconds of its own time since the first.
#[track_caller]
fn assert_times_are_kept(case: &Case, input: &str, out: &str, within: f64) {
    let [source, kept] = [input, out].map(|name| Media::of(&case.path(name)).times());
    assert_eq!(kept.len(), source.len(), "{out}");
    for (frame, (kept_at, at)) in kept.iter().zip(&source).enumerate() {
        assert_near(&format!("the time of frame {frame} of {out}"), kept_at - kept[0], at - source[0], within);
    }
}

/// Fifty frames, of which the 20th to the 24th are `gap` of 1/90000 s apart.
fn make_burst(case: &Case, gap: u32, name: &str) {
    case.make("-f lavfi -i testsrc=s=160x120:r=25:d=2 -c:v libx264 -preset veryfast -crf 38 -bf 0 -g 1", "even.mp4");
    let late = |time: &str| format!("if(between(N\\,20\\,24)\\,19/25/TB+{gap}*(N-19)\\,{time})");
    let times = format!("setts=pts={}:dts={}", late("PTS"), late("DTS"));
    case.make(&format!("-i even.mp4 -c copy -video_track_timescale 90000 -bsf:v {times}"), name);
}

#[test]
fn frames_may_be_closer_than_a_millisecond() {
    let case = Case::new();
    make_burst(&case, 9, "near.mp4");
    make_burst(&case, 1, "nearest.mp4");
    // Matroska counts milliseconds, so here the frames of the burst have one time.
    case.make("-i near.mp4 -c copy", "equal.mkv");
    for (input, out) in
        [("near.mp4", "out.mp4"), ("nearest.mp4", "out.mp4"), ("equal.mkv", "out.mp4"), ("near.mp4", "out.mkv")]
    {
        assert_eq!(case.annotate(input, out).frames(), 50, "{input}");
        // A frame may be moved by a few steps of an encoder that wants each to be later than the one before.
        assert_times_are_kept(&case, input, out, 0.006);
    }
}

/// With one core, ffmpeg and the client take turns in another order.
#[cfg(target_os = "linux")]
#[test]
fn one_core_changes_nothing() {
    let case = Case::new();
    make_burst(&case, 9, "in.mp4");
    // The first core that this process may use.
    let cores = facefleet_e2e::proc::Status::of(std::process::id()).unwrap();
    let first = cores.value("Cpus_allowed_list").and_then(|list| list.split([',', '-']).next()).unwrap();
    let args = ["in.mp4", "--annotate", "out.mp4", "--json", "-"];
    let pinned = case.started_by("taskset", &["-c", first], &args);
    let done = Done::of(Process::start("client", pinned).unwrap().end().unwrap());
    assert_eq!(done.frames(), 50);
    assert_times_are_kept(&case, "in.mp4", "out.mp4", 0.006);
}

#[test]
fn two_thousand_frames_a_second() {
    let case = Case::new();
    case.make("-f lavfi -i testsrc2=s=160x120:r=2000:d=0.02 -c:v libx264 -preset veryfast -bf 0", "in.mp4");
    for out in ["out.mp4", "out.mkv"] {
        assert_eq!(case.annotate("in.mp4", out).frames(), 40);
        assert_times_are_kept(&case, "in.mp4", out, TICK);
    }
}

/// Two recordings, one after the other in one file: the clock of the second starts again.
#[test]
fn a_clock_that_is_set_back() {
    let case = Case::new();
    let one = case.make("-f lavfi -i testsrc2=s=160x120:r=25:d=1 -c:v libx264 -preset veryfast -bf 0", "one.ts");
    let one = std::fs::read(one).unwrap();
    std::fs::write(case.path("in.ts"), [&one[..], &one].concat()).unwrap();
    for out in ["out.mp4", "out.mkv"] {
        assert_eq!(case.annotate("in.ts", out).frames(), 50);
        let kept = Media::of(&case.path(out));
        assert_eq!(kept.times().len(), 50, "{out}");
        assert!(kept.times().is_sorted_by(|a, b| a < b), "{out}: {:?}", kept.times());
        assert_near(out, kept.seconds(), 2.0, 0.15);
    }
}

#[test]
fn uneven_times_are_kept() {
    let case = Case::new();
    let uneven = "-vf settb=1/1000,setpts=N*N*7+N*35 -fps_mode passthrough -enc_time_base 1:1000";
    case.make(&format!("-f lavfi -i testsrc2=s=160x120:r=10:d=2 {uneven} -c:v libx264 -preset veryfast"), "in.mkv");
    let source = Media::of(&case.path("in.mkv")).times();
    assert_eq!((source.len(), source[19]), (20, 3.192), "{source:?}");
    for out in ["out.mp4", "out.mkv", "out.mov"] {
        let done = case.annotate("in.mkv", out);
        for (line, time) in done.lines.iter().zip(&source) {
            assert_near(&format!("time_s of line {}", line.index), line.time_s.unwrap(), *time, 0.0005);
        }
        assert_times_are_kept(&case, "in.mkv", out, TICK);
    }
}

/// The level of H.264 says how fast a decoder must be: one in hardware refuses what is beyond it.
#[test]
fn the_level_is_that_of_the_picture() {
    for (size, level) in [("1280x720", 31), ("1920x1080", 40)] {
        let case = Case::new();
        case.make(&format!("-f lavfi -i testsrc2=s={size}:r=30:d=0.5 -c:v libx264 -preset veryfast -crf 34"), "in.mp4");
        assert_eq!(case.annotate("in.mp4", "out.mp4").frames(), 15);
        let kept = Media::of(&case.path("out.mp4"));
        assert_eq!((kept.picture().codec_name.as_deref(), kept.picture().level), (Some("h264"), Some(level)), "{size}");
    }
}

#[test]
fn every_ending_gets_all_frames_at_the_rate_of_the_source() {
    let case = Case::new();
    let both = "-f lavfi -i testsrc2=s=320x240:r=30:d=0.5 -f lavfi -i sine=r=48000:d=0.5";
    case.make(&format!("{both} -c:v libx264 -preset veryfast -crf 34 -c:a aac"), "in.mp4");
    let endings = ["ts", "mts", "m2ts", "mpg", "vob", "mxf", "avi", "ogv", "webm", "mkv", "mov", "flv", "m4v", "wmv"];
    for ending in endings {
        let out = format!("out.{ending}");
        assert_eq!(case.annotate("in.mp4", &out).frames(), 15, "{out}");
        // An AVI counts frames, so sound that begins between two moves the picture to the next.
        assert_times_are_kept(&case, "in.mp4", &out, if ending == "avi" { 0.034 } else { TICK });
        let kept = Media::of(&case.path(&out));
        assert_near(&format!("the rate of {out}"), kept.picture().rate(), 30.0, 0.3);
        let sounds = kept.sound_seconds().unwrap_or_else(|| panic!("{out} has no sound"));
        assert_near(&format!("the sound of {out}"), sounds, 0.5, 0.06);
    }
}

#[test]
fn rates_of_television_and_of_nobody_else() {
    for (rate, out) in [
        ("24000/1001", "out.mpg"),
        ("30000/1001", "out.mxf"),
        ("30000/1001", "out.avi"),
        ("30000/1001", "out.mkv"),
        ("60000/1001", "out.ts"),
        ("12", "out.avi"),
        ("12", "out.ts"),
        ("12", "out.ogv"),
    ] {
        let case = Case::new();
        case.make(
            &format!("-f lavfi -i testsrc2=s=160x120:r={rate} -frames:v 20 -c:v libx264 -preset veryfast"),
            "in.mp4",
        );
        assert_eq!(case.annotate("in.mp4", out).frames(), 20, "{rate} in {out}");
        assert_times_are_kept(&case, "in.mp4", out, TICK);
    }
}

/// MPEG-1 and MPEG-2 know eight rates, and 10 is none of them.
#[test]
fn a_rate_that_the_output_cannot_have_is_met_or_refused_before_the_first_frame() {
    let case = Case::new();
    case.make("-f lavfi -i testsrc2=s=160x120:r=10:d=2 -c:v libx264 -preset veryfast", "in.mp4");
    let ended = case.run(&["in.mp4", "--annotate", "out.mpg", "--json", "faces.jsonl"]);
    let json = case.path("faces.jsonl");
    if ended.code == Some(0) {
        report::assert_all_ok(&report::read(&json), 20);
        // At a greater rate some frames are shown twice, which is said.
        let kept = Media::of(&case.path("out.mpg"));
        assert!(kept.times().len() == 20 || says(&ended, &["out.mpg", "for the 20 of the source"]), "{ended:#?}");
        assert_near("the video", kept.seconds(), 2.0, 0.1);
    } else {
        assert!(says(&ended, &["out.mpg"]), "{ended:#?}");
        assert!(!json.exists() || report::read(&json).is_empty(), "refused after the work: {ended:#?}");
        assert!(!case.path("out.mpg").exists());
    }
}
