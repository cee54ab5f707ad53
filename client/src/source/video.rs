//! Frames from ffmpeg.

use std::ffi::OsString;
use std::io::{self, BufReader};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::ffmpeg::{Errors, Ffmpeg, FfmpegError, Line, Process, words};
use crate::report::Progress;
use crate::source::input::{VideoInput, VideoKind};
use crate::source::mpjpeg;
use crate::source::pace::Pace;
use crate::source::planes::{self, Closing, Planes, Socket};
use crate::source::showinfo::{ShowInfo, Shown};
use crate::source::{Reading, SourceError, Video};
use facefleet_service::clock;
use facefleet_stream::frame::{Scale, SourceFrame};
use facefleet_vision::jpeg;

/// JPEG quality of the frames, in ffmpeg's scale from 2 (best) to 31. See docs/performance.md for what other values do to the faces
/// that are found.
const QUALITY: &str = "3";
/// ffmpeg's name for Motion JPEG from a server, which has no times of its own.
const MOTION_JPEG: &str = "mpjpeg";

type Frames = mpsc::Sender<Result<SourceFrame, SourceError>>;

/// A running ffmpeg that reads a video.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) closing: Arc<Closing>,
    /// ffmpeg's name for the format of the input, from the first frame on.
    format: Arc<OnceLock<String>>,
    kind: VideoKind,
}

impl Running {
    /// Returns whether the source does not wait for its reader, as a camera. This is known from the first frame on.
    pub(super) fn is_camera(&self) -> bool {
        is_camera(self.kind, self.format.get().map(String::as_str))
    }
}

fn is_camera(kind: VideoKind, format: Option<&str>) -> bool {
    match kind {
        VideoKind::Stream | VideoKind::Device => true,
        VideoKind::Url => format == Some(MOTION_JPEG),
        VideoKind::File | VideoKind::Pipe => false,
    }
}

/// Starts ffmpeg and a thread that reads its frames into `frames`. A full channel makes ffmpeg wait. Returns the frames at full size,
/// too, if they are wanted.
pub(super) fn start(
    video: &Video,
    reading: Reading,
    progress: Progress,
    frames: Frames,
) -> Result<(Running, Option<Planes>), SourceError> {
    let Video { input, probe, ffmpeg } = video;
    let socket = reading.with_planes.then(Socket::listen).transpose().map_err(SourceError::Socket)?;
    let mut command = Command::new("ffmpeg");
    command.args(arguments(*ffmpeg, video, reading, socket.as_ref()));
    command.stdin(if input.kind == VideoKind::Pipe { Stdio::inherit() } else { Stdio::null() }).stdout(Stdio::piped());

    let (mut source, shown) = ShowInfo::of("source");
    let (mut planes, planes_shown) = ShowInfo::of("planes");
    let format = Arc::new(OnceLock::new());
    let name_of_format = format.clone();
    let observe = move |line: Line<'_>| {
        if let Some(input) = line.text.strip_prefix("Input #0, ") {
            // Err: a line of the metadata looks the same, and comes later.
            let _ = name_of_format.set(input.split(", from").next().unwrap_or_default().to_owned());
        }
        source.line(line);
        planes.line(line);
    };
    let process = Arc::new(Process::spawn_observed("ffmpeg", command, format!("read {}", input.shown()), observe)?);
    let closing = Closing::new(process.clone(), socket.is_some());
    let planes = socket.map(|socket| socket.receive(planes_shown, closing.clone()));
    let running = Running { closing: closing.clone(), format: format.clone(), kind: input.kind };
    let reader = Reader {
        jpegs: BufReader::with_capacity(1 << 18, process.stdout()),
        shown,
        process,
        closing,
        format,
        input: input.clone(),
        promised: probe.frames.zip(probe.promised_end),
        reading,
        progress,
    };
    std::thread::spawn(move || reader.run(&frames));
    Ok((running, planes))
}

fn arguments(ffmpeg: Ffmpeg, video: &Video, reading: Reading, planes: Option<&Socket>) -> Vec<OsString> {
    let Video { input, probe, .. } = video;
    let how: &[&str] = match input.kind {
        // With UDP, a lost packet would damage many frames.
        VideoKind::Stream if input.name.starts_with("rtsp") => &["-rtsp_transport", "tcp"],
        VideoKind::Device => &["-f", "v4l2"],
        VideoKind::File | VideoKind::Pipe | VideoKind::Url | VideoKind::Stream => &[],
    };
    let mut args = words(&["-hide_banner", "-nostdin", "-nostats", "-v", "level+info"]);
    args.extend(words(how));
    args.extend(words(input.timeout()));
    args.push("-i".into());
    args.push(input.url());
    // The first video track that is not a cover picture.
    let mut graph = format!("[0:V:0]showinfo@source=checksum=0,{INCREASING_TIMES}");
    if planes.is_some() {
        let formats = if probe.is_hdr { planes::HDR_FORMAT } else { planes::FORMATS };
        graph += &format!(",split[source][full];[full]format={formats},showinfo@planes=checksum=0[planes];[source]");
    } else {
        graph += ",";
    }
    graph += &shrink(reading.send_size);
    args.extend(words(&["-filter_complex", &graph]));
    // With more threads, an encoder keeps frames back.
    let each_frame = [ffmpeg.fps_mode, "passthrough", "-enc_time_base", "1:1000000", "-threads", "1"];
    args.extend(words(&["-map", "[jpeg]", "-c:v", "mjpeg", "-q:v", QUALITY]));
    args.extend(words(&each_frame));
    args.extend(words(&["-f", "mpjpeg", "-flush_packets", "1", "pipe:1"]));
    if let Some(socket) = planes {
        args.extend(words(&["-map", "[planes]", "-c:v", "rawvideo"]));
        args.extend(words(&each_frame));
        args.extend(words(&["-f", "rawvideo", "-flush_packets", "1"]));
        args.push(socket.url());
    }
    if probe.has_sound {
        // Some formats count time from the first track that is read. Sound is read, too, so that the frames keep their distance from it.
        args.extend(words(&["-map", "0:a", "-c", "copy", "-f", "null", "-"]));
    }
    args
}

/// The filter that gives each frame a time later than the one before, because encoders refuse two frames with one time. The true times
/// were taken before.
const INCREASING_TIMES: &str =
    "settb=1/1000000,setpts='if(isnan(PREV_OUTPTS),PTS,if(isnan(PTS),PREV_OUTPTS+1,max(PTS,PREV_OUTPTS+1)))'";

/// Returns the filter that makes a frame small enough to be sent, gives it square pixels, and converts its colours to those of a JPEG
/// (BT.601 in full range, T.871). The method is named because older versions of ffmpeg would take another one, with which fewer faces are
/// found (docs/performance.md).
fn shrink(send_size: Option<u32>) -> String {
    let factor = send_size.map_or_else(|| "1".to_owned(), |side| format!("min(1,{side}/max(iw*sar,ih))"));
    format!(
        "scale=w='max(1,round(iw*sar*{factor}))':h='max(1,round(ih*{factor}))':flags=bicubic:\
         out_color_matrix=bt601:out_range=pc,format=yuvj420p[jpeg]"
    )
}

/// What the thread that reads the frames works with.
struct Reader {
    jpegs: BufReader<ChildStdout>,
    shown: Receiver<Shown>,
    process: Arc<Process>,
    closing: Arc<Closing>,
    format: Arc<OnceLock<String>>,
    input: VideoInput,
    /// The number of frames, and the time at which the last one ends, as the header of the file says.
    promised: Option<(u64, Duration)>,
    reading: Reading,
    progress: Progress,
}

impl Reader {
    fn run(mut self, frames: &Frames) {
        let mut pace = None;
        for index in 0..self.reading.limit {
            let jpeg = match mpjpeg::next_jpeg(&mut self.jpegs) {
                Ok(Some(jpeg)) => jpeg,
                Ok(None) => return self.ended(index, pace.as_ref(), frames),
                Err(broken) => return self.broke(&broken, frames),
            };
            // The line is written before the frame.
            let Ok(shown) = self.shown.recv() else {
                let fewer = io::Error::other("its log names fewer frames than it wrote");
                return self.broke(&fewer, frames);
            };
            let is_camera = is_camera(self.input.kind, self.format.get().map(String::as_str));
            let pace = pace.get_or_insert_with(|| {
                let has_no_times = self.format.get().is_some_and(|format| format == MOTION_JPEG);
                Pace::new(has_no_times, self.reading.in_real_time && !is_camera)
            });
            let time = pace.time(shown.time, clock::now());
            pace.wait(time);
            let frame = SourceFrame {
                index,
                time: Some(time),
                arrived: is_camera.then(clock::unix_us),
                image: None,
                size: Some(shown.size),
                scale: jpeg::header(&jpeg)
                    .map_or(Scale::ONE, |header| Scale::between(shown.size, (header.size.width, header.size.height))),
                jpeg: Ok(jpeg.into()),
            };
            if frames.blocking_send(Ok(frame)).is_err() {
                return self.drain();
            }
        }
        self.closing.close(self.reading.limit);
        self.drain();
    }

    /// Reads on, so that ffmpeg can write the planes of the frames that were taken; then it is ended.
    fn drain(mut self) {
        // An error here means that ffmpeg was ended.
        let _ = io::copy(&mut self.jpegs, &mut io::sink());
    }

    /// Finds out why no more frames come.
    fn ended(self, frames_read: u64, pace: Option<&Pace>, frames: &Frames) {
        let Reader { process, input, promised, format, progress, .. } = self;
        let error = match process.wait() {
            Err(error) => Some(error.into()),
            Ok(_) if is_camera(input.kind, format.get().map(String::as_str)) => {
                Some(SourceError::HungUp { name: input.shown(), frames: frames_read })
            }
            Ok(errors) => {
                warn(&progress, &input, promised, frames_read, pace, &errors);
                None
            }
        };
        if let Some(error) = error {
            // An error here means that the source was closed, which has killed ffmpeg.
            let _ = frames.blocking_send(Err(error));
        }
    }

    fn broke(self, broken: &io::Error, frames: &Frames) {
        // ffmpeg's own message says more than the place where the pipe broke.
        let error = self.process.wait().err().unwrap_or_else(|| FfmpegError::Failed {
            program: "ffmpeg",
            task: format!("hand over the frames of {}", self.input.shown()),
            said: broken.to_string(),
        });
        let _ = frames.blocking_send(Err(error.into()));
    }
}

/// Tells the person what ffmpeg calls a success: a file that ends early or is damaged.
fn warn(
    progress: &Progress,
    input: &VideoInput,
    promised: Option<(u64, Duration)>,
    frames_read: u64,
    pace: Option<&Pace>,
    errors: &Errors,
) {
    let name = &input.shown();
    let ended = pace.map(Pace::end).unwrap_or_default();
    if let Some((frames, end)) = promised
        && frames_read < frames
        && ended + end.mul_f64(LEAST_CUT).max(Duration::from_secs_f64(LEAST_CUT_S)) < end
    {
        progress.warn(format!(
            "{name} ends early: its header promises {frames} frames in {:.1} s, and {frames_read} in {:.1} s could be read",
            end.as_secs_f64(),
            ended.as_secs_f64(),
        ));
    }
    if let Some(first) = errors.first() {
        let count = errors.count();
        let count = if count == 1 { "an error".to_owned() } else { format!("{count} errors, the first of them") };
        progress.warn(format!("{name} is damaged: ffmpeg reports {count}: {first}"));
    }
}

/// How much of a file may be missing at its end before it counts as cut off: a share of its length, and seconds. Headers are rounded,
/// and the last frame may be shown for long.
const LEAST_CUT: f64 = 0.01;
const LEAST_CUT_S: f64 = 0.5;
