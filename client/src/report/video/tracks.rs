//! Decides which tracks of the source, besides its picture, come along with an annotated video, and how.
//!
//! As for the picture, ffmpeg is asked: it writes the beginning of each track beside the five frames of the plan.

use std::ffi::OsString;

use crate::ffmpeg::{FfmpegError, file, output_of, words};
use crate::report::Progress;
use crate::report::video::plan::Wish;
use crate::source::{Track, TrackKind, VideoKind};

/// A track that comes along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Carried {
    pub(super) track: Track,
    pub(super) how: Carry,
}

/// How a track comes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carry {
    Copied,
    /// Encoded with what ffmpeg takes for the container by default.
    Encoded,
    /// Encoded so, and mixed down to two channels: an encoder may not take the channels of the source.
    Stereo,
    /// Encoded with the encoder of this name: ffmpeg has no default for subtitles.
    EncodedAs(&'static str),
}

/// The encoders that subtitles are tried with: those of text, then those of pictures.
const SUBTITLE_ENCODERS: [&str; 6] = ["mov_text", "srt", "webvtt", "ass", "dvbsub", "dvdsub"];

impl Carry {
    /// The ways in which a track may come along, the best first.
    fn all(kind: TrackKind) -> Vec<Carry> {
        let encoded = match kind {
            TrackKind::Sound => vec![Carry::Encoded, Carry::Stereo],
            TrackKind::Subtitles => SUBTITLE_ENCODERS.map(Carry::EncodedAs).to_vec(),
            TrackKind::Other => Vec::new(),
        };
        [vec![Carry::Copied], encoded].concat()
    }

    /// The arguments of ffmpeg for a track that is number `output` in the output.
    pub(super) fn arguments(self, output: usize) -> Vec<OsString> {
        match self {
            Carry::Copied => words(&[&format!("-c:{output}"), "copy"]),
            Carry::Encoded => Vec::new(),
            Carry::Stereo => words(&[&format!("-ac:{output}"), "2"]),
            Carry::EncodedAs(encoder) => words(&[&format!("-c:{output}"), encoder]),
        }
    }
}

/// Finds out how each track of the source can come along.
pub(super) async fn carried(wish: Wish<'_>, progress: &Progress) -> Vec<Carried> {
    let Wish { video, out, .. } = wish;
    let mut carried = Vec::new();
    match video.input.kind {
        VideoKind::File => {}
        VideoKind::Pipe => {
            progress.warn(format!("{} has no sound: a pipe is read once, for its picture", out.display()));
        }
        VideoKind::Url | VideoKind::Stream | VideoKind::Device => {
            progress.warn(format!(
                "{} has no sound: {} is opened once, for its picture",
                out.display(),
                video.input.shown()
            ));
        }
    }
    for track in &video.probe.tracks {
        let mut way = None;
        for carry in Carry::all(track.kind) {
            match try_track(wish, track, carry).await {
                Ok(true) => {
                    way = Some(carry);
                    break;
                }
                Ok(false) | Err(FfmpegError::Failed { .. }) => {}
                // A slow source says nothing of the container. If it cannot hold the track, the end of the run says so.
                Err(_) => {
                    way = Some(Carry::Copied);
                    break;
                }
            }
        }
        if way == Some(Carry::Stereo) {
            progress.warn(format!("{} cannot hold all channels of the sound: it becomes stereo", out.display()));
        }
        match way {
            Some(how) => carried.push(Carried { track: track.clone(), how }),
            None => {
                let kind = match track.kind {
                    TrackKind::Sound => "sound",
                    TrackKind::Subtitles => "subtitles",
                    TrackKind::Other => "another track",
                };
                let codec = if track.codec.is_empty() { "unknown" } else { &track.codec };
                progress.warn(format!("{} cannot hold {kind} of the source ({codec}): left out", out.display()));
            }
        }
    }
    carried
}

/// How much of a track is written on trial, in seconds.
const TRIAL_SECONDS: &str = "0.5";
/// How much of a track of subtitles is, which may begin late.
const TRIAL_SECONDS_OF_SUBTITLES: &str = "20";

/// Writes the beginning of a track, and returns whether it is there and recognized.
async fn try_track(
    Wish { video, trial, part, .. }: Wish<'_>,
    track: &Track,
    carry: Carry,
) -> Result<bool, FfmpegError> {
    // Some containers need a picture, and take it first.
    let mut args = words(&["-hide_banner", "-nostdin", "-y", "-v", "level+error", "-i"]);
    args.push(file(trial));
    args.extend(words(video.input.timeout()));
    args.push("-i".into());
    args.push(video.input.url());
    args.extend(words(&["-map", "0:v:0", "-c:0", "copy", "-map", &format!("1:{}", track.index)]));
    args.extend(carry.arguments(1));
    match track.kind {
        // The first packet may come late, and ffprobe recognizes some codecs by several packets only.
        TrackKind::Sound => args.extend(words(&["-frames:a", "30"])),
        TrackKind::Subtitles => args.extend(words(&["-t", TRIAL_SECONDS_OF_SUBTITLES])),
        TrackKind::Other => args.extend(words(&["-t", TRIAL_SECONDS])),
    }
    args.push(file(part));
    output_of("ffmpeg", args, format!("write {}", part.display())).await?;
    let mut args = words(&["-v", "level+error", "-of", "csv=p=0", "-show_entries", "stream=codec_type", "-i"]);
    args.push(file(part));
    let kinds = output_of("ffprobe", args, format!("read {}", part.display())).await?;
    let is_there = |wanted: &str| kinds.lines().any(|kind| kind.trim_end_matches(',') == wanted);
    Ok(match track.kind {
        TrackKind::Sound => is_there("audio"),
        TrackKind::Subtitles => is_there("subtitle"),
        // A picture is there already.
        TrackKind::Other => kinds.lines().filter(|kind| !kind.is_empty()).count() > 1,
    })
}
