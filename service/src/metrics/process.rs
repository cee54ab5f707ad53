//! What the process takes of the machine, under the names that [client libraries] share.
//!
//! [client libraries]: https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics

use std::sync::{Arc, Mutex, PoisonError};

use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, System};

use super::{Kind, Metrics, Samples};

/// A number of a process; None where this system does not tell.
type Look = fn(&Process) -> Option<f64>;

const NUMBERS: [(Kind, &str, &str, Look); 6] = [
    (Kind::Counter, "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", |process| {
        Some(process.accumulated_cpu_time() as f64 / 1e3)
    }),
    (Kind::Gauge, "process_resident_memory_bytes", "Resident memory size in bytes.", |process| {
        Some(process.memory() as f64)
    }),
    (Kind::Gauge, "process_virtual_memory_bytes", "Virtual memory size in bytes.", |process| {
        Some(process.virtual_memory() as f64)
    }),
    (Kind::Gauge, "process_open_fds", "Number of open file descriptors.", |process| {
        process.open_files().map(|files| files as f64)
    }),
    (Kind::Gauge, "process_max_fds", "Maximum number of open file descriptors.", |process| {
        process.open_files_limit().map(|files| files as f64)
    }),
    (Kind::Gauge, "process_start_time_seconds", "Start time of the process since unix epoch in seconds.", |process| {
        Some(process.start_time() as f64)
    }),
];

/// Tells them, where this system lets a process look at itself.
pub(super) fn add(metrics: &Metrics) {
    let (Ok(system), Ok(own)) = (System::new(), sysinfo::get_current_pid()) else { return };
    let system = Arc::new(Mutex::new(system));
    for (kind, name, help, look) in NUMBERS {
        let system = system.clone();
        let now = move || read(&mut system.lock().unwrap_or_else(PoisonError::into_inner), own, look);
        metrics.read(kind, name, help, [], now);
    }
}

fn read(system: &mut System, own: Pid, look: Look) -> Samples<0> {
    // Without its threads, each of which has numbers of its own.
    let wanted = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, wanted);
    system.process(own).and_then(look).map(|number| ([], number)).into_iter().collect()
}
