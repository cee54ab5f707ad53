//! Properties of a video that ffprobe reports before the video is read.

use std::time::Duration;

use serde::Deserialize;

use crate::ffmpeg::{FfmpegError, output_of, words};
use crate::source::input::{VideoInput, VideoKind};

/// Properties of a video that are known before it is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Probe {
    /// The number of frames, counted or estimated; None if it is unknown.
    pub(crate) frames: Option<u64>,
    /// Frames per second as a fraction, if all frames have the same distance in time.
    pub(crate) rate: Option<(u32, u32)>,
    /// The resolution to which the file rounds the time of a frame.
    pub(crate) time_step: Duration,
    /// The codec of the first sound track. None if there is no sound, or if it has no end, as in a broadcast.
    pub(crate) sound: Option<String>,
}

impl Probe {
    /// Asks ffprobe about a file. Nothing is known about a camera, because asking would open it.
    ///
    /// # Errors
    /// Fails if ffprobe is missing, cannot read the input, or finds no video in it.
    pub(crate) async fn of(input: &VideoInput) -> Result<Probe, FfmpegError> {
        if input.kind != VideoKind::File {
            return Ok(Probe::default());
        }
        const ENTRIES: &str = "format=format_name,duration:stream=codec_type,codec_name,avg_frame_rate,r_frame_rate,time_base,\
                               nb_frames:stream_disposition=attached_pic";
        let mut args = words(&["-v", "error", "-of", "json", "-show_entries", ENTRIES, "-i"]);
        args.push(input.url());
        let task = format!("read {}", input.name);
        let said = output_of("ffprobe", args, task.clone()).await?;
        let no_video = |said: String| FfmpegError::Failed { program: "ffprobe", task: task.clone(), said };
        let output: FfprobeOutput =
            serde_json::from_str(&said).map_err(|e| no_video(format!("its answer is unclear: {e}")))?;
        // ffmpeg would render a text file as a video, which nobody wants.
        if output.format.format_name == "tty" {
            return Err(no_video("it is a text file, not a video".into()));
        }
        Probe::from_output(&output).ok_or_else(|| no_video("there is no video in it".into()))
    }

    fn from_output(output: &FfprobeOutput) -> Option<Probe> {
        let of_kind =
            |kind| output.streams.iter().find(move |s| s.codec_type == kind && s.disposition.attached_pic == 0);
        let video = of_kind("video")?;
        let average = fraction(&video.avg_frame_rate);
        let counted = video.nb_frames.as_deref().and_then(|n| n.parse().ok());
        let duration = output.format.duration.as_deref().and_then(|d| d.parse::<f64>().ok());
        let estimated =
            duration.zip(average).map(|(seconds, (n, d))| (seconds * f64::from(n) / f64::from(d)).round() as u64);
        Some(Probe {
            frames: counted.or(estimated),
            rate: average.filter(|_| video.avg_frame_rate == video.r_frame_rate),
            time_step: fraction(&video.time_base).map_or(Duration::ZERO, |(n, d)| Duration::from_secs(n.into()) / d),
            sound: duration.and(of_kind("audio")).map(|s| s.codec_name.clone()),
        })
    }
}

fn fraction(text: &str) -> Option<(u32, u32)> {
    let (n, d) = text.split_once('/')?;
    let (n, d) = (n.parse().ok()?, d.parse().ok()?);
    (n > 0 && d > 0).then_some((n, d))
}

#[derive(Deserialize)]
struct FfprobeOutput {
    #[serde(default)]
    format: Format,
    #[serde(default)]
    streams: Vec<Stream>,
}

#[derive(Default, Deserialize)]
struct Format {
    #[serde(default)]
    format_name: String,
    duration: Option<String>,
}

#[derive(Deserialize)]
struct Stream {
    codec_type: String,
    #[serde(default)]
    codec_name: String,
    #[serde(default)]
    avg_frame_rate: String,
    #[serde(default)]
    r_frame_rate: String,
    #[serde(default)]
    time_base: String,
    nb_frames: Option<String>,
    #[serde(default)]
    disposition: Disposition,
}

#[derive(Default, Deserialize)]
struct Disposition {
    #[serde(default)]
    attached_pic: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(json: &str) -> Option<Probe> {
        Probe::from_output(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn an_even_rate_counted_frames_and_sound() {
        let answer = r#"{"format": {"format_name": "mov", "duration": "10.0"}, "streams": [
            {"codec_type": "audio", "codec_name": "aac", "avg_frame_rate": "0/0", "r_frame_rate": "0/0"},
            {"codec_type": "video", "codec_name": "h264", "avg_frame_rate": "30000/1001", "r_frame_rate": "30000/1001",
             "time_base": "1/50", "nb_frames": "299"}]}"#;
        let rate = Some((30000, 1001));
        let time_step = Duration::from_millis(20);
        let expected = Probe { frames: Some(299), rate, time_step, sound: Some("aac".into()) };
        assert_eq!(probe(answer), Some(expected));
    }

    #[test]
    fn an_uneven_rate_is_none_and_frames_are_worked_out() {
        let answer = r#"{"format": {"format_name": "matroska", "duration": "4.0"}, "streams": [
            {"codec_type": "video", "avg_frame_rate": "25/2", "r_frame_rate": "60/1"}]}"#;
        assert_eq!(probe(answer), Some(Probe { frames: Some(50), ..Probe::default() }));
    }

    #[test]
    fn a_song_with_a_cover_is_no_video() {
        let answer = r#"{"streams": [{"codec_type": "audio", "codec_name": "mp3"},
            {"codec_type": "video", "avg_frame_rate": "0/0", "disposition": {"attached_pic": 1}}]}"#;
        assert_eq!(probe(answer), None);
    }
}
