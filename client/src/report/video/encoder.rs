//! The ffmpeg that encodes the frames of an annotated video.

use std::io;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use facefleet_vision::draw::Depth;

use crate::ffmpeg::{Errors, Ffmpeg, FfmpegError, Process, file, words};
use crate::report::video::matroska::{Track, Writer};
use crate::report::video::plan::{Plan, steps_a_second};
use crate::source::{Colour, RawPicture};

/// A running encoder.
pub(super) struct Encoder {
    process: Process,
    writer: Writer<ChildStdin>,
    clock: EncoderClock,
}

/// What an encoder is told before the first frame.
pub(super) struct Setting<'a> {
    pub(super) ffmpeg: Ffmpeg,
    pub(super) plan: &'a Plan,
    /// Frames per second, as a fraction.
    pub(super) rate: (u32, u32),
    /// The file to write.
    pub(super) path: &'a Path,
    /// The name by which people know the file.
    pub(super) name: &'a Path,
}

impl Encoder {
    /// Starts to encode frames like `first`.
    pub(super) fn start(setting: &Setting<'_>, first: &RawPicture) -> Result<Encoder, FfmpegError> {
        let Setting { ffmpeg, plan, rate, path, name } = *setting;
        let mut args = words(&["-hide_banner", "-y", "-v", "level+error", "-f", "matroska", "-i", "pipe:0"]);
        args.extend(words(&["-vf", &filters(first)]));
        args.extend(words(plan.encoder));
        args.extend(plan.timing_arguments(ffmpeg, rate));
        args.push(file(path));
        let mut command = Command::new("ffmpeg");
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::null());
        let process = Process::spawn("ffmpeg", command, format!("write {}", name.display()))?;
        let period = Duration::from_secs_f64(f64::from(rate.1) / f64::from(rate.0));
        let fourcc = match first.format.depth {
            Depth::Eight => YUV420P,
            Depth::Ten => YUV420P10LE,
        };
        let started = Writer::new(process.stdin(), Track { size: first.size, fourcc, period });
        match started {
            Ok(writer) => Ok(Encoder { process, writer, clock: EncoderClock::new(rate) }),
            Err(error) => Err(why(&process, name, &error)),
        }
    }

    /// Writes a frame that is shown `time` after the first one.
    pub(super) fn write(&mut self, time: Duration, frame: &[u8], name: &Path) -> Result<(), FfmpegError> {
        let time = self.clock.next(time);
        self.writer.write(time, frame).map_err(|error| why(&self.process, name, &error))
    }

    /// Lets ffmpeg complete the file. Returns the errors that it reported although it ended well.
    pub(super) fn finish(self) -> Result<Errors, FfmpegError> {
        drop(self.writer);
        self.process.wait()
    }
}

/// Formats that ffmpeg knows by these codes in Matroska.
const YUV420P: [u8; 4] = *b"I420";
const YUV420P10LE: [u8; 4] = *b"Y3\x0B\x0A";

/// Returns the filters that tell the encoder what the numbers mean, which a pipe of raw frames does not.
fn filters(first: &RawPicture) -> String {
    let Colour { range, matrix, primaries, transfer } = &first.colour;
    // A source in RGB was converted with BT.601, ffmpeg's default.
    let matrix = if matrix == "gbr" { "smpte170m" } else { matrix };
    let mut filters =
        format!("setparams=range={range}:colorspace={matrix}:color_primaries={primaries}:color_trc={transfer}");
    if let (across @ 1.., down @ 1..) = first.aspect {
        filters += &format!(",setsar={across}/{down}");
    }
    if first.size.0 % 2 + first.size.1 % 2 > 0 {
        // Encoders of 4:2:0 need an even width and height.
        filters += ",pad=ceil(iw/2)*2:ceil(ih/2)*2";
    }
    filters
}

/// ffmpeg has ended, and its own message says more than a broken pipe.
fn why(process: &Process, name: &Path, error: &io::Error) -> FfmpegError {
    process.wait().err().unwrap_or_else(|| FfmpegError::Failed {
        program: "ffmpeg",
        task: format!("write {}", name.display()),
        said: error.to_string(),
    })
}

/// Gives each frame a time of its own, later than the one before, in the encoder's time base: encoders refuse two frames with one
/// time.
struct EncoderClock {
    steps_a_second: u64,
    last: Option<u64>,
}

impl EncoderClock {
    fn new((n, _): (u32, u32)) -> EncoderClock {
        EncoderClock { steps_a_second: steps_a_second(n), last: None }
    }

    fn next(&mut self, time: Duration) -> Duration {
        const SECOND_NS: u128 = 1_000_000_000;
        let steps_a_second = u128::from(self.steps_a_second);
        let step = u64::try_from((time.as_nanos() * steps_a_second + SECOND_NS / 2) / SECOND_NS).unwrap_or(u64::MAX);
        let step = self.last.map_or(step, |last| step.max(last + 1));
        self.last = Some(step);
        Duration::from_nanos(u64::try_from(u128::from(step) * SECOND_NS / steps_a_second).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_vision::draw::{Matrix, Range, RawFormat};

    #[test]
    fn times_increase_whatever_the_source_says() {
        let mut clock = EncoderClock::new((25, 1));
        let times =
            [0, 40_000, 40_000, 40_010, 20_000, 80_000].map(|us| clock.next(Duration::from_micros(us)).as_micros());
        assert_eq!(times, [0, 40_000, 40_100, 40_200, 40_300, 80_000]);
    }

    #[test]
    fn even_times_are_exact() {
        let mut clock = EncoderClock::new((30_000, 1_001));
        let step = |frame: u64| Duration::from_nanos(frame * 1_001_000_000 / 30);
        for frame in 0..1000 {
            let steps = clock.next(step(frame)).as_secs_f64() * 30_000.0;
            assert!((steps - frame as f64 * 1001.0).abs() < 1e-3, "{frame}: {steps}");
        }
    }

    #[test]
    fn the_meaning_of_the_numbers_is_told() {
        let unknown = || "unknown".to_owned();
        let colour = Colour { range: "pc".into(), matrix: "gbr".into(), primaries: unknown(), transfer: unknown() };
        let unit = Duration::from_millis(1);
        let format = RawFormat { depth: Depth::Eight, matrix: Matrix::Bt601, range: Range::Full };
        let picture = RawPicture { bytes: Vec::new(), size: (5, 4), aspect: (64, 45), format, colour, unit };
        assert_eq!(
            filters(&picture),
            "setparams=range=pc:colorspace=smpte170m:color_primaries=unknown:color_trc=unknown,setsar=64/45,\
             pad=ceil(iw/2)*2:ceil(ih/2)*2"
        );
        assert!(!filters(&RawPicture { aspect: (0, 1), size: (4, 4), ..picture }).contains("setsar"));
    }
}
