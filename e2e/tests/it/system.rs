//! What Linux tells about processes.
#![cfg(target_os = "linux")]

use std::fs;

use facefleet_e2e::Process;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

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

/// The video of a run, held up: no more frames come until this is dropped. So the rest of a video is still to come
/// when a fault has been noticed, or healed, however fast the machine is.
pub(crate) struct HeldVideo(Pid);

impl HeldVideo {
    /// Stops the ffmpeg that reads the video of this client, which writes none.
    pub(crate) fn of(client: &Process) -> HeldVideo {
        let [ffmpeg] = children(client.id(), "ffmpeg")[..] else { panic!("one ffmpeg reads the video") };
        let ffmpeg = Pid::from_raw(ffmpeg.cast_signed());
        kill(ffmpeg, Signal::SIGSTOP).unwrap();
        HeldVideo(ffmpeg)
    }
}

impl Drop for HeldVideo {
    fn drop(&mut self) {
        // Err: it is gone, as its client.
        let _ = kill(self.0, Signal::SIGCONT);
    }
}
