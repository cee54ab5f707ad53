//! Processor time and processor cores, where the system tells. Elsewhere than on Linux it is not asked.

use std::fs;
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::time::Duration;

/// How long a clock tick of `/proc` is: 1/100 s for programs, on every architecture that facefleet is built for.
const TICK: Duration = Duration::from_millis(10);

/// Keeps this process, and all that it starts from here on, on one core. None: it cannot be done here.
pub(crate) fn pin_to_one_core() -> Option<u32> {
    const CORE: u32 = 0;
    let mut taskset = Command::new("taskset");
    taskset.args(["-a", "-c", "-p", &CORE.to_string(), &process::id().to_string()]).stdout(Stdio::null());
    taskset.status().ok().filter(process::ExitStatus::success).map(|_| CORE)
}

/// Processor time that a process has used so far, with that of its threads that have ended.
pub(crate) fn of_process(id: u32) -> Option<Duration> {
    used(format!("/proc/{id}/stat").as_ref())
}

/// Processor time of those of its living threads whose names start with `name`.
pub(crate) fn of_threads(id: u32, name: &str) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{id}/task")).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let named = |path: &Path| fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.starts_with(name));
    threads.filter(|path| named(path)).map(|path| used(&path.join("stat"))).sum()
}

/// User and system time: fields 14 and 15 of `stat`, of which the second is a name that may hold anything but ends with
/// the last `)`.
fn used(stat: &Path) -> Option<Duration> {
    let stat = fs::read_to_string(stat).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<u32>().ok();
    Some(TICK * (ticks(14)? + ticks(15)?))
}
