//! The annotated video: boxes are drawn into the frames as they were decoded, and ffmpeg encodes them with the times of the source.
//!
//! The rest of the source (sound, subtitles, chapters, texts) is added after the last frame. `plan` and `tracks` decide beforehand what the
//! container can hold, `encoder` encodes, and `finish` completes and checks the file, which then takes its place.

mod drawing;
mod encoder;
mod finish;
mod matroska;
mod plan;
mod tracks;

use std::path::{Path, PathBuf};
use std::time::Duration;

use facefleet_stream::frame::Finished;

use crate::ffmpeg::FfmpegError;
use crate::report::error::ReportError;
use crate::report::part::Part;
use crate::report::{Ending, Progress};
use crate::source::{self, Planes, Probe, Rate, RawPicture, VideoKind};
use encoder::{Encoder, Setting};
use finish::{Encoded, Written};
use plan::{Plan, Timing, Wish};
use tracks::Carried;

/// Frames per second that an encoder is told where the source does not say.
const USUAL_RATE: (u32, u32) = (25, 1);

/// An annotated video that can be written.
pub(crate) struct VideoPlan {
    out: PathBuf,
    video: source::Video,
    /// Frames per second, as the encoder is told it, as a fraction.
    rate: (u32, u32),
    plan: Plan,
    tracks: Vec<Carried>,
    whole: Part,
    progress: Progress,
}

impl VideoPlan {
    /// Finds out how `out` can be written.
    ///
    /// # Errors
    /// Fails if it cannot. Nothing has been written then.
    pub(crate) async fn of(out: &Path, video: &source::Video, progress: &Progress) -> Result<VideoPlan, ReportError> {
        if out.extension().is_none() {
            return Err(ReportError::NoEnding { path: out.to_owned() });
        }
        let whole = Part::of(out).map_err(ReportError::write(out))?;
        // Some formats are several files. They show in a folder that is empty otherwise.
        let folder = tempfile::tempdir().map_err(ReportError::write(out))?;
        let trial = folder.path().join("trial").with_extension(out.extension().unwrap_or_default());
        let rate = match video.probe.rate {
            Rate::Even(n, d) | Rate::Uneven(n, d) => (n, d),
            Rate::Unknown => USUAL_RATE,
        };
        let wish = Wish { video, rate, out, trial: &trial, part: whole.path() };
        let plan = Plan::of(wish, progress).await?;
        let tracks = tracks::carried(wish, progress).await;
        Ok(VideoPlan {
            out: out.to_owned(),
            video: video.clone(),
            rate,
            plan,
            tracks,
            whole,
            progress: progress.clone(),
        })
    }

    /// Starts to write the frames that come through `planes`.
    pub(crate) fn start(self, planes: Planes) -> Video {
        Video { plan: self, planes, started: None }
    }
}

/// Writes one annotated video.
pub(crate) struct Video {
    plan: VideoPlan,
    planes: Planes,
    /// What was started with the first frame.
    started: Option<Started>,
}

struct Started {
    encoder: Encoder,
    /// The file that ffmpeg encodes to.
    silent: Part,
    frames: u64,
    /// The time of the first frame in the source.
    first: Duration,
    /// The time of the last frame since the first one.
    time: Duration,
    /// The time between the last two frames.
    step: Duration,
}

impl Video {
    /// Draws on the next frame, and encodes it.
    pub(super) fn write(&mut self, finished: &Finished) -> Result<(), ReportError> {
        let Some(mut picture) = self.planes.next() else {
            return Err(ReportError::NoPicture { path: self.plan.out.clone(), frame: finished.frame.index });
        };
        drawing::draw(&mut picture, finished);
        let time = finished.frame.time.unwrap_or_default();
        let started = match &mut self.started {
            Some(started) => started,
            None => self.started.insert(self.plan.encode_from(&picture, time)?),
        };
        let time = even(time.saturating_sub(started.first), self.plan.video.probe.rate, picture.unit);
        started.encoder.write(time, &picture.bytes, &self.plan.out)?;
        started.frames += 1;
        if time > started.time {
            started.step = time - started.time;
            started.time = time;
        }
        Ok(())
    }

    /// Completes the video and returns its path, or None if there was no frame. If the source was not read to its end, its sound ends with
    /// the picture.
    pub(super) fn finish(self, ending: Ending) -> Result<Option<PathBuf>, ReportError> {
        let Video { plan: VideoPlan { out, video, plan, tracks, whole, progress, rate: _ }, planes: _, started } = self;
        let Some(Started { encoder, silent, frames, first, time, step }) = started else { return Ok(None) };
        let is_cut = ending != Ending::Complete;
        let named = |error: FfmpegError| error.about(silent.path(), &out).about(whole.path(), &out);
        let errors = encoder.finish().map_err(named)?;
        let failed =
            |said: String| FfmpegError::Failed { program: "ffmpeg", task: format!("write {}", out.display()), said };
        if let Some(said) = errors.joined() {
            return Err(named(failed(said)).into());
        }
        let encoded = Encoded {
            frames,
            first,
            cut: is_cut.then_some(first + time + step),
            last_frame: last_frame(&video.probe, first + time, step, is_cut),
        };
        let input = (video.input.kind == VideoKind::File).then_some(&video.input);
        finish::add_tracks(&tracks, input, silent.path(), whole.path(), &encoded, &out).map_err(named)?;
        let Written { frames: written, chapters } = finish::look_at(whole.path(), &out).map_err(named)?;
        if chapters < video.probe.chapters {
            progress.warn(format!("{} cannot hold the chapters of the source: left out", out.display()));
        }
        match plan.timing {
            Timing::Exact if written != frames => {
                return Err(failed(format!("{frames} frames were encoded, and {written} are in the file")).into());
            }
            Timing::Even(..) if written != frames => progress.warn(format!(
                "{} has {written} frames for the {frames} of the source: it holds only frames at an even rate",
                out.display()
            )),
            Timing::Exact | Timing::Even(..) => {}
        }
        whole.publish().map_err(ReportError::write(&out))?;
        Ok(Some(out))
    }
}

impl VideoPlan {
    fn encode_from(&self, first: &RawPicture, time: Duration) -> Result<Started, ReportError> {
        let silent = Part::of(&self.out).map_err(ReportError::write(&self.out))?;
        let Self { video, plan, rate, out, .. } = self;
        let setting = Setting { ffmpeg: video.ffmpeg, plan, rate: *rate, path: silent.path(), name: out };
        let encoder = Encoder::start(&setting, first)?;
        let zero = Duration::ZERO;
        Ok(Started { encoder, silent, frames: 0, first: time, time: zero, step: zero })
    }
}

/// Returns how long the last frame is shown, which begins at time `last` of the source. None: it follows from an even rate.
fn last_frame(probe: &Probe, last: Duration, step: Duration, is_cut: bool) -> Option<Duration> {
    let rest = probe.end.filter(|_| !is_cut).map(|end| end.saturating_sub(last));
    match (rest, probe.rate) {
        (Some(rest), _) if rest > step + step / 2 => Some(rest),
        (_, Rate::Even(..)) => None,
        (rest, Rate::Uneven(..) | Rate::Unknown) => Some(rest.unwrap_or(step)).filter(|time| !time.is_zero()),
    }
}

/// Removes the rounding to whole `unit`s from `time`, the time since the first frame: if it is close to a whole number of frame periods,
/// exactly that number of periods is returned.
fn even(time: Duration, rate: Rate, unit: Duration) -> Duration {
    let Rate::Even(n, d) = rate else { return time };
    let period = f64::from(d) / f64::from(n);
    let frames = (time.as_secs_f64() / period).round();
    let step = Duration::try_from_secs_f64(frames * period).unwrap_or(time);
    // The time of the first frame and this time were both rounded, by at most half a unit each.
    if step.abs_diff(time) <= unit { step } else { time }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_frame_is_shown_as_long_as_in_the_source() {
        let ms = Duration::from_millis;
        let probe = |rate, end: Option<u64>| Probe { rate, end: end.map(ms), ..Probe::default() };
        let (even, uneven) = (Rate::Even(25, 1), Rate::Uneven(5, 1));
        assert_eq!(last_frame(&probe(even, Some(2000)), ms(1960), ms(40), false), None);
        assert_eq!(last_frame(&probe(even, Some(5000)), ms(1960), ms(40), false), Some(ms(3040)));
        assert_eq!(last_frame(&probe(even, Some(5000)), ms(1960), ms(40), true), None, "stopped long before");
        assert_eq!(last_frame(&probe(uneven, Some(4400)), ms(400), ms(200), false), Some(ms(4000)));
        assert_eq!(last_frame(&probe(Rate::Unknown, None), ms(3800), ms(200), false), Some(ms(200)), "a camera");
        assert_eq!(last_frame(&probe(Rate::Unknown, None), ms(0), ms(0), false), None, "one frame");
    }

    #[test]
    fn even_times_are_exact_again_and_uneven_ones_stay() {
        let ms = Duration::from_millis;
        let ntsc = Rate::Even(30_000, 1_001);
        assert_eq!(even(ms(33), ntsc, ms(1)).as_micros(), 33_366);
        assert_eq!(even(ms(3_600_030), ntsc, ms(1)).as_micros(), 3_600_029_766, "an hour later");
        assert_eq!(even(ms(50), ntsc, ms(1)), ms(50));
        assert_eq!(even(ms(170), Rate::Even(12, 1), ms(10)).as_micros(), 166_666);
        assert_eq!(even(ms(170), Rate::Even(12, 1), ms(1)), ms(170));
        assert_eq!(even(ms(33), Rate::Uneven(30, 1), ms(1)), ms(33));
        assert_eq!(even(ms(33), Rate::Unknown, ms(1)), ms(33));
    }
}
