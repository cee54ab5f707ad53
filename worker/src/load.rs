//! Measurements of the machine: processor, memory, temperature, and what holds it back.

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use facefleet_proto::Throttling;
use sysinfo::{Components, System};
use tokio::sync::watch;

use crate::stats::Stats;
use crate::throttle;

/// Time between two measurements. Reading sensors takes milliseconds, on some boards more than a hundred.
const INTERVAL: Duration = Duration::from_secs(1);

/// The load of the machine at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct MachineLoad {
    /// Percent of all cores together, over the last interval.
    pub(crate) cpu_percent: f32,
    /// Percent of the memory in use; None when not known.
    pub(crate) memory_percent: Option<f32>,
    /// Degrees Celsius of the hottest sensor; None when there is none.
    pub(crate) temperature_c: Option<f32>,
    /// What holds the machine back.
    pub(crate) throttling: Throttling,
}

/// Measures the machine once a second on a thread of its own, until it is dropped.
#[derive(Debug)]
pub(crate) struct LoadMonitor {
    latest: watch::Receiver<MachineLoad>,
    _stop: mpsc::Sender<()>,
}

impl LoadMonitor {
    /// Starts to measure. What holds the machine back goes to `stats` and to the log.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(stats: Stats) -> io::Result<LoadMonitor> {
        let (publish, latest) = watch::channel(MachineLoad::default());
        let (stop, stopped) = mpsc::channel();
        thread::Builder::new().name("load".to_owned()).spawn(move || {
            let mut machine = Machine::new();
            loop {
                let load = machine.measure();
                let before = publish.send_replace(load);
                stats.held_back(load.throttling);
                throttle::log_change(before.throttling, load.throttling);
                if stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        })?;
        Ok(LoadMonitor { latest, _stop: stop })
    }

    /// The last measurement. Before the first one everything is zero or unknown.
    pub(crate) fn latest(&self) -> MachineLoad {
        *self.latest.borrow()
    }
}

/// The state that sysinfo keeps from one measurement to the next. A part is missing where the system does not offer it.
struct Machine {
    system: Option<System>,
    components: Option<Components>,
}

impl Machine {
    fn new() -> Machine {
        Machine { system: System::new().ok(), components: Components::new_with_refreshed_list().ok() }
    }

    /// Measures now. The processor's load is that since the measurement before.
    fn measure(&mut self) -> MachineLoad {
        let mut load = MachineLoad { throttling: throttle::read(Path::new(throttle::SYS)), ..MachineLoad::default() };
        if let Some(system) = &mut self.system {
            system.refresh_cpu_usage();
            system.refresh_memory();
            load.cpu_percent = system.global_cpu_usage().clamp(0.0, 100.0);
            load.memory_percent = percent(system.used_memory(), system.total_memory());
        }
        if let Some(components) = &mut self.components {
            components.refresh(false);
            load.temperature_c = hottest(components.iter().filter_map(sysinfo::Component::temperature));
        }
        load
    }
}

fn percent(part: u64, whole: u64) -> Option<f32> {
    (whole > 0).then(|| (part as f64 / whole as f64 * 100.0) as f32)
}

fn hottest(sensors: impl Iterator<Item = f32>) -> Option<f32> {
    sensors.filter(|celsius| celsius.is_finite()).reduce(f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_zero() {
        assert_eq!(percent(1, 0), None);
        assert_eq!(percent(1, 4), Some(25.0));
        assert_eq!(hottest([].into_iter()), None);
        assert_eq!(hottest([f32::NAN, 41.5, 60.0].into_iter()), Some(60.0));
    }

    #[test]
    fn this_machine_can_be_measured() {
        let load = Machine::new().measure();
        assert!((0.0..=100.0).contains(&load.cpu_percent), "{load:?}");
        assert!(load.memory_percent.is_none_or(|percent| percent > 0.0 && percent <= 100.0), "{load:?}");
    }
}
