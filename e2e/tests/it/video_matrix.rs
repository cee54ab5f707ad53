//! Containers, codecs, rates and pixel formats that people have: whatever the source is, the annotated video is like it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use facefleet_e2e::{Cluster, client, tool};

use crate::cases::Case;
use crate::media::text;
use crate::patches;
use crate::report;
use crate::tracks::Media;

/// A source: ending, video encoder with its flags, pixel format, frames a second, and sound encoder, if there is sound.
type Source = (&'static str, &'static str, &'static str, &'static str, &'static str);

const X264: &str = "libx264 -preset veryfast -qp 4";
const X265: &str = "libx265 -preset ultrafast -crf 8 -x265-params log-level=none";
const VP8: &str = "libvpx -deadline realtime -b:v 1M";
const VP9: &str = "libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 1M";
const AV1: &str = "libsvtav1 -preset 12 -crf 20";
const MPEG1: &str = "mpeg1video -q:v 2";
const MPEG2: &str = "mpeg2video -q:v 2";
const MPEG4: &str = "mpeg4 -q:v 2";
const MJPEG: &str = "mjpeg -q:v 2";
const THEORA: &str = "libtheora -q:v 10 -g 1";

const SOURCES: [Source; 78] = [
    ("mp4", X264, "yuv420p", "25", "aac"),
    ("mp4", X264, "yuv422p", "30000/1001", "aac"),
    ("mp4", X264, "yuv444p", "24", "libmp3lame"),
    ("mp4", X264, "gray", "50", "aac"),
    ("mp4", X264, "yuvj420p", "60", "aac"),
    ("mp4", X264, "yuv420p10le", "24000/1001", "ac3"),
    ("mp4", "libx264rgb -qp 4", "rgb24", "10", ""),
    ("mp4", X265, "yuv420p", "25", "aac"),
    ("mp4", X265, "yuv420p10le", "60000/1001", "eac3"),
    ("mp4", X265, "yuv444p", "30", "aac"),
    ("mp4", MPEG4, "yuv420p", "30", "libmp3lame"),
    ("mp4", MPEG2, "yuv420p", "25", "mp2"),
    ("mp4", MJPEG, "yuvj420p", "15", "aac"),
    ("mp4", VP9, "yuv420p", "25", "libopus"),
    ("mp4", AV1, "yuv420p", "30", "libopus"),
    ("m4v", X264, "yuv420p", "12", "aac"),
    ("mov", "prores_ks", "yuv422p10le", "24", "pcm_s16le"),
    ("mov", "prores_ks", "yuva444p10le", "25", "pcm_s24le"),
    ("mov", "qtrle", "rgb24", "12", "pcm_s16be"),
    ("mov", "qtrle", "argb", "10", ""),
    ("mov", "png", "rgba", "10", ""),
    ("mov", MJPEG, "yuvj422p", "30", "pcm_s16le"),
    ("mov", "rawvideo", "uyvy422", "25", "aac"),
    ("mov", X264, "yuv420p", "120", "alac"),
    ("mov", "v210", "yuv422p10le", "30000/1001", "pcm_s24le"),
    ("mov", "cfhd", "yuv422p10le", "25", ""),
    ("3gp", "h263 -q:v 2", "yuv420p", "30000/1001", "aac"),
    ("3gp", MPEG4, "yuv420p", "15", "aac"),
    ("mkv", X264, "yuv420p", "24000/1001", "flac"),
    ("mkv", "ffv1", "yuv420p", "25", "pcm_s16le"),
    ("mkv", "ffv1", "yuv444p16le", "30", "libvorbis"),
    ("mkv", "ffv1", "bgr0", "5", ""),
    ("mkv", "ffv1", "gray16le", "12", ""),
    ("mkv", "ffvhuff", "yuv422p", "25", "aac"),
    ("mkv", "utvideo", "gbrp", "25", "pcm_f32le"),
    ("mkv", "huffyuv", "rgb24", "20", ""),
    ("mkv", VP8, "yuv420p", "30", "libvorbis"),
    ("mkv", THEORA, "yuv420p", "25", "libopus"),
    ("mkv", MPEG2, "yuv422p", "25", "ac3"),
    ("mkv", "rawvideo", "yuv420p", "8", ""),
    ("mkv", "vc2", "yuv422p", "25", ""),
    ("mkv", X265, "yuv422p10le", "50", "dca -strict -2"),
    ("webm", VP8, "yuv420p", "15", "libopus"),
    ("webm", VP9, "yuv444p", "24", "libvorbis"),
    ("webm", VP9, "yuv420p10le", "60", "libopus"),
    ("webm", AV1, "yuv420p10le", "25", "libopus"),
    ("avi", MPEG4, "yuv420p", "25", "libmp3lame"),
    ("avi", "libxvid -q:v 2", "yuv420p", "30", "ac3"),
    ("avi", MJPEG, "yuvj444p", "30", "pcm_s16le"),
    ("avi", "libx264 -qp 4 -bf 0", "yuv420p", "25", "pcm_s16le"),
    ("avi", "huffyuv", "yuv422p", "15", ""),
    ("avi", "rawvideo", "bgr24", "10", "pcm_u8"),
    ("avi", "msmpeg4v2 -q:v 2", "yuv420p", "30000/1001", "libmp3lame"),
    ("avi", "cinepak", "rgb24", "12", ""),
    ("avi", "utvideo", "yuv420p", "50", "pcm_s16le"),
    ("flv", "flv -q:v 2", "yuv420p", "25", ""),
    ("flv", X264, "yuv420p", "30", "aac"),
    ("ts", X264, "yuv420p", "50", "aac"),
    ("ts", MPEG2, "yuv420p", "25", "mp2"),
    ("ts", X265, "yuv420p", "30000/1001", "aac"),
    ("m2ts", X264, "yuv420p", "25", "mp2"),
    ("mts", X264, "yuv420p", "50", "aac"),
    ("mpg", MPEG1, "yuv420p", "25", "mp2"),
    ("mpg", MPEG2, "yuv420p", "30000/1001", "mp2"),
    ("vob", MPEG2, "yuv420p", "24", "ac3"),
    ("ogv", THEORA, "yuv420p", "25", "libvorbis"),
    ("ogv", THEORA, "yuv444p", "30", ""),
    ("wmv", "wmv2 -q:v 2", "yuv420p", "25", "wmav2"),
    ("wmv", "wmv1 -q:v 2", "yuv420p", "30", ""),
    ("asf", "msmpeg4 -q:v 2", "yuv420p", "15", "wmav1"),
    ("mxf", MPEG2, "yuv420p", "25", ""),
    ("mxf", MPEG2, "yuv422p", "30000/1001", ""),
    ("gif", "gif", "rgb8", "10", ""),
    ("gif", "gif", "bgr8", "20", ""),
    ("nut", "rawvideo", "yuv420p", "25", "pcm_s16le"),
    ("y4m", "wrapped_avframe", "yuv444p", "30", ""),
    ("nut", "ffv1", "yuv422p12le", "12", "flac"),
    ("mjpeg", MJPEG, "yuvj420p", "25", ""),
];

const OUTS: [&str; 3] = ["mp4", "mkv", "mov"];
/// The sources that are too few for a matrix, because this ffmpeg lacks their encoders.
const FEW: usize = 60;
const FRAMES: usize = 10;
/// What a time may be off, in seconds: a millisecond, and half of one for the rounding here.
const TICK: f64 = 0.0015;
/// What the length of sound, and its distance from the picture, may be off, in seconds.
const SOUND: f64 = 0.03;
/// What a colour may be off, out of 255.
const COLOUR: f64 = 4.0;

#[test]
fn whatever_the_source_is_the_annotated_video_is_like_it() {
    let encoders = String::from_utf8(tool("ffmpeg", &["-encoders"]).unwrap()).unwrap();
    let has = |encoder: &str| encoder.is_empty() || encoders.contains(&format!(" {} ", first_word(encoder)));
    let sources: Vec<&Source> = SOURCES.iter().filter(|source| has(source.1) && has(source.4)).collect();
    if sources.len() < FEW {
        prerequisites::lacking(&format!("this ffmpeg can make {} of {} sources", sources.len(), SOURCES.len()));
        return;
    }
    let cluster = Cluster::start(2).unwrap();
    let master = cluster.master.address.to_string();
    let (queue, faults) = (Mutex::new(sources.iter().enumerate()), Mutex::new(Vec::new()));
    let next = || queue.lock().unwrap().next();
    let work = || {
        while let Some((number, source)) = next() {
            let out = format!("out.{}", OUTS[number % OUTS.len()]);
            let found = faults_of(&master, number, **source, &out);
            let named = found.into_iter().map(|fault| format!("{source:?} to {out}: {fault}"));
            faults.lock().unwrap().extend(named);
        }
    };
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(work);
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{} faults in {} sources:\n{}", faults.len(), sources.len(), faults.join("\n"));
}

/// Makes the source, has it annotated, and says what is not as in the source.
fn faults_of(master: &str, number: usize, source: Source, out: &str) -> Vec<String> {
    let case = Case::new();
    let input = make(&case, number, source);
    let before = case.names();
    let out = case.path(out);
    let args = ["run", "--master", master, text(&input), "--annotate", text(&out), "--json", "-"];
    let ended = client(&args).unwrap().end().unwrap();
    if ended.code != Some(0) {
        return vec![format!("exit code {:?}: {}", ended.code, ended.stderr.join("; "))];
    }
    let mut faults = differences(&input, &out);
    let lines = report::parse(&ended.stdout);
    let ok = lines.iter().filter(|line| line.outcome == "ok").count();
    if (ok, lines.len()) != (FRAMES, FRAMES) {
        faults.push(format!("lines: {ok} of {} are ok", lines.len()));
    }
    let complains = |line: &&String| line.contains("early") || line.contains("damaged");
    faults.extend(ended.stderr.iter().find(complains).map(|line| format!("nothing is wrong with it: {line}")));
    let is_new = |name: &String| !before.contains(name) && !out.ends_with(name);
    faults.extend(case.names().into_iter().find(is_new).map(|name| format!("left beside the output: {name}")));
    faults
}

/// What of the annotated video is not as in the source.
fn differences(input: &Path, out: &Path) -> Vec<String> {
    let (source, kept) = (Media::of(input), Media::of(out));
    let [at, kept_at] = [&source, &kept].map(Media::times);
    if (at.len(), kept_at.len()) != (FRAMES, FRAMES) {
        return vec![format!("frames: {} of {}", kept_at.len(), at.len())];
    }
    let mut faults = Vec::new();
    let mut check = |what: &str, is_kept: bool, found: String| {
        if !is_kept {
            faults.push(format!("{what}: {found}"));
        }
    };
    let shift = |(a, b): (&f64, &f64)| ((b - kept_at[0]) - (a - at[0])).abs();
    let off = at.iter().zip(&kept_at).map(shift).fold(0.0, f64::max);
    check("times", off <= TICK, format!("{off:.4} s off"));
    let shapes = [&source, &kept].map(|media| media.picture().shape());
    check("shape", (shapes[1] / shapes[0] - 1.0).abs() < 0.01, format!("{shapes:.3?}"));
    let [drawn, seen] = [input, out].map(patches::seen);
    let off = patches::difference(&drawn, &seen);
    check("colours", off <= COLOUR, format!("{off:.1} off: {drawn:.0?} {seen:.0?}"));
    for (what, sound) in [
        ("length of the sound", [&source, &kept].map(Media::sound_seconds)),
        ("picture after sound", [&source, &kept].map(Media::picture_after_sound)),
    ] {
        let is_kept = match sound {
            [Some(was), Some(is)] => (is - was).abs() <= SOUND,
            [was, is] => was.is_none() && is.is_none(),
        };
        check(what, is_kept, format!("{:.3?}, was {:.3?}", sound[1], sound[0]));
    }
    faults
}

/// Ten frames of four colours, above which something moves, since a codec may leave out a frame that is like the one before. Every
/// second source has pixels that are wider than high, where its format can say so, and those whose header has a matrix are turned.
fn make(case: &Case, number: usize, (ending, video, format, rate, sound): Source) -> PathBuf {
    patches::draw(case, 128, 96);
    let shape = if number.is_multiple_of(2) { "1" } else { "4/3" };
    let picture = format!("-loop 1 -framerate {rate} -i patches.png -f lavfi -i testsrc2=s=32x8:r={rate}");
    let filter = format!("-filter_complex [0][1]overlay=format=auto,setsar={shape} -frames:v {FRAMES}");
    let (tone, sound) = match sound {
        "" => (String::new(), String::new()),
        encoder => {
            let seconds = FRAMES as f64 / number_of(rate);
            (format!("-f lavfi -i sine=r=48000:d={seconds}"), format!("-c:a {encoder}"))
        }
    };
    let arguments = format!("{picture} {tone} {filter} -c:v {video} -pix_fmt {format} {sound}");
    let input = case.make(&arguments, &format!("in.{ending}"));
    if matches!(ending, "mp4" | "mov") {
        patches::turn(&input, number % 4);
    }
    input
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}

fn number_of(rate: &str) -> f64 {
    let (n, d) = rate.split_once('/').unwrap_or((rate, "1"));
    n.parse::<f64>().unwrap() / d.parse::<f64>().unwrap()
}
