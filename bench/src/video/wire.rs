//! One frame on its way to a worker: made by the client's ffmpeg, sent, and decoded.

use std::time::Duration;

use facefleet_e2e::tool;
use facefleet_vision::{Job, Size};

use super::reading;
use crate::in_worker::InWorker;
use crate::{Error, cpu, jpegs};

/// A size that no frame exceeds: frames are sent as large as they are.
const AS_LARGE_AS_IT_IS: [&str; 2] = ["--send-size", "65535"];

/// One video, and what was measured of it.
pub(super) struct Wire {
    source: String,
    pub(super) size: Size,
    pub(super) frames: u32,
    /// What ffmpeg takes to decode all frames, once a round.
    pub(super) bare: Vec<Duration>,
    pub(super) large: Side,
    pub(super) small: Side,
}

/// One way to send frames.
pub(super) struct Side {
    /// The arguments of the client's ffmpeg.
    args: Vec<String>,
    /// Bytes of all frames.
    pub(super) bytes: usize,
    /// What the client's ffmpeg takes for all frames, once a round.
    pub(super) reading: Vec<Duration>,
    pub(super) worker: InWorker,
}

impl Wire {
    pub(super) fn new(source: &str, size: Size, frames: u32, master: &str) -> Result<Wire, Error> {
        let side = |flags: &[&str]| {
            let args = reading::arguments(source, master, flags)?;
            Ok::<_, Error>(Side { args, bytes: 0, reading: Vec::new(), worker: InWorker::new(Job::default())? })
        };
        let (large, small) = (side(&AS_LARGE_AS_IT_IS)?, side(&[])?);
        Ok(Wire { source: source.to_owned(), size, frames, bare: Vec::new(), large, small })
    }

    /// Decodes the video, and reads it in both ways.
    pub(super) fn measure(&mut self) -> Result<(), Error> {
        let decode = || Ok(tool("ffmpeg", &["-i", &self.source, "-map", "0:V:0", "-f", "null", "-"])?);
        self.bare.push(cpu::of_children_in(decode)?.1);
        self.large.measure()?;
        self.small.measure()
    }
}

impl Side {
    fn measure(&mut self) -> Result<(), Error> {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        let (jpegs, reading) = cpu::of_children_in(|| jpegs::make(&args))?;
        self.reading.push(reading);
        self.bytes = jpegs.iter().map(Vec::len).sum();
        jpegs.iter().try_for_each(|jpeg| self.worker.measure(jpeg))
    }
}
