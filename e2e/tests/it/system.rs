//! What Linux tells about processes.
#![cfg(target_os = "linux")]

use std::fs;

use facefleet_e2e::proc::Status;

/// The most memory that a process had resident so far, in KiB; None when it is gone.
pub(crate) fn peak_memory_kib(id: u32) -> Option<u64> {
    Status::of(id)?.number("VmHWM")
}

/// The processes of this name that `parent` has started.
pub(crate) fn children(parent: u32, name: &str) -> Vec<u32> {
    let ids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_child = |id: &u32| {
        Status::of(*id).and_then(|status| status.number("PPid")) == Some(parent.into()) && is_running(*id, name)
    };
    ids.filter(is_child).collect()
}

/// Whether the process runs, and has this name.
pub(crate) fn is_running(id: u32, name: &str) -> bool {
    Status::of(id).is_some_and(|status| status.value("Name") == Some(name))
}

/// Whether the process is stopped, as by SIGSTOP.
pub(crate) fn is_stopped(id: u32) -> bool {
    Status::of(id).and_then(|status| status.state()) == Some('T')
}

/// Whether there is no such process.
pub(crate) fn is_gone(id: u32) -> bool {
    Status::of(id).and_then(|status| status.state()).is_none()
}
