//! The annotated video: frames are piped to ffmpeg, with the times and the sound of the source.
//!
//! The sound is added after the last frame, because its length is unknown before.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use image::RgbImage;
use image::imageops::{self, FilterType};

use crate::ffmpeg::{Ffmpeg, Process, file, words};
use crate::report::drawing::annotated;
use crate::report::error::ReportError;
use crate::source::{self, Probe, RgbWriter, VideoInput};
use facefleet_stream::frame::Finished;

/// Codecs of sound that mp4 supports, so that the sound can be copied; other sound is encoded again.
const SOUND_OF_MP4: [&str; 7] = ["aac", "mp3", "ac3", "eac3", "opus", "alac", "flac"];

/// The time base of the encoder has at least this many steps per second, so that uneven frame times are kept.
const STEPS_A_SECOND: u32 = 1000;
/// The resolution to which ffmpeg rounds times in the pipe.
const PIPE_STEP: Duration = Duration::from_millis(1);

/// Writes one annotated video.
pub(super) struct Video {
    out: PathBuf,
    input: VideoInput,
    probe: Probe,
    ffmpeg: Ffmpeg,
    /// The running ffmpeg, started with the first frame.
    encoder: Option<Encoder>,
}

struct Encoder {
    process: Process,
    writer: RgbWriter<ChildStdin>,
    /// The time of the first frame in the source.
    first: Duration,
    /// The time of the last frame since the first one.
    time: Duration,
    /// The time between the last two frames.
    step: Duration,
    /// The last picture. A frame that cannot be decoded shows it again, so that no frame is missing.
    last: RgbImage,
}

impl Video {
    pub(super) fn new(out: &Path, video: &source::Video) -> Video {
        let source::Video { input, probe, ffmpeg } = video.clone();
        Video { out: out.to_owned(), input, probe, ffmpeg, encoder: None }
    }

    pub(super) fn write(&mut self, finished: &Finished) -> Result<(), ReportError> {
        let time = finished.frame.time.unwrap_or_default();
        let picture = annotated(finished);
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            None => {
                let first = picture.clone().ok_or_else(|| ReportError::NoFirstFrame { path: self.out.clone() })?;
                let encoder = self.start(first, time)?;
                self.encoder.insert(encoder)
            }
        };
        if let Some(picture) = picture {
            let size = encoder.last.dimensions();
            let fits = picture.dimensions() == size;
            // ffmpeg gives all frames one size: it scales those of a source that changes its size.
            encoder.last =
                if fits { picture } else { imageops::resize(&picture, size.0, size.1, FilterType::Triangle) };
        }
        let time = even(time.saturating_sub(encoder.first), &self.probe);
        encoder.step = time.saturating_sub(encoder.time);
        encoder.time = time;
        if let Err(source) = encoder.writer.write(time, &encoder.last) {
            // ffmpeg has ended, and its own message says more than a broken pipe.
            encoder.process.wait()?;
            return Err(ReportError::Write { path: self.out.clone(), source });
        }
        Ok(())
    }

    /// Completes the video and returns its path, or None if there was no frame.
    pub(super) fn finish(mut self) -> Result<Option<PathBuf>, ReportError> {
        let Some(Encoder { process, writer, first, time, step, last: _ }) = self.encoder.take() else {
            return Ok(None);
        };
        // ffmpeg completes the file at the end of its input.
        drop(writer);
        process.wait()?;
        if let Some(sound) = &self.probe.sound {
            let silent = self.silent();
            let task = format!("copy the sound of {}; {} has the picture alone", self.input.name, silent.display());
            let end = first + time + step;
            let mut command = Command::new("ffmpeg");
            command.args(self.sound_arguments(sound, first, end)).arg(file(&self.out)).stdin(Stdio::null());
            Process::spawn("ffmpeg", command, task)?.wait()?;
            fs::remove_file(&silent).map_err(ReportError::write(&silent))?;
        }
        Ok(Some(self.out))
    }

    fn start(&self, picture: RgbImage, first: Duration) -> Result<Encoder, ReportError> {
        let out = if self.probe.sound.is_some() { &self.silent() } else { &self.out };
        let mut command = Command::new("ffmpeg");
        command.args(self.picture_arguments(picture.dimensions(), first)).arg(file(out));
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let process = Process::spawn("ffmpeg", command, format!("write {}", out.display()))?;
        let writer = RgbWriter::new(process.stdin(), picture.width(), picture.height());
        let writer = writer.map_err(ReportError::write(out))?;
        Ok(Encoder { process, writer, first, time: Duration::ZERO, step: Duration::ZERO, last: picture })
    }

    /// The path of the video before the sound is added.
    fn silent(&self) -> PathBuf {
        let stem = self.out.file_stem().unwrap_or_default().to_string_lossy();
        self.out.with_file_name(format!("{stem}.silent.{}", self.ending()))
    }

    fn ending(&self) -> String {
        self.out.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
    }

    fn is_mp4(&self) -> bool {
        matches!(self.ending().as_str(), "mp4" | "m4v" | "mov")
    }

    /// The arguments to encode frames of `size`, the first of them at time `first`. The path of the output is to be appended.
    fn picture_arguments(&self, size: (u32, u32), first: Duration) -> Vec<OsString> {
        let mut args = words(&["-hide_banner", "-y", "-v", "error"]);
        if self.probe.sound.is_none() {
            args.extend(words(&["-itsoffset", &seconds(first)]));
        }
        args.extend(words(&["-f", "matroska", "-i", "pipe:0", self.ffmpeg.fps_mode, "passthrough"]));
        // In this time base both even and uneven frame times are whole numbers.
        let (rate, _) = self.probe.rate.unwrap_or((STEPS_A_SECOND, 1));
        let steps = u64::from(rate) * u64::from(STEPS_A_SECOND.div_ceil(rate));
        args.extend(words(&["-enc_time_base", &format!("1:{steps}")]));
        if size.0 % 2 + size.1 % 2 > 0 {
            // 4:2:0 video needs an even width and height.
            args.extend(words(&["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]));
        }
        if self.is_mp4() || self.ending() == "mkv" {
            args.extend(match self.ffmpeg.x264 {
                true => words(&["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"]),
                false => words(&["-c:v", "mpeg4", "-q:v", "3"]),
            });
        }
        if self.is_mp4() && self.probe.sound.is_none() {
            args.extend(words(&FAST_START));
        }
        args
    }

    /// The arguments to add sound to a video that starts at time `first` and ends at time `end` of the source. The path of the
    /// output is to be appended.
    fn sound_arguments(&self, sound: &str, first: Duration, end: Duration) -> Vec<OsString> {
        let mut args = words(&["-hide_banner", "-nostdin", "-y", "-v", "error", "-itsoffset", &seconds(first), "-i"]);
        args.push(file(&self.silent()));
        args.extend(words(&["-t", &seconds(end), "-i"]));
        args.push(self.input.url());
        args.extend(words(&["-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy"]));
        if self.ending() == "mkv" || self.is_mp4() && SOUND_OF_MP4.contains(&sound) {
            args.extend(words(&["-c:a", "copy"]));
        }
        if self.is_mp4() {
            args.extend(words(&FAST_START));
        }
        args
    }
}

/// Puts the index of an mp4 at its start, so that a browser can play it before it is loaded completely.
const FAST_START: [&str; 2] = ["-movflags", "+faststart"];

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

/// Removes the rounding of the file and of the pipe from `time`, the time since the first frame: if it is close to a whole
/// number of frame periods, exactly that number of periods is returned.
fn even(time: Duration, probe: &Probe) -> Duration {
    let Some((n, d)) = probe.rate else { return time };
    let period = f64::from(d) / f64::from(n);
    let frames = (time.as_secs_f64() / period).round();
    let step = Duration::try_from_secs_f64(frames * period).unwrap_or(time);
    // The time of the first frame and this time were both rounded, by at most half a step each.
    if step.abs_diff(time) <= probe.time_step + PIPE_STEP { step } else { time }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_times_are_exact_again_and_uneven_ones_stay() {
        let ms = Duration::from_millis;
        let ntsc = Probe { rate: Some((30_000, 1_001)), ..Probe::default() };
        assert_eq!(even(ms(33), &ntsc).as_micros(), 33_366);
        assert_eq!(even(ms(3_600_030), &ntsc).as_micros(), 3_600_029_766, "an hour later");
        assert_eq!(even(ms(50), &ntsc), ms(50));
        let gif = Probe { rate: Some((12, 1)), time_step: ms(10), ..Probe::default() };
        assert_eq!(even(ms(170), &gif).as_micros(), 166_666);
        assert_eq!(even(ms(33), &Probe::default()), ms(33));
    }
}
