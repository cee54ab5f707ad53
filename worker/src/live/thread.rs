//! A thread's priority and processor time, as the operating system has them.

use std::time::Duration;

/// Gives this thread the lowest priority, where the system has priorities for threads and lets this process set them.
pub(super) fn lower_priority() {
    // On other systems this would change the priority of the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!("live views are drawn at the priority of everything else: {error}");
    }
}

#[cfg(target_os = "linux")]
const NICENESS: i32 = 19;

/// Counts the processor time that this thread uses.
#[cfg(unix)]
pub(super) struct CpuTime(Duration);

#[cfg(unix)]
impl CpuTime {
    pub(super) fn start() -> CpuTime {
        CpuTime(so_far())
    }

    /// The time since [`CpuTime::start`].
    pub(super) fn used(&self) -> Duration {
        so_far().saturating_sub(self.0)
    }
}

#[cfg(unix)]
fn so_far() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    // Neither part is ever negative: the clock starts at 0 with the thread.
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Counts the time that goes by, which is no less than the processor time that this thread uses.
#[cfg(not(unix))]
pub(super) struct CpuTime(std::time::Instant);

#[cfg(not(unix))]
impl CpuTime {
    pub(super) fn start() -> CpuTime {
        CpuTime(facefleet_service::clock::now())
    }

    /// The time since [`CpuTime::start`].
    pub(super) fn used(&self) -> Duration {
        facefleet_service::clock::now().saturating_duration_since(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time() {
        let clock = CpuTime::start();
        let mut sum = 0_u64;
        while clock.used() < Duration::from_micros(100) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(clock.used() >= Duration::from_micros(100));
    }
}
