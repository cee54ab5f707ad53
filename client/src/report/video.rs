//! The annotated video: frames into ffmpeg, with the times and the sound of the source.

use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use image::RgbImage;
use image::imageops::{self, FilterType};

use crate::ffmpeg::{Ffmpeg, Process};
use crate::frame::Finished;
use crate::report::annotate::annotated;
use crate::report::{Outputs, ReportError};
use crate::source::{Probe, RgbWriter, VideoInput, VideoKind};

/// Sound that may stand in an mp4 as it is; other sound is encoded anew.
const SOUND_OF_MP4: [&str; 7] = ["aac", "mp3", "ac3", "eac3", "opus", "alac", "flac"];

/// The step in which times are given to the encoder is at most this part of a second, so that uneven times survive.
const STEPS_A_SECOND: u32 = 1000;
/// What ffmpeg rounds times to on their way through the pipe.
const PIPE_STEP: Duration = Duration::from_millis(1);

/// Writes one video.
pub(super) struct Video {
    ffmpeg: Ffmpeg,
    out: PathBuf,
    source: VideoInput,
    probe: Probe,
    limit: Option<u64>,
    /// From the first frame on.
    encoder: Option<Encoder>,
}

struct Encoder {
    process: Process,
    /// Time of the first frame.
    first: Duration,
    writer: RgbWriter<ChildStdin>,
    /// What is shown again should a frame be undecodable, so that no frame is missing.
    last: RgbImage,
}

impl Video {
    pub(super) fn new(out: &Path, source: &VideoInput, outputs: &Outputs) -> Result<Video, ReportError> {
        let Outputs { probe, limit, .. } = outputs.clone();
        Ok(Video { ffmpeg: Ffmpeg::find()?, out: out.to_owned(), source: source.clone(), probe, limit, encoder: None })
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
        if let Err(source) = encoder.writer.write(time, &encoder.last) {
            // ffmpeg has ended, and its own words say more than a broken pipe.
            encoder.process.wait()?;
            return Err(ReportError::Write { path: self.out.clone(), source });
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(), ReportError> {
        let Some(Encoder { process, writer, .. }) = self.encoder else { return Ok(()) };
        // The end of its input tells ffmpeg to finish the file.
        drop(writer);
        Ok(process.wait()?)
    }

    fn start(&self, first: RgbImage, time: Duration) -> Result<Encoder, ReportError> {
        let mut command = Command::new("ffmpeg");
        command
            .args(self.arguments(first.dimensions(), time))
            .arg(&self.out)
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let process = Process::spawn("ffmpeg", command, format!("write {}", self.out.display()))?;
        let writer = RgbWriter::new(process.stdin(), first.width(), first.height());
        let writer = writer.map_err(ReportError::write(&self.out))?;
        Ok(Encoder { process, first: time, writer, last: first })
    }

    /// All but the output's name, for frames of `size` of which the first is at `first`.
    fn arguments(&self, size: (u32, u32), first: Duration) -> Vec<String> {
        let mut args: Vec<String> = Vec::new();
        let mut add = |words: &[&str]| args.extend(words.iter().map(|&w| w.to_owned()));
        let ending = self.out.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let mp4 = matches!(ending.as_str(), "mp4" | "m4v" | "mov");

        // Times in the pipe start at 0; this puts the first frame where it is in the source, beside its sound.
        let offset = format!("{:.3}", first.as_secs_f64());
        add(&["-hide_banner", "-y", "-v", "error", "-itsoffset", &offset, "-f", "matroska", "-i", "pipe:0"]);
        let sound = self.probe.sound.as_deref().filter(|_| self.source.kind == VideoKind::File);
        if sound.is_some() {
            // Of a part of the video, a part of the sound.
            if let Some(end) = self.limit.and_then(|frames| self.probe.duration_of(frames)) {
                add(&["-t", &format!("{:.3}", (first + end).as_secs_f64())]);
            }
            add(&["-i", &self.source.name]);
        }
        add(&["-map", "0:v:0", self.ffmpeg.fps_mode, "passthrough"]);
        if sound.is_some() {
            add(&["-map", "1:a:0"]);
        }
        // A step in which both even and uneven times are whole numbers.
        let (rate, _) = self.probe.rate.unwrap_or((STEPS_A_SECOND, 1));
        let steps = u64::from(rate) * u64::from(STEPS_A_SECOND.div_ceil(rate));
        add(&["-enc_time_base", &format!("1:{steps}")]);
        if size.0 % 2 + size.1 % 2 > 0 {
            // 4:2:0 video has even sides.
            add(&["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]);
        }
        if mp4 || ending == "mkv" {
            match self.ffmpeg.x264 {
                true => add(&["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"]),
                false => add(&["-c:v", "mpeg4", "-q:v", "3"]),
            }
            if sound.is_some_and(|s| !mp4 || SOUND_OF_MP4.contains(&s)) {
                add(&["-c:a", "copy"]);
            }
        }
        if mp4 {
            // So that a browser can play it before it has all of it.
            add(&["-movflags", "+faststart"]);
        }
        args
    }
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
