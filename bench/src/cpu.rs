//! Processor time and processor cores, where the system tells. Elsewhere than on Linux it is not asked.

use std::fs;
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::time::Duration;

use facefleet_e2e::proc::stat_field;

/// How long a clock tick of `/proc` is: 1/100 s for programs, on every architecture that facefleet is built for.
const TICK: Duration = Duration::from_millis(10);

/// Keeps this process, and all that it starts from here on, on one core. None: it cannot be done here.
pub(crate) fn pin_to_one_core() -> Option<u32> {
    const CORE: u32 = 0;
    pin(&CORE.to_string()).then_some(CORE)
}

/// Keeps this process, and all that it starts from here on, on cores in the words of `taskset`. False: it cannot be done.
pub(crate) fn pin(cores: &str) -> bool {
    let mut taskset = Command::new("taskset");
    taskset.args(["-a", "-c", "-p", cores, &process::id().to_string()]).stdout(Stdio::null());
    taskset.status().is_ok_and(|status| status.success())
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

/// Processor time of the living processes that a process has started itself.
pub(crate) fn of_children(id: u32) -> Option<Duration> {
    let processes = fs::read_dir("/proc").ok()?.filter_map(|entry| Some(entry.ok()?.path().join("stat")));
    let parent = id.to_string();
    let children = processes.filter(|stat| stat_field(stat, 4).is_some_and(|of| of == parent));
    // None: it has ended since.
    Some(children.filter_map(|stat| used(&stat)).sum())
}

/// User and system time.
fn used(stat: &Path) -> Option<Duration> {
    let ticks = |number: usize| stat_field(stat, number)?.parse::<u32>().ok();
    Some(TICK * (ticks(14)? + ticks(15)?))
}
