//! A master on a core of its own, where the system lets us choose (Linux, with `taskset`).

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use facefleet_e2e::proc::Status;
use facefleet_e2e::{LOOPBACK, Process, Program};

use crate::{Error, cpu};

/// The master's core.
const CORE: &str = "0";

pub(super) struct Master {
    process: Process,
    pub(super) address: SocketAddr,
}

impl Master {
    pub(super) fn start() -> Result<Master, Error> {
        let own = Program::Master.command()?;
        let mut command = if can_pin() {
            let mut pinned = Command::new("taskset");
            pinned.args(["-c", CORE]).arg(own.get_program());
            pinned
        } else {
            own
        };
        command.args(["--listen", &LOOPBACK.to_string(), "--log", "warn", "--config", ""]);
        let mut process = Process::start("the master", command)?;
        let listening = |line: &str| line.strip_prefix("listening on ")?.parse().ok();
        let address = process.wait_for("say where it listens", listening)?;
        Ok(Master { process, address })
    }

    /// Processor time that it has used so far. None where the system does not tell.
    pub(super) fn cpu(&self) -> Option<Duration> {
        cpu::of_process(self.process.id())
    }

    /// The most memory that it has had at once, in MB. None where the system does not tell.
    pub(super) fn peak_mb(&self) -> Option<f64> {
        let peak_kib = Status::of(self.process.id())?.number("VmHWM")?;
        Some(peak_kib as f64 * 1024.0 / 1e6)
    }
}

/// Whether there is a core for a master and another for the rest.
fn can_pin() -> bool {
    cores() > 1 && Command::new("taskset").arg("-V").stdout(Stdio::null()).status().is_ok()
}

/// Keeps this process off the core of the master.
pub(super) fn leave_its_core() {
    if can_pin() {
        // False: both share all cores, and the figures are worse than they could be.
        let _ = cpu::pin(&format!("1-{}", cores() - 1));
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
