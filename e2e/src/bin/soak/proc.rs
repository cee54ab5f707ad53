//! What Linux tells of processes.

use std::fs;
use std::path::Path;

use facefleet_e2e::proc::Status;

/// What a process holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// Memory that is in use, in kB.
    pub(crate) rss_kb: u64,
    pub(crate) files: u64,
    pub(crate) threads: u64,
}

impl Held {
    /// None: the process is gone, or has ended and nobody has asked how.
    pub(crate) fn by(id: u32) -> Option<Held> {
        let status = Status::of(id)?;
        let files = fs::read_dir(format!("/proc/{id}/fd")).ok()?.count() as u64;
        Some(Held { rss_kb: status.number("VmRSS")?, files, threads: status.number("Threads")? })
    }
}

/// The letter of its state: T is stopped, Z has ended. None: there is no such process.
pub(crate) fn state(id: u32) -> Option<char> {
    Status::of(id)?.state()
}

/// Whether it does nothing any more.
pub(crate) fn has_ended(id: u32) -> bool {
    matches!(state(id), None | Some('Z'))
}

/// Names and numbers of the processes that run in a folder.
pub(crate) fn running_in(folder: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let here = processes.filter(|process| fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == folder));
    let named = here.filter_map(|process| {
        let name = fs::read_to_string(process.join("comm")).ok()?;
        Some(format!("{} ({})", name.trim(), process.file_name()?.to_string_lossy()))
    });
    named.collect()
}
