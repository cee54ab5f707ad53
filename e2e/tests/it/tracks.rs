//! What ffprobe says of each track of a file, and of each frame when it is decoded.

use std::collections::BTreeMap;
use std::path::Path;

use facefleet_e2e::tool;
use serde::Deserialize;

use crate::media::text;

/// A file as whoever plays it sees and hears it.
#[derive(Debug, Deserialize)]
pub(crate) struct Media {
    streams: Vec<Track>,
    #[serde(default)]
    frames: Vec<Frame>,
    pub(crate) format: Format,
    #[serde(default)]
    pub(crate) chapters: Vec<Chapter>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Track {
    index: u64,
    /// Empty for a track that ffprobe does not know.
    #[serde(default)]
    codec_type: String,
    pub(crate) codec_name: Option<String>,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    pub(crate) level: Option<i64>,
    pub(crate) pix_fmt: Option<String>,
    sample_aspect_ratio: Option<String>,
    sample_rate: Option<String>,
    avg_frame_rate: String,
    color_range: Option<String>,
    color_space: Option<String>,
    color_transfer: Option<String>,
    color_primaries: Option<String>,
    #[serde(default)]
    side_data_list: Vec<SideData>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct SideData {
    rotation: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Frame {
    /// Subtitles have none.
    stream_index: Option<u64>,
    best_effort_timestamp_time: Option<String>,
    nb_samples: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Format {
    start_time: Option<String>,
    duration: Option<String>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize, PartialEq)]
pub(crate) struct Chapter {
    pub(crate) start_time: String,
    pub(crate) end_time: String,
}

/// What the numbers of the pixels mean, as ffprobe calls it: range, matrix, transfer and primaries. What is not said is empty.
pub(crate) type Colours = [String; 4];

impl Media {
    /// Decodes all of a file.
    #[track_caller]
    pub(crate) fn of(path: &Path) -> Media {
        const FRAMES: &str = "frame=stream_index,best_effort_timestamp_time,nb_samples";
        const ALL: [&str; 5] = ["-of", "json", "-show_streams", "-show_format", "-show_chapters"];
        let printed = tool("ffprobe", &[&ALL[..], &["-show_frames", "-show_entries", FRAMES, text(path)]].concat());
        serde_json::from_slice(&printed.unwrap()).unwrap()
    }

    /// The tracks of a kind: `video`, `audio`, `subtitle` or `data`.
    pub(crate) fn tracks(&self, kind: &str) -> Vec<&Track> {
        self.streams.iter().filter(|track| track.codec_type == kind).collect()
    }

    /// The first video track.
    #[track_caller]
    pub(crate) fn picture(&self) -> &Track {
        self.tracks("video").first().expect("a video track")
    }

    /// The time of each frame of the first video track, in seconds and in order.
    pub(crate) fn times(&self) -> Vec<f64> {
        self.times_of(self.picture())
    }

    /// How long the first sound track sounds, in seconds; None where there is none.
    pub(crate) fn sound_seconds(&self) -> Option<f64> {
        let track = self.tracks("audio").first().copied()?;
        let samples: u64 = self.frames_of(track).filter_map(|frame| frame.nb_samples).sum();
        let rate: f64 = track.sample_rate.as_deref()?.parse().ok()?;
        Some(samples as f64 / rate)
    }

    /// Seconds from the first sound to the first picture; less than 0 where the picture begins first, None where one is missing.
    pub(crate) fn picture_after_sound(&self) -> Option<f64> {
        let sound = self.tracks("audio").first().copied()?;
        Some(self.times().first()? - self.times_of(sound).first()?)
    }

    /// Seconds from the start of the file to its first picture.
    #[track_caller]
    pub(crate) fn first_picture(&self) -> f64 {
        self.times()[0] - seconds(self.format.start_time.as_deref())
    }

    /// How long the whole file lasts, in seconds.
    #[track_caller]
    pub(crate) fn seconds(&self) -> f64 {
        seconds(self.format.duration.as_deref())
    }

    fn frames_of(&self, track: &Track) -> impl Iterator<Item = &Frame> {
        let index = track.index;
        self.frames.iter().filter(move |frame| frame.stream_index == Some(index))
    }

    /// A program stream has no time for a frame that begins where another one's packet does, nor has ASF for the last sound: such a
    /// frame follows the one before at the distance of those two before it.
    fn times_of(&self, track: &Track) -> Vec<f64> {
        let mut times: Vec<f64> = Vec::new();
        for frame in self.frames_of(track) {
            let said = frame.best_effort_timestamp_time.as_deref().and_then(|time| time.parse().ok());
            let step = || times.last_chunk().map(|[a, b]| b + (b - a));
            let time = said.or_else(step).expect("two frames with a time");
            times.push(time);
        }
        times
    }
}

impl Track {
    /// Frames per second.
    #[track_caller]
    pub(crate) fn rate(&self) -> f64 {
        fraction(&self.avg_frame_rate, '/').expect("a rate")
    }

    /// Width by height of the picture as it is shown: with pixels that are not square, and turned as the file says.
    #[track_caller]
    pub(crate) fn shape(&self) -> f64 {
        let pixel = self.sample_aspect_ratio.as_deref().and_then(|ratio| fraction(ratio, ':')).unwrap_or(1.0);
        let (width, height) = self.width.zip(self.height).expect("a picture");
        let shape = f64::from(width) * pixel / f64::from(height);
        let turned = self.side_data_list.iter().find_map(|data| data.rotation).unwrap_or(0.0);
        if turned.rem_euclid(180.0) == 90.0 { 1.0 / shape } else { shape }
    }

    pub(crate) fn colours(&self) -> Colours {
        [&self.color_range, &self.color_space, &self.color_transfer, &self.color_primaries]
            .map(|said| said.clone().unwrap_or_default())
    }

    /// A tag of the track, such as its language.
    pub(crate) fn tag(&self, name: &str) -> Option<&str> {
        self.tags.get(name).map(String::as_str)
    }
}

#[track_caller]
fn seconds(text: Option<&str>) -> f64 {
    text.and_then(|text| text.parse().ok()).expect("ffprobe tells the time")
}

/// None where a part is 0: ffprobe writes `0/0` or `0:1` for what is not known.
fn fraction(text: &str, between: char) -> Option<f64> {
    let (n, d) = text.split_once(between)?;
    let (n, d): (f64, f64) = (n.parse().ok()?, d.parse().ok()?);
    (n > 0.0 && d > 0.0).then_some(n / d)
}
