//! The annotated video: frames into ffmpeg, with the times and the sound of the source.
//!
//! The sound is added when the last frame is written: only then is it known how much of it there is to copy.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use image::RgbImage;
use image::imageops::{self, FilterType};

use crate::ffmpeg::{Ffmpeg, Process, file, words};
use crate::report::ReportError;
use crate::report::drawing::annotated;
use crate::source::{self, Probe, RgbWriter, VideoInput};
use facefleet_stream::frame::Finished;

/// Sound that may stand in an mp4 as it is; other sound is encoded anew.
const SOUND_OF_MP4: [&str; 7] = ["aac", "mp3", "ac3", "eac3", "opus", "alac", "flac"];

/// The step in which times are given to the encoder is at most this part of a second, so that uneven times survive.
const STEPS_A_SECOND: u32 = 1000;
/// What ffmpeg rounds times to on their way through the pipe.
const PIPE_STEP: Duration = Duration::from_millis(1);

/// Writes one video.
pub(super) struct Video {
    out: PathBuf,
    input: VideoInput,
    probe: Probe,
    ffmpeg: Ffmpeg,
    /// From the first frame on.
    encoder: Option<Encoder>,
}

struct Encoder {
    process: Process,
    writer: RgbWriter<ChildStdin>,
    /// Time of the first frame in the source.
    first: Duration,
    /// Time of the last frame since then, and how long the one before it lasted.
    time: Duration,
    step: Duration,
    /// What is shown again should a frame be undecodable, so that no frame is missing.
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
            // ffmpeg hands over frames of one size; a source that changes its size has been scaled by it.
            encoder.last =
                if fits { picture } else { imageops::resize(&picture, size.0, size.1, FilterType::Triangle) };
        }
        let time = even(time.saturating_sub(encoder.first), &self.probe);
        encoder.step = time.saturating_sub(encoder.time);
        encoder.time = time;
        if let Err(source) = encoder.writer.write(time, &encoder.last) {
            // ffmpeg has ended, and its own words say more than a broken pipe.
            encoder.process.wait()?;
            return Err(ReportError::Write { path: self.out.clone(), source });
        }
        Ok(())
    }

    /// Returns the video's name, if there was a frame.
    pub(super) fn finish(mut self) -> Result<Option<PathBuf>, ReportError> {
        let Some(Encoder { process, writer, first, time, step, last: _ }) = self.encoder.take() else {
            return Ok(None);
        };
        // The end of its input tells ffmpeg to finish the file.
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

    /// Where the picture goes until its sound is added.
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

    /// For frames of `size` of which the first is at `first`; the output's name is missing.
    fn picture_arguments(&self, size: (u32, u32), first: Duration) -> Vec<OsString> {
        let mut args = words(&["-hide_banner", "-y", "-v", "error"]);
        if self.probe.sound.is_none() {
            args.extend(words(&["-itsoffset", &seconds(first)]));
        }
        args.extend(words(&["-f", "matroska", "-i", "pipe:0", self.ffmpeg.fps_mode, "passthrough"]));
        // A step in which both even and uneven times are whole numbers.
        let (rate, _) = self.probe.rate.unwrap_or((STEPS_A_SECOND, 1));
        let steps = u64::from(rate) * u64::from(STEPS_A_SECOND.div_ceil(rate));
        args.extend(words(&["-enc_time_base", &format!("1:{steps}")]));
        if size.0 % 2 + size.1 % 2 > 0 {
            // 4:2:0 video has even sides.
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

    /// For a picture whose first frame belongs at `first` and whose last one ends at `end`; the output's name is missing.
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

/// So that a browser can play an mp4 before it has all of it.
const FAST_START: [&str; 2] = ["-movflags", "+faststart"];

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

/// `time` since the first frame, freed of the file's and the pipe's rounding where it is a whole number of frames.
fn even(time: Duration, probe: &Probe) -> Duration {
    let Some((n, d)) = probe.rate else { return time };
    let period = f64::from(d) / f64::from(n);
    let frames = (time.as_secs_f64() / period).round();
    let step = Duration::try_from_secs_f64(frames * period).unwrap_or(time);
    // Both the first frame's time and this one's were rounded, by half a step each.
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
