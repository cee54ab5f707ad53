//! Processor time and processor cores, where the system tells. Elsewhere than on Linux it is not asked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::time::Duration;

use facefleet_e2e::proc::stat_field;

use crate::Error;

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
    // None: it has ended since.
    Some(children(id)?.filter_map(|folder| used(&folder.join("stat"))).sum())
}

/// Does `work`, and returns the processor time of those processes that it starts and waits for, with that of all processes that they
/// wait for.
pub(crate) fn of_children_in<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<(T, Duration), Error> {
    let ended_children = || sum("/proc/self/stat".as_ref(), [16, 17]).ok_or(Error::Untold("what ended processes took"));
    let before = ended_children()?;
    let result = work()?;
    Ok((result, ended_children()?.saturating_sub(before)))
}

/// The command lines of the living processes that a process has started itself.
pub(crate) fn commands_of_children(id: u32) -> Vec<Vec<String>> {
    let command = |folder: PathBuf| {
        let line = fs::read(folder.join("cmdline")).ok()?;
        let words = line.strip_suffix(b"\0")?.split(|byte| *byte == 0);
        Some(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect())
    };
    children(id).into_iter().flatten().filter_map(command).collect()
}

/// The folders of the living processes that a process has started itself.
fn children(id: u32) -> Option<impl Iterator<Item = PathBuf>> {
    let processes = fs::read_dir("/proc").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let parent = id.to_string();
    Some(processes.filter(move |folder| stat_field(&folder.join("stat"), 4).is_some_and(|of| of == parent)))
}

/// User and system time.
fn used(stat: &Path) -> Option<Duration> {
    sum(stat, [14, 15])
}

fn sum(stat: &Path, fields: [usize; 2]) -> Option<Duration> {
    let ticks = |number| stat_field(stat, number)?.parse::<u32>().ok();
    fields.into_iter().map(ticks).sum::<Option<u32>>().map(|ticks| TICK * ticks)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use facefleet_e2e::Process;

    use super::*;

    #[test]
    fn the_time_of_a_process_that_has_ended_is_known() {
        let busy = || {
            let mut shell = Command::new("sh");
            shell.args(["-c", "sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done'; true"]);
            Ok(shell.status().expect("every Linux has a shell").success())
        };
        let (succeeded, used) = of_children_in(busy).unwrap();
        assert!(succeeded && used >= TICK, "{used:?}");
    }

    #[test]
    fn a_child_is_known_by_its_words() {
        let mut sleeper = Command::new("sleep");
        sleeper.args(["600", "601"]);
        let _sleeper = Process::start("a sleeper", sleeper).unwrap();
        let commands = commands_of_children(process::id());
        assert!(commands.contains(&["sleep", "600", "601"].map(str::to_owned).to_vec()), "{commands:?}");
    }
}
