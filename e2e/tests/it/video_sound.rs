//! The annotated video has the sound of its source, when and as long as it sounds there, and whatever else the source carries.

use std::fs;

use facefleet_e2e::tool_in;

use crate::cases::{CLIP, CLIP_WITH_SOUND, Case, FRAMES, assert_near};
use crate::media;
use crate::tracks::Media;

/// A second of picture and of sound; the codec of the sound is to follow.
const SECOND: &str = "-f lavfi -i testsrc2=s=160x120:r=25:d=1 -f lavfi -i sine=r=48000:d=1 -c:v libx264 -preset veryfast \
                      -crf 34 -c:a";
/// What a packet of sound may add to a length, in seconds, at either end.
const PACKETS: f64 = 0.05;
/// What may be lost of a distance between picture and sound, in seconds; people see 0.04.
const DISTANCE: f64 = 0.03;

#[track_caller]
fn assert_sounds(case: &Case, out: &str, seconds: f64) {
    let sounds = Media::of(&case.path(out)).sound_seconds().unwrap_or_else(|| panic!("{out} has no sound"));
    assert_near(&format!("the sound of {out}"), sounds, seconds, PACKETS);
}

#[test]
fn sound_goes_on_after_the_last_picture() {
    let case = Case::new();
    let both = "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -f lavfi -i sine=d=7";
    case.make(&format!("{both} -c:v libx264 -preset veryfast -crf 34 -c:a aac"), "in.mp4");
    for out in ["out.mp4", "out.mkv", "out.ts"] {
        assert_eq!(case.annotate("in.mp4", out).frames(), FRAMES);
        assert_eq!(media::video(&case.path(out)).frames, FRAMES);
        assert_sounds(&case, out, 7.0);
    }
}

#[test]
fn a_limit_cuts_the_sound_with_the_picture() {
    let case = Case::new();
    case.make(CLIP_WITH_SOUND, "in.mp4");
    for out in ["out.mp4", "out.mkv"] {
        case.done(&["in.mp4", "--annotate", out, "--limit", "25"]);
        assert_eq!(media::video(&case.path(out)).frames, 25);
        assert_sounds(&case, out, 1.0);
    }
}

#[test]
fn picture_and_sound_keep_their_distance() {
    let case = Case::new();
    case.make(CLIP_WITH_SOUND, "both.mp4");
    let late = "-itsoffset 0.7 -i both.mp4 -i both.mp4 -c copy -map 0:v -map 1:a";
    for input in ["late.ts", "late.m2ts", "late.mkv", "late.mp4"] {
        case.make(late, input);
    }
    case.make(&format!("{late} -hls_time 1 -hls_playlist_type vod"), "late.m3u8");
    case.make("-itsoffset 0.5 -i both.mp4 -i both.mp4 -c copy -map 1:v -map 0:a", "early.mkv");
    for (input, out) in [
        ("late.ts", "out.mp4"),
        ("late.ts", "out.mkv"),
        ("late.ts", "out.ts"),
        ("late.m2ts", "out.mp4"),
        ("late.m3u8", "out.mp4"),
        ("late.mkv", "out.mp4"),
        ("late.mp4", "out.mkv"),
        ("early.mkv", "out.mp4"),
        ("early.mkv", "out.ts"),
    ] {
        let source = Media::of(&case.path(input));
        let distance = source.picture_after_sound().unwrap();
        assert!(distance.abs() > 0.4, "{input} is no test of anything: {distance}");
        let done = case.annotate(input, out);
        assert_eq!(done.frames(), FRAMES, "{input}");
        let found = Media::of(&case.path(out)).picture_after_sound().unwrap_or_else(|| panic!("{out} has no sound"));
        assert_near(&format!("from the sound of {input} to the picture in {out}, it"), found, distance, DISTANCE);
        let first = done.lines[0].time_s.expect("a video has times");
        assert_near(&format!("the time of the first frame of {input}"), first, source.first_picture(), 0.002);
    }
}

/// A browser that records writes into a pipe, and nothing in what it writes says how long it is.
#[test]
fn a_file_that_does_not_say_how_long_it_is_has_sound() {
    let case = Case::new();
    let both = "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -f lavfi -i sine=d=2";
    let webm = "-c:v libvpx -b:v 150k -deadline realtime -c:a libopus -f webm -live 1 pipe:1";
    let args: Vec<&str> = both.split(' ').chain(webm.split(' ')).collect();
    fs::write(case.path("in.webm"), tool_in(case.folder(), "ffmpeg", &args).unwrap()).unwrap();
    for out in ["out.mp4", "out.mkv"] {
        assert_eq!(case.annotate("in.webm", out).frames(), FRAMES);
        assert_sounds(&case, out, 2.0);
    }
}

#[test]
fn sound_that_does_not_fit_is_encoded_anew() {
    for (codec, input, out) in [
        ("flac", "in.mkv", "out.mp4"),
        ("libopus", "in.mkv", "out.mov"),
        ("libvorbis", "in.mkv", "out.mov"),
        ("pcm_s16le", "in.mov", "out.mp4"),
        ("aac", "in.mp4", "out.webm"),
        ("aac", "in.mp4", "out.ogv"),
        ("libopus", "in.mkv", "out.flv"),
    ] {
        let case = Case::new();
        case.make(&format!("{SECOND} {codec}"), input);
        assert_eq!(case.annotate(input, out).frames(), 25, "{codec} in {out}");
        assert_eq!(media::video(&case.path(out)).frames, 25, "{codec} in {out}");
        assert_sounds(&case, out, 1.0);
    }
}

#[test]
fn sound_that_cannot_be_kept_is_said() {
    let case = Case::new();
    case.make(&format!("{SECOND} aac"), "in.mp4");
    case.make(CLIP, "mute.mp4");
    for out in ["out.gif", "out.mjpeg"] {
        assert!(case.annotate("in.mp4", out).says(&["sound"]), "not a word in {out}");
        assert!(!case.annotate("mute.mp4", out).says(&["sound"]), "there is no sound to speak of");
    }
    assert!(!case.annotate("in.mp4", "out.mkv").says(&["sound"]), "it was kept");
    assert_eq!(case.annotate("mute.mp4", "out.mp4").frames(), FRAMES);
    assert!(media::sound(&case.path("out.mp4")).is_none());
}

/// Two sound tracks, subtitles, chapters, a title and a date.
fn make_film(case: &Case, name: &str) {
    fs::write(case.path("words.srt"), "1\n00:00:00,100 --> 00:00:00,900\nHello.\n").unwrap();
    let chapter = |start, end| format!("[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle=from {start}\n");
    let about = format!(";FFMETADATA1\ntitle=A day\n{}{}", chapter(0, 400), chapter(400, 1000));
    fs::write(case.path("about.txt"), about).unwrap();
    let tracks =
        "-f lavfi -i testsrc2=s=160x120:r=25:d=1 -f lavfi -i sine=r=48000:d=1 -f lavfi -i sine=f=600:r=48000:d=1";
    let maps = "-map 0:v -map 1:a -map 2:a -map 3:s -map_metadata 4 -map_chapters 4";
    let tags = "-metadata:s:a:0 language=eng -metadata:s:a:1 language=deu -metadata creation_time=2021-03-04T05:06:07Z";
    let words = if name.ends_with("mkv") { "srt" } else { "mov_text" };
    let codecs = format!("-c:v libx264 -preset veryfast -c:a aac -c:s {words}");
    case.make(&format!("{tracks} -i words.srt -i about.txt {maps} {codecs} {tags}"), name);
}

#[test]
fn all_tracks_chapters_and_tags_are_kept() {
    for (input, out) in [
        ("in.mkv", "out.mkv"),
        ("in.mkv", "out.mp4"),
        ("in.mp4", "out.mp4"),
        ("in.mp4", "out.mkv"),
        ("in.mkv", "out.ts"),
    ] {
        let case = Case::new();
        make_film(&case, input);
        let done = case.annotate(input, out);
        assert_eq!(done.frames(), 25, "{input} {out}");
        let (source, kept) = (Media::of(&case.path(input)), Media::of(&case.path(out)));
        assert_eq!(kept.times().len(), 25, "{input} {out}");
        let languages = |media: &Media| {
            media.tracks("audio").iter().filter_map(|a| a.tag("language")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(languages(&source), ["eng", "deu"]);
        assert_eq!(languages(&kept), ["eng", "deu"], "{input} {out}");
        // What a format cannot hold is said: a transport stream holds no subtitles that are text, and no chapters.
        assert!(
            kept.tracks("subtitle").len() == 1 || done.says(&["subtitle"]),
            "{input} {out}: {:#?}",
            done.ended.stderr
        );
        assert!(kept.chapters == source.chapters || done.says(&["chapter"]), "{input} {out}: {:#?}", kept.chapters);
        if out != "out.ts" {
            assert_eq!(kept.tracks("subtitle").len(), 1, "{input} {out}: {:#?}", done.ended.stderr);
            assert_eq!(kept.chapters, source.chapters, "{input} {out}");
            let tag = |name: &str| kept.format.tags.get(name).map(String::as_str);
            assert_eq!(tag("title"), Some("A day"), "{input} {out}");
            let day = tag("creation_time").is_some_and(|time| time.starts_with("2021-03-04T05:06:07"));
            assert!(day, "{input} {out}: {:?}", kept.format.tags);
        }
    }
}

/// Cameras add tracks that are neither picture nor sound, which most formats cannot hold.
#[test]
fn a_track_of_time_codes_is_no_trouble() {
    let case = Case::new();
    case.make(&format!("{SECOND} aac -timecode 01:00:00:00"), "in.mov");
    assert_eq!(Media::of(&case.path("in.mov")).tracks("data").len(), 1, "no time codes, no test");
    for out in ["out.mov", "out.mp4", "out.mkv", "out.ts", "out.avi"] {
        assert_eq!(case.annotate("in.mov", out).frames(), 25);
        assert_eq!(media::video(&case.path(out)).frames, 25, "{out}");
        assert_sounds(&case, out, 1.0);
    }
}

#[test]
fn the_last_frame_is_shown_as_long_as_in_the_source() {
    let case = Case::new();
    let colours = "-f lavfi -i color=red:s=160x120:r=5:d=0.4 -f lavfi -i color=blue:s=160x120:r=5:d=0.2";
    case.make(&format!("{colours} -filter_complex [0][1]concat -final_delay 400"), "in.gif");
    assert_near("the source", Media::of(&case.path("in.gif")).seconds(), 4.4, 0.01);
    for out in ["out.gif", "out.mp4", "out.mkv"] {
        assert_eq!(case.annotate("in.gif", out).frames(), 3);
        let kept = Media::of(&case.path(out));
        // Where a format keeps no duration of the last frame, that frame may stand at the end once more.
        assert!((3..=4).contains(&kept.times().len()), "{out}");
        assert_near(out, kept.seconds(), 4.4, 0.1);
    }
}
