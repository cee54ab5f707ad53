//! Adds to an encoded video what its source has besides pictures, and checks what was written.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use crate::ffmpeg::{FfmpegError, Process, file, run, words};
use crate::report::video::tracks::Carried;
use crate::source::VideoInput;

/// What is known once the last frame is encoded.
pub(super) struct Encoded {
    /// The number of frames.
    pub(super) frames: u64,
    /// The time of the first frame in the source.
    pub(super) first: Duration,
    /// Time at which the sound ends with the picture; None if the source was read to its end, and all of its sound is kept.
    pub(super) cut: Option<Duration>,
    /// How long the last frame is shown; None if that follows from an even rate.
    pub(super) last_frame: Option<Duration>,
}

/// Writes `whole`: the video `silent`, and the tracks, chapters and texts of `input`, if that can be opened again. People know the file
/// as `name`.
pub(super) fn add_tracks(
    tracks: &[Carried],
    input: Option<&VideoInput>,
    silent: &Path,
    whole: &Path,
    encoded: &Encoded,
    name: &Path,
) -> Result<(), FfmpegError> {
    let mut command = Command::new("ffmpeg");
    command.args(arguments(tracks, input, silent, whole, encoded)).stdin(Stdio::null()).stdout(Stdio::null());
    let task = format!("complete {}", name.display());
    let errors = Process::spawn("ffmpeg", command, task.clone())?.wait()?;
    // ffmpeg calls it a success when it could not write to the end.
    match errors.joined().filter(|said| WRITE_ERRORS.iter().any(|error| said.contains(error))) {
        Some(said) => Err(FfmpegError::Failed { program: "ffmpeg", task, said }),
        None => Ok(()),
    }
}

/// What ffmpeg logs when a file could not be written.
const WRITE_ERRORS: [&str; 4] =
    ["av_interleaved_write_frame", "Error writing trailer", "Error closing file", "No space left on device"];

fn arguments(
    tracks: &[Carried],
    input: Option<&VideoInput>,
    silent: &Path,
    whole: &Path,
    encoded: &Encoded,
) -> Vec<OsString> {
    let seconds = |time: Duration| format!("{:.6}", time.as_secs_f64());
    let mut args = words(&["-hide_banner", "-nostdin", "-y", "-v", "level+error"]);
    args.extend(words(&["-itsoffset", &seconds(encoded.first), "-i"]));
    args.push(file(silent));
    if let Some(input) = input {
        if let Some(cut) = encoded.cut {
            args.extend(words(&["-t", &seconds(cut)]));
        }
        args.extend(words(input.timeout()));
        args.push("-i".into());
        args.push(input.url());
        args.extend(words(&["-map_metadata", "1", "-map_chapters", "1"]));
    }
    args.extend(words(&["-map", "0:v:0", "-c:0", "copy"]));
    for (number, Carried { track, how }) in (1..).zip(tracks) {
        args.extend(words(&["-map", &format!("1:{}", track.index)]));
        args.extend(how.arguments(number));
    }
    if let Some(last_frame) = encoded.last_frame {
        args.extend(words(&["-bsf:v:0", &longer_last_frame(encoded.frames, last_frame)]));
    }
    let format = whole.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    match format.as_str() {
        // The index at the start lets a browser play the file before it is loaded completely.
        "mp4" | "m4v" | "mov" => args.extend(words(&["-movflags", "+faststart"])),
        "gif" => {
            let hundredths = encoded.last_frame.map_or(-1, |time| time.as_millis().min(MOST_DELAY_MS) as i64 / 10);
            args.extend(words(&["-final_delay", &hundredths.to_string()]));
        }
        _ => {}
    }
    args.push(file(whole));
    if !tracks.is_empty() {
        // Some formats count time from the first track that is read. The picture is read, too, so that the sound keeps its distance
        // from it.
        args.extend(words(&["-map", "1:V:0", "-c", "copy", "-f", "null", "-"]));
    }
    args
}

/// The longest that a GIF shows a frame, in milliseconds: its field has 16 bits for hundredths of a second.
const MOST_DELAY_MS: u128 = 655_350;

/// Returns the filter that sets the duration of the last packet of a video.
fn longer_last_frame(frames: u64, duration: Duration) -> String {
    let last = frames.saturating_sub(1);
    format!("setts=pts=PTS:dts=DTS:duration=if(eq(N\\,{last})\\,{:.6}/TB\\,DURATION)", duration.as_secs_f64())
}

/// What is in a file that was written.
pub(super) struct Written {
    pub(super) frames: u64,
    pub(super) chapters: usize,
}

/// Looks at a video that was written.
///
/// # Errors
/// Fails if the file cannot be opened, or if there is no video in it.
pub(super) fn look_at(path: &Path, name: &Path) -> Result<Written, FfmpegError> {
    let mut args = words(&["-v", "level+error", "-of", "json", "-select_streams", "v:0", "-count_packets"]);
    args.extend(words(&["-show_chapters", "-show_entries", "stream=nb_read_packets:chapter=id", "-i"]));
    args.push(file(path));
    let task = format!("find the frames that were written to {}", name.display());
    let said = run("ffprobe", args, task.clone())?;
    let found = serde_json::from_str::<Found>(&said).ok();
    let written = found.and_then(|Found { streams, chapters }| {
        Some(Written { frames: streams.first()?.nb_read_packets.parse().ok()?, chapters: chapters.len() })
    });
    written.ok_or(FfmpegError::Failed { program: "ffprobe", task, said: "there is no video in the file".into() })
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    streams: Vec<FoundStream>,
    #[serde(default)]
    chapters: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct FoundStream {
    nb_read_packets: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_frame_is_longer() {
        let filter = longer_last_frame(3, Duration::from_millis(4000));
        assert_eq!(filter, "setts=pts=PTS:dts=DTS:duration=if(eq(N\\,2)\\,4.000000/TB\\,DURATION)");
    }
}
