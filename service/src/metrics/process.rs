//! Metrics of the process itself, under the names that Prometheus' [client libraries] share.
//!
//! [client libraries]: https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics

use std::sync::{Arc, Mutex, PoisonError};

use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, System};

use super::read::{Family, Kind, Samples};

/// Reads a number of a process. None where this system does not have it.
type Read = fn(&Process) -> Option<f64>;

const NUMBERS: [(Kind, &str, &str, Read); 6] = [
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

/// The families of all numbers, or none where this system does not let a process look at itself.
pub(super) fn families() -> Vec<Family<0, impl Fn() -> Samples<0> + Send + Sync>> {
    let (Ok(system), Ok(own)) = (System::new(), sysinfo::get_current_pid()) else { return Vec::new() };
    let system = Arc::new(Mutex::new(system));
    let family = |(kind, name, help, number): (Kind, &str, &str, Read)| {
        let system = system.clone();
        let now = move || read(&mut system.lock().unwrap_or_else(PoisonError::into_inner), own, number);
        Family::new(kind, name, help, [], now)
    };
    NUMBERS.into_iter().map(family).collect()
}

fn read(system: &mut System, own: Pid, number: Read) -> Samples<0> {
    // The threads of the process are left out, because each has numbers of its own.
    let wanted = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, wanted);
    system.process(own).and_then(number).map(|number| ([], number)).into_iter().collect()
}
