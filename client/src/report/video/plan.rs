//! Decides how an annotated video is written, before its first frame.
//!
//! What a container can hold depends on the installed ffmpeg, so ffmpeg is asked: it writes five small frames beside where the video will
//! be.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::ffmpeg::{Ffmpeg, FfmpegError, file, output_of, words};
use crate::report::Progress;
use crate::source::Video;

/// How a video is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The encoder and its settings, as arguments of ffmpeg.
    pub(super) encoder: &'static [&'static str],
    pub(super) timing: Timing,
}

/// The times that the container can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timing {
    /// Every frame keeps its time.
    Exact,
    /// All frames have the same distance: so many are shown in a second, as a fraction.
    Even(u32, u32),
}

/// The rates that containers of even rates hold, in frames per second.
const STANDARD_RATES: [u32; 5] = [24, 25, 30, 50, 60];

impl Timing {
    /// The ways to write a video of this rate, the best first. A greater rate keeps every frame, too.
    fn all((n, d): (u32, u32)) -> Vec<Timing> {
        let greater = STANDARD_RATES.into_iter().filter(|rate| u64::from(*rate) * u64::from(d) >= u64::from(n));
        [Timing::Exact, Timing::Even(n, d)].into_iter().chain(greater.map(|rate| Timing::Even(rate, 1))).collect()
    }
}

/// Endings for which people expect H.264, where ffmpeg would choose an older codec.
const H264_ENDINGS: [&str; 12] = ["mp4", "m4v", "mov", "mkv", "ts", "mts", "m2t", "m2ts", "flv", "f4v", "3gp", "3g2"];

const H264: &[&str] = &["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"];
/// HEVC in ten bits, which is what devices play high dynamic range from.
const HEVC_HDR: &[&str] = &[
    "-c:v",
    "libx265",
    "-preset",
    "veryfast",
    "-crf",
    "20",
    "-pix_fmt",
    "yuv420p10le",
    "-x265-params",
    "log-level=error",
];
const H264_HDR: &[&str] = &["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p10le"];
/// VP9 as fast as it can be; its default takes seconds for a frame.
const VP9: &[&str] =
    &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "7", "-row-mt", "1", "-b:v", "0", "-crf", "24"];
const THEORA: &[&str] = &["-c:v", "libtheora", "-q:v", "9"];
/// What ffmpeg takes by default, at a good quality instead of 200 kbit/s.
const DEFAULT: &[&str] = &["-q:v", "2"];

/// The encoders to try, the best first.
fn encoders(ending: &str, is_hdr: bool) -> &'static [&'static [&'static str]] {
    match ending {
        _ if is_hdr && H264_ENDINGS.contains(&ending) => &[HEVC_HDR, H264_HDR, H264, DEFAULT],
        _ if H264_ENDINGS.contains(&ending) => &[H264, DEFAULT],
        "webm" => &[VP9, DEFAULT],
        "ogv" | "ogg" => &[THEORA, DEFAULT],
        _ => &[DEFAULT],
    }
}

/// What a plan is made for.
#[derive(Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) video: &'a Video,
    /// Frames per second, as a fraction.
    pub(super) rate: (u32, u32),
    /// The name by which people know the output.
    pub(super) out: &'a Path,
    /// Where frames are written on trial, in a folder of its own.
    pub(super) trial: &'a Path,
    /// Where tracks are written on trial.
    pub(super) part: &'a Path,
}

impl Plan {
    /// Plans a video, and tells `progress` what the output cannot hold.
    ///
    /// # Errors
    /// Fails if ffmpeg cannot write such a file.
    pub(super) async fn of(wish: Wish<'_>, progress: &Progress) -> Result<Plan, FfmpegError> {
        let Wish { video, rate, out, .. } = wish;
        let extension = out.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let mut refused = None;
        for encoder in encoders(&extension, video.probe.is_hdr) {
            for timing in Timing::all(rate) {
                match try_frames(wish, encoder, timing).await {
                    Ok(true) => {
                        if video.probe.is_hdr {
                            tell_of_hdr(encoder, out, progress);
                        }
                        return Ok(Plan { encoder, timing });
                    }
                    Ok(false) => {}
                    Err(error @ FfmpegError::Failed { .. }) => drop(refused.get_or_insert(error)),
                    Err(other) => return Err(other),
                }
            }
        }
        Err(refused.unwrap_or_else(|| FfmpegError::Failed {
            program: "ffmpeg",
            task: format!("write {}", out.display()),
            said: "this format does not hold a video, but a single picture; choose another, such as .mp4".into(),
        }))
    }

    /// The arguments that make ffmpeg keep the times of the frames that it gets, whose distance is a whole number of steps.
    pub(super) fn timing_arguments(&self, ffmpeg: Ffmpeg, (n, _): (u32, u32)) -> Vec<OsString> {
        match self.timing {
            Timing::Exact => {
                words(&[ffmpeg.fps_mode, "passthrough", "-enc_time_base", &format!("1:{}", steps_a_second(n))])
            }
            Timing::Even(n, d) => words(&[ffmpeg.fps_mode, "cfr", "-r", &format!("{n}/{d}")]),
        }
    }
}

/// Says what becomes of high dynamic range.
fn tell_of_hdr(encoder: &[&str], out: &Path, progress: &Progress) {
    let out = out.display();
    if encoder.contains(&"yuv420p10le") {
        progress.say(&format!("{out} keeps the high dynamic range of the source, in 10 bits"));
    } else {
        progress.warn(format!("{out} holds 8 bits: high dynamic range becomes 256 steps; .mp4 and .mkv keep it"));
    }
}

/// The time base of the encoder has at least this many steps per second, so that uneven frame times are kept.
const LEAST_STEPS_A_SECOND: u32 = 10_000;

/// Returns the steps per second in which both the times of `n`/`d` frames per second, for any `d`, and uneven ones are whole numbers.
pub(super) fn steps_a_second(n: u32) -> u64 {
    u64::from(n) * u64::from(LEAST_STEPS_A_SECOND.div_ceil(n.max(1)))
}

/// The times of the frames that are written on trial, in milliseconds.
const TRIAL_MS: [f64; 5] = [0.0, 40.0, 100.0, 120.0, 160.0];
/// How far a container may move a frame: half a step of a GIF.
const MOST_MOVED_MS: f64 = 5.5;
/// The five frames are 25 per second on average, and twice as many would hold the uneven one. A container that says more than this has
/// taken the time base for the rate, and players would believe it.
const MOST_RATE: f64 = 100.0;

/// Writes five frames, and returns whether they are there, each at its time.
async fn try_frames(
    Wish { video, out, trial, .. }: Wish<'_>,
    encoder: &'static [&'static str],
    timing: Timing,
) -> Result<bool, FfmpegError> {
    let frames = match timing {
        Timing::Exact => {
            "testsrc2=s=128x96:r=25,trim=end_frame=5,settb=1/10000,setpts='N*400+eq(N\\,2)*200'".to_owned()
        }
        Timing::Even(n, d) => format!("testsrc2=s=128x96:r={n}/{d},trim=end_frame=5"),
    };
    let mut args = words(&["-hide_banner", "-nostdin", "-y", "-v", "level+error", "-f", "lavfi", "-i", &frames]);
    args.extend(words(encoder));
    args.extend(Plan { encoder, timing }.timing_arguments(video.ffmpeg, (25, 1)));
    args.push(file(trial));
    let written = output_of("ffmpeg", args, format!("write {}", out.display())).await;
    written.map_err(|error| error.about(trial, out))?;
    let files = trial.parent().and_then(|folder| fs::read_dir(folder).ok()).map_or(0, Iterator::count);
    if files > 1 {
        return Err(FfmpegError::Failed {
            program: "ffmpeg",
            task: format!("write {} as one file", out.display()),
            said: "this format is a list and several other files: choose another, such as .mp4".into(),
        });
    }
    let mut args = words(&["-v", "level+error", "-of", "json", "-select_streams", "v:0"]);
    args.extend(words(&["-show_entries", "packet=pts_time:stream=avg_frame_rate", "-i"]));
    args.push(file(trial));
    let said = output_of("ffprobe", args, format!("read back what it writes to {}", out.display())).await;
    let written: Option<Trial> = serde_json::from_str(&said.map_err(|error| error.about(trial, out))?).ok();
    Ok(written.is_some_and(|written| match timing {
        Timing::Exact => written.keeps_times(),
        Timing::Even(..) => written.packets.len() >= TRIAL_MS.len(),
    }))
}

#[derive(Deserialize)]
struct Trial {
    #[serde(default)]
    packets: Vec<Packet>,
    #[serde(default)]
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Packet {
    pts_time: Option<String>,
}

#[derive(Deserialize)]
struct Stream {
    avg_frame_rate: String,
}

impl Trial {
    fn keeps_times(&self) -> bool {
        let mut times: Vec<f64> = self
            .packets
            .iter()
            .filter_map(|packet| packet.pts_time.as_ref()?.parse().ok())
            .map(|s: f64| s * 1e3)
            .collect();
        times.sort_by(f64::total_cmp);
        let first = times.first().copied().unwrap_or_default();
        let rate = self.streams.first().and_then(|stream| stream.avg_frame_rate.split_once('/'));
        let rate = rate.and_then(|(n, d)| Some(n.parse::<f64>().ok()? / d.parse::<f64>().ok()?));
        times.len() == TRIAL_MS.len()
            && times.iter().zip(TRIAL_MS).all(|(time, wanted)| (time - first - wanted).abs() <= MOST_MOVED_MS)
            && rate.is_none_or(|rate| rate <= MOST_RATE || rate.is_nan())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_and_uneven_times_are_whole_steps() {
        assert_eq!([25, 30_000, 24_000, 12, 1].map(steps_a_second), [10_000, 30_000, 24_000, 10_008, 10_000]);
    }

    #[test]
    fn a_container_has_to_keep_every_time() {
        let trial = |times: &[&str], rate: &str| {
            let packets = times.iter().map(|time| format!(r#"{{"pts_time": "{time}"}}"#)).collect::<Vec<_>>().join(",");
            let json = format!(r#"{{"packets": [{packets}], "streams": [{{"avg_frame_rate": "{rate}"}}]}}"#);
            serde_json::from_str::<Trial>(&json).unwrap().keeps_times()
        };
        assert!(trial(&["1.40", "1.44", "1.52", "1.50", "1.56"], "25/1"), "in any order, from any start");
        assert!(!trial(&["0", "0.04", "0.08", "0.12", "0.16"], "25/1"), "moved");
        assert!(!trial(&["0", "0.04", "0.1", "0.12"], "25/1"), "lost");
        assert!(!trial(&["0", "0.04", "0.1", "0.12", "0.16"], "600/1"), "the time base as a rate");
    }
}
