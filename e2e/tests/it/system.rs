//! What Linux tells about processes.
#![cfg(target_os = "linux")]

use std::fs;

/// The most memory that a process had resident so far, in KiB; None when it is gone.
pub(crate) fn peak_memory_kib(id: u32) -> Option<u64> {
    status(id, "VmHWM")?.strip_suffix(" kB")?.trim().parse().ok()
}

/// The processes of this name that `parent` has started.
pub(crate) fn children(parent: u32, name: &str) -> Vec<u32> {
    let parent = parent.to_string();
    let ids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_child = |id: &u32| status(*id, "PPid") == Some(parent.clone()) && is_running(*id, name);
    ids.filter(is_child).collect()
}

/// Whether the process runs, and has this name.
pub(crate) fn is_running(id: u32, name: &str) -> bool {
    status(id, "Name").as_deref() == Some(name)
}

/// Whether the process is stopped, as by SIGSTOP.
pub(crate) fn is_stopped(id: u32) -> bool {
    status(id, "State").is_some_and(|state| state.starts_with('T'))
}

/// Whether there is no such process.
pub(crate) fn is_gone(id: u32) -> bool {
    status(id, "State").is_none()
}

fn status(id: u32, key: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    Some(value.trim().to_owned())
}
