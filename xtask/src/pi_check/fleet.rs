//! The programs at work: a master, one worker, and the client with the demonstration video. Once the worker is emulated, once
//! it is this machine's own, and both have to find the same faces.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::faces::{self, Frame};
use super::{BUILD, DETECTORS, NEON, emulator};
use crate::cargo::{self, PROGRAMS};
use crate::error::Error;
use crate::process;
use crate::service::{Service, joined, listening_on};
use crate::wait::Stop;

/// 250 frames: a portrait, another one, and a wall of four.
const VIDEO: &str = "assets/demo.mp4";
/// Width and height of each, in pixels.
pub(super) const SIZE: (u32, u32) = (640, 360);
/// How many frames of it the emulated worker gets: it takes about a second for each.
pub(super) const FRAMES: usize = 12;
/// Detector threads of a worker on a board with four cores.
pub(super) const THREADS: &str = "4";

/// What came of it.
pub(super) struct Outcome {
    /// The most memory that the worker of this machine had at once, in bytes, with all of the video and [`THREADS`]
    /// threads that have used each of the detectors.
    pub(super) resident: u64,
    /// Faces that both workers found in [`FRAMES`] frames, by detector.
    pub(super) faces: Vec<(&'static str, usize)>,
}

/// Runs both clusters. `arm64` is the worker for boards.
///
/// # Errors
/// A program that did not do its work, and [`Error::OtherFaces`].
pub(super) fn run(arm64: &Path, stop: &Stop) -> Result<Outcome, Error> {
    let [master, worker, client] = cargo::build_as_tested("--bin", PROGRAMS, stop)?;
    let logs = PathBuf::from(BUILD).join("fleet");
    fs::create_dir_all(&logs).map_err(Error::file(&logs))?;
    let fleet = Fleet { master, client, logs };

    let mut native = fleet.start("native", &mut Command::new(worker), stop)?;
    let mut emulated = fleet.start("arm64", emulator().arg(arm64), stop)?;
    // The worker says which kernels it uses. With others, this would prove nothing of a board.
    if !emulated.worker.log()?.contains(NEON) {
        emulated.worker.show_log();
        return Err(Error::NoKernels(NEON));
    }
    let mut outcome = Outcome { resident: 0, faces: Vec::new() };
    for detector in DETECTORS {
        let (all, few) = (native.analyze(detector, None, stop)?, emulated.analyze(detector, Some(FRAMES), stop)?);
        let found = faces::compare(detector, &all, &few, FRAMES)?;
        outcome.faces.push((detector, found));
    }
    outcome.resident = peak_resident(native.worker.id())?;
    Ok(outcome)
}

/// What all clusters share.
struct Fleet {
    master: PathBuf,
    client: PathBuf,
    logs: PathBuf,
}

impl Fleet {
    /// Starts a master, and with it a worker of this name.
    fn start(&self, name: &'static str, worker: &mut Command, stop: &Stop) -> Result<Cluster<'_>, Error> {
        let mut command = Command::new(&self.master);
        command.args(["--listen", "127.0.0.1:0"]);
        let mut master = Service::start(&format!("{name}-master"), &mut command, &self.logs)?;
        let address = master.wait_for(listening_on, stop)?.to_string();
        worker.args(["--master", &address, "--listen", "127.0.0.1:0", "--name", name, "--threads", THREADS]);
        // A figure that is kept from the last check would be one for another machine.
        worker.env("CACHE_DIRECTORY", self.logs.join(name));
        let mut worker = Service::start(name, worker, &self.logs)?;
        worker.wait_for(joined, stop)?;
        Ok(Cluster { fleet: self, name, worker, address, _master: master })
    }
}

/// A master with one worker. The worker is dropped first, so that it can still say goodbye.
struct Cluster<'a> {
    fleet: &'a Fleet,
    name: &'static str,
    worker: Service,
    address: String,
    _master: Service,
}

impl Cluster<'_> {
    /// The frames of the video, or the first few of them, as this cluster's worker has seen them.
    fn analyze(&mut self, detector: &str, limit: Option<usize>, stop: &Stop) -> Result<Vec<Frame>, Error> {
        let mut client = Command::new(&self.fleet.client);
        client.args(["run", VIDEO, "--master", &self.address, "--detector", detector, "--json", "-"]);
        if let Some(limit) = limit {
            client.args(["--limit", &limit.to_string()]);
        }
        let lines = process::output("the client", &mut client, stop);
        if lines.is_err() {
            self.worker.show_log();
        }
        faces::parse(&lines?, self.name)
    }
}

/// The most memory that a process has had in use (`VmHWM`), in bytes.
fn peak_resident(process: u32) -> Result<u64, Error> {
    let path = PathBuf::from(format!("/proc/{process}/status"));
    let status = fs::read_to_string(&path).map_err(Error::file(&path))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    line.map(|kib: u64| kib * 1024).ok_or(Error::NoMemory(path))
}
