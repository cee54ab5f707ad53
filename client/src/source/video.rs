//! Frames from ffmpeg.

use std::ffi::OsString;
use std::io::BufReader;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::ffmpeg::{Ffmpeg, FfmpegError, KillOnDrop, Process, words};
use crate::source::input::{VideoInput, VideoKind};
use crate::source::matroska::Reader;
use facefleet_stream::frame::{Scale, SourceFrame};

/// JPEG quality of the frames, in ffmpeg's scale from 2 (best) to 31. At 3 no detector finds a difference to the source, and a
/// 640×360 frame takes 15 to 30 kB.
const QUALITY: &str = "3";

type Frames = mpsc::Sender<Result<SourceFrame, FfmpegError>>;

/// Starts ffmpeg and a thread that reads its frames into `frames`. A full channel makes ffmpeg wait. With `live`, a file is
/// read at its own speed.
pub(crate) fn start(
    ffmpeg: Ffmpeg,
    input: &VideoInput,
    live: bool,
    limit: u64,
    frames: Frames,
) -> Result<KillOnDrop, FfmpegError> {
    let mut command = Command::new("ffmpeg");
    command.args(arguments(ffmpeg, input, live)).stdin(Stdio::null()).stdout(Stdio::piped());
    let process = Arc::new(Process::spawn("ffmpeg", command, format!("read {}", input.name))?);
    let reader = process.clone();
    std::thread::spawn(move || read(&reader, limit, &frames));
    Ok(KillOnDrop(process))
}

fn arguments(ffmpeg: Ffmpeg, input: &VideoInput, live: bool) -> Vec<OsString> {
    let how: &[&str] = match input.kind {
        VideoKind::File if live => &["-re"],
        VideoKind::File | VideoKind::Pipe | VideoKind::Url => &[],
        // With UDP, a lost packet would damage many frames.
        VideoKind::Stream if input.name.starts_with("rtsp") => &["-rtsp_transport", "tcp"],
        VideoKind::Stream => &[],
        VideoKind::Device => &["-f", "v4l2"],
    };
    let before = ["-hide_banner", "-nostdin", "-v", "error"];
    // Selects every frame of the first video track that is not a cover picture, each with its own time in milliseconds.
    let picture = ["-map", "0:V:0", ffmpeg.fps_mode, "passthrough", "-enc_time_base", "1:1000"];
    let output = ["-c:v", "mjpeg", "-q:v", QUALITY, "-f", "matroska", "-flush_packets", "1", "pipe:1"];
    let mut args = words(&[&before[..], how, &["-i"]].concat());
    args.push(input.url());
    args.extend(words(&[&picture[..], &output].concat()));
    args
}

fn read(process: &Process, limit: u64, frames: &Frames) {
    let mut reader = Reader::new(BufReader::with_capacity(1 << 18, process.stdout()));
    for index in 0..limit {
        match reader.next_block() {
            Ok(Some(block)) => {
                let jpeg = Ok(block.data.into());
                let frame =
                    SourceFrame { index, time: Some(block.time), image: None, size: None, scale: Scale::ONE, jpeg };
                if frames.blocking_send(Ok(frame)).is_err() {
                    return;
                }
            }
            Ok(None) => {
                if let Err(error) = process.wait() {
                    // An error here means that the source was closed, which has killed ffmpeg.
                    let _ = frames.blocking_send(Err(error));
                }
                return;
            }
            Err(broken) => {
                // ffmpeg's own message says more than the place where the pipe broke.
                let error = process.wait().err().unwrap_or_else(|| FfmpegError::Failed {
                    program: "ffmpeg",
                    task: "hand over its frames".into(),
                    said: broken.to_string(),
                });
                let _ = frames.blocking_send(Err(error));
                return;
            }
        }
    }
}
