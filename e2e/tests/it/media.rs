//! What ffmpeg says of videos and pictures.

use std::fs;
use std::path::Path;

use facefleet_e2e::tool;
use image::RgbImage;
use serde::Deserialize;

/// A video's frames and sound, as far as they are to be kept by whoever copies it.
#[derive(Debug, PartialEq)]
pub(crate) struct Video {
    pub(crate) frames: u64,
    /// A fraction, in frames per second.
    pub(crate) rate: String,
    pub(crate) size: (u32, u32),
}

/// A sound track.
#[derive(Debug, PartialEq)]
pub(crate) struct Sound {
    pub(crate) codec: String,
    /// The hash of all packets as they are in the file: equal only for sound that was not encoded anew.
    pub(crate) md5: String,
}

#[derive(Deserialize)]
struct Answer {
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    codec_name: String,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
    avg_frame_rate: String,
    nb_read_frames: Option<String>,
    duration: Option<String>,
}

/// Looks at the video track; every frame is decoded and counted.
#[track_caller]
pub(crate) fn video(path: &Path) -> Video {
    let Stream { width, height, avg_frame_rate, nb_read_frames, .. } = stream(path, "v:0").expect("a video track");
    let frames = nb_read_frames.and_then(|n| n.parse().ok()).expect("ffprobe was asked to count");
    Video { frames, rate: avg_frame_rate, size: (width, height) }
}

/// Looks at the sound track.
#[track_caller]
pub(crate) fn sound(path: &Path) -> Option<Sound> {
    let Stream { codec_name, .. } = stream(path, "a:0")?;
    let md5 = tool("ffmpeg", &["-i", text(path), "-map", "0:a:0", "-c", "copy", "-f", "md5", "-"]).unwrap();
    Some(Sound { codec: codec_name, md5: String::from_utf8(md5).unwrap() })
}

/// How long a track lasts, `v:0` or `a:0`.
#[track_caller]
pub(crate) fn seconds(path: &Path, track: &str) -> f64 {
    let duration = stream(path, track).and_then(|stream| stream.duration);
    duration.and_then(|seconds| seconds.parse().ok()).expect("a track that says how long it is")
}

/// The time of each frame of a video, in milliseconds, in order.
pub(crate) fn times_ms(path: &Path) -> Vec<u64> {
    let args = ["-select_streams", "v:0", "-show_entries", "packet=pts_time", "-of", "csv=p=0", text(path)];
    let printed = String::from_utf8(tool("ffprobe", &args).unwrap()).unwrap();
    let seconds = printed.lines().map(|line| line.trim_end_matches(',').parse::<f64>().unwrap());
    let mut times: Vec<u64> = seconds.map(|s| (s * 1e3).round() as u64).collect();
    times.sort_unstable();
    times
}

/// One frame of a video.
#[track_caller]
pub(crate) fn frame(path: &Path, index: u64) -> RgbImage {
    let size = video(path).size;
    let select = format!("select=eq(n\\,{index})");
    let args = ["-i", text(path), "-vf", &select, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
    RgbImage::from_raw(size.0, size.1, tool("ffmpeg", &args).unwrap()).expect("one frame of that size")
}

/// The first `count` frames of a video, as JPEGs.
pub(crate) fn jpegs(path: &Path, count: usize) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let pattern = folder.path().join("%d.jpg");
    tool("ffmpeg", &["-i", text(path), "-frames:v", &count.to_string(), "-q:v", "3", text(&pattern)]).unwrap();
    (1..=count).map(|number| fs::read(folder.path().join(format!("{number}.jpg"))).unwrap()).collect()
}

fn stream(path: &Path, which: &str) -> Option<Stream> {
    let args = ["-of", "json", "-count_frames", "-select_streams", which, "-show_streams", text(path)];
    let answer: Answer = serde_json::from_slice(&tool("ffprobe", &args).unwrap()).unwrap();
    answer.streams.into_iter().next()
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("the checkout and the temporary folder have names in UTF-8")
}
