//! Properties of a file that ffprobe reports before the file is read.

use std::time::Duration;

use serde::Deserialize;

use crate::ffmpeg::{FfmpegError, output_of, words};
use crate::source::input::{VideoInput, VideoKind};

/// Properties of a video that are known before it is read. Nothing is known about a camera or a pipe, because asking would open
/// it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Probe {
    /// The number of frames, counted or estimated; None if it is unknown.
    pub(crate) frames: Option<u64>,
    /// Frames per second.
    pub(crate) rate: Rate,
    /// Time at which the last frame ends, since the start of the file.
    pub(crate) end: Option<Duration>,
    /// Time at which the last frame would end if all frames were there that the header counts.
    pub(crate) promised_end: Option<Duration>,
    /// Whether the brightness is that of high dynamic range (ITU-R BT.2100).
    pub(crate) is_hdr: bool,
    /// Whether the file has sound.
    pub(crate) has_sound: bool,
    /// The number of chapters.
    pub(crate) chapters: usize,
    /// Everything in the file but the video that is read.
    pub(crate) tracks: Vec<Track>,
}

/// How many frames a video shows in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rate {
    /// All frames have the same distance in time, says the file. A fraction.
    Even(u32, u32),
    /// The distances differ. The greatest rate if it is known, or else the average, as a fraction.
    Uneven(u32, u32),
    #[default]
    Unknown,
}

/// A track of the file other than the video that is read: sound, subtitles, a cover picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Track {
    /// ffmpeg's number of the track in the file.
    pub(crate) index: u32,
    pub(crate) kind: TrackKind,
    /// Name of the codec.
    pub(crate) codec: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrackKind {
    Sound,
    Subtitles,
    /// A cover picture, another video, an attachment, or data.
    Other,
}

/// A rate above this one is the unit of the file's times and not a rate.
const MOST_PLAUSIBLE_RATE: f64 = 240.0;

impl Probe {
    /// Asks ffprobe about a file.
    ///
    /// # Errors
    /// Fails if ffprobe is missing, cannot read the input, or finds no video in it.
    pub(crate) async fn of(input: &VideoInput) -> Result<Probe, FfmpegError> {
        if input.kind != VideoKind::File {
            return Ok(Probe::default());
        }
        const ENTRIES: &str = "format=format_name,duration,start_time:stream=index,codec_type,codec_name,avg_frame_rate,\
                               r_frame_rate,nb_frames,start_time,duration,color_transfer:stream_disposition=attached_pic:chapter=id";
        let mut args = words(&["-v", "level+error", "-of", "json", "-show_chapters", "-show_entries", ENTRIES, "-i"]);
        args.push(input.url());
        let task = format!("read {}", input.shown());
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
        let video = output.streams.iter().find(|s| s.codec_type == "video" && s.disposition.attached_pic == 0)?;
        let average = fraction(&video.avg_frame_rate);
        let counted: Option<u64> = video.nb_frames.as_deref().and_then(|n| n.parse().ok());
        let file_seconds = seconds(output.format.duration.as_deref());
        let estimated =
            file_seconds.zip(average).map(|(seconds, (n, d))| (seconds * f64::from(n) / f64::from(d)).round() as u64);
        let start = seconds(video.start_time.as_deref()).zip(seconds(output.format.start_time.as_deref()));
        let start = start.map_or(0.0, |(video, file)| video - file);
        let end = seconds(video.duration.as_deref()).map(|duration| start + duration);
        let end = end.and_then(|end| Duration::try_from_secs_f64(end).ok());
        // ffprobe goes by the bytes that are there. Only a header with an edit list counts frames that are not shown.
        let counts_all_shown = !output.format.format_name.contains("mov");
        let shown = counted.zip(average).filter(|_| counts_all_shown);
        let shown = shown
            .and_then(|(count, (n, d))| Duration::try_from_secs_f64(count as f64 * f64::from(d) / f64::from(n)).ok());
        let tracks: Vec<Track> = output.streams.iter().filter(|s| s.index != video.index).map(Track::from).collect();
        Some(Probe {
            frames: counted.or(estimated),
            rate: rate(average, fraction(&video.r_frame_rate)),
            end,
            promised_end: end.max(shown),
            is_hdr: HDR_TRANSFERS.contains(&video.color_transfer.as_str()),
            has_sound: tracks.iter().any(|track| track.kind == TrackKind::Sound),
            chapters: output.chapters.len(),
            tracks,
        })
    }
}

/// The transfer functions of high dynamic range (ITU-R BT.2100) in ffmpeg's names: PQ and HLG.
const HDR_TRANSFERS: [&str; 2] = ["smpte2084", "arib-std-b67"];

/// Takes the average rate, and the least one in which every time is a whole number.
fn rate(average: Option<(u32, u32)>, exact: Option<(u32, u32)>) -> Rate {
    let plausible = |(n, d): &(u32, u32)| f64::from(*n) / f64::from(*d) <= MOST_PLAUSIBLE_RATE;
    match (average, exact) {
        (Some((n, d)), Some(exact)) if (n, d) == exact => Rate::Even(n, d),
        (average, exact) => exact.filter(plausible).or(average).map_or(Rate::Unknown, |(n, d)| Rate::Uneven(n, d)),
    }
}

fn fraction(text: &str) -> Option<(u32, u32)> {
    let (n, d) = text.split_once('/')?;
    let (n, d) = (n.parse().ok()?, d.parse().ok()?);
    (n > 0 && d > 0).then_some((n, d))
}

fn seconds(text: Option<&str>) -> Option<f64> {
    text?.parse().ok()
}

impl From<&Stream> for Track {
    fn from(stream: &Stream) -> Track {
        let kind = match stream.codec_type.as_str() {
            "audio" => TrackKind::Sound,
            "subtitle" => TrackKind::Subtitles,
            _ => TrackKind::Other,
        };
        Track { index: stream.index, kind, codec: stream.codec_name.clone() }
    }
}

#[derive(Deserialize)]
struct FfprobeOutput {
    #[serde(default)]
    format: Format,
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    chapters: Vec<serde::de::IgnoredAny>,
}

#[derive(Default, Deserialize)]
struct Format {
    #[serde(default)]
    format_name: String,
    duration: Option<String>,
    start_time: Option<String>,
}

#[derive(Deserialize)]
struct Stream {
    #[serde(default)]
    index: u32,
    #[serde(default)]
    codec_type: String,
    #[serde(default)]
    codec_name: String,
    #[serde(default)]
    avg_frame_rate: String,
    #[serde(default)]
    r_frame_rate: String,
    nb_frames: Option<String>,
    start_time: Option<String>,
    duration: Option<String>,
    #[serde(default)]
    color_transfer: String,
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
        let answer = r#"{"format": {"format_name": "mov", "duration": "10.0", "start_time": "0.5"}, "streams": [
            {"index": 0, "codec_type": "audio", "codec_name": "aac", "avg_frame_rate": "0/0", "r_frame_rate": "0/0"},
            {"index": 1, "codec_type": "video", "codec_name": "h264", "avg_frame_rate": "30000/1001",
             "r_frame_rate": "30000/1001", "nb_frames": "299", "start_time": "1.25", "duration": "9.0",
             "color_transfer": "smpte2084"},
            {"index": 2, "codec_type": "subtitle", "codec_name": "mov_text"}], "chapters": [{"id": 0}, {"id": 1}]}"#;
        let track = |index, kind, codec: &str| Track { index, kind, codec: codec.into() };
        let expected = Probe {
            frames: Some(299),
            rate: Rate::Even(30000, 1001),
            end: Some(Duration::from_millis(9750)),
            promised_end: Some(Duration::from_millis(9750)),
            is_hdr: true,
            has_sound: true,
            chapters: 2,
            tracks: vec![track(0, TrackKind::Sound, "aac"), track(2, TrackKind::Subtitles, "mov_text")],
        };
        assert_eq!(probe(answer), Some(expected));
    }

    #[test]
    fn an_uneven_rate_and_frames_that_are_worked_out() {
        let answer = r#"{"format": {"format_name": "matroska", "duration": "4.0"}, "streams": [
            {"codec_type": "video", "avg_frame_rate": "25/2", "r_frame_rate": "60/1"}]}"#;
        let expected = Probe { frames: Some(50), rate: Rate::Uneven(60, 1), ..Probe::default() };
        assert_eq!(probe(answer), Some(expected));
        let phone = r#"{"streams": [{"codec_type": "video", "avg_frame_rate": "30/1", "r_frame_rate": "90000/1"}]}"#;
        assert_eq!(probe(phone).map(|probe| probe.rate), Some(Rate::Uneven(30, 1)));
        let none = r#"{"streams": [{"codec_type": "video", "avg_frame_rate": "0/0", "r_frame_rate": "90000/1"}]}"#;
        assert_eq!(probe(none).map(|probe| probe.rate), Some(Rate::Unknown));
    }

    #[test]
    fn a_file_that_is_cut_off_promises_what_its_header_counts() {
        let answer = |format| {
            let json = format!(
                r#"{{"format": {{"format_name": "{format}"}}, "streams": [{{"codec_type": "video", "avg_frame_rate": "25/1",
                "r_frame_rate": "25/1", "nb_frames": "100", "duration": "2.0"}}]}}"#
            );
            probe(&json).and_then(|probe| probe.promised_end)
        };
        assert_eq!(answer("avi"), Some(Duration::from_secs(4)));
        assert_eq!(answer("mov,mp4"), Some(Duration::from_secs(2)), "an edit list may leave frames out");
    }

    #[test]
    fn a_song_with_a_cover_is_no_video() {
        let answer = r#"{"streams": [{"index": 0, "codec_type": "audio", "codec_name": "mp3"},
            {"index": 1, "codec_type": "video", "avg_frame_rate": "0/0", "disposition": {"attached_pic": 1}}]}"#;
        assert_eq!(probe(answer), None);
    }
}
