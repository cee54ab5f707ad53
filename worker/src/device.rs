//! The devices that analyze frames: the real detectors, or a simulation of them.

use std::time::Duration;

use facefleet_vision::{DetectorError, DetectorKind, Job, Limits, Report, Size, Stages, jpeg};
use fastrand::Rng;

use crate::analyzers::Analyzers;
use crate::frame::Failure;

/// The device on which a worker analyzes frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Device {
    /// The detectors, running on this machine's processor.
    #[default]
    Detectors,
    /// A stand-in that takes time and no processor. Everything around it is real, so that tests and benchmarks of how frames are
    /// distributed do not need the machines that they are about.
    Simulated(SimulatedDevice),
}

/// A device whose threads keep each frame for a while and then find no face in it, whatever the frame's bytes are and whatever was
/// asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimulatedDevice {
    /// The average time for one frame.
    pub frame_time: Duration,
    /// How far a frame's time may be from the average, as a part of the average from 0 to 1. All times in between are equally
    /// likely.
    pub jitter: f32,
    /// The seed of the random times. Each thread has a sequence of its own.
    pub seed: u64,
}

impl Device {
    /// The engine for the worker's thread number `thread`.
    ///
    /// # Errors
    /// The model of the detector `own` cannot be read.
    pub(crate) fn engine(self, own: DetectorKind, limits: Limits, thread: usize) -> Result<Engine, DetectorError> {
        Ok(match self {
            Device::Detectors => Engine::Detectors(Analyzers::new(own, limits)?),
            Device::Simulated(device) => Engine::Simulated(Simulation::new(device, thread)),
        })
    }
}

/// One thread's part of a [`Device`], with buffers of its own.
pub(crate) enum Engine {
    Detectors(Analyzers),
    Simulated(Simulation),
}

impl Engine {
    /// Does `job` on one JPEG with `detector`, or with the worker's own detector when that is None.
    ///
    /// # Errors
    /// Says what is wrong with the frame or with the detector.
    pub(crate) fn analyze(
        &mut self,
        jpeg: &[u8],
        detector: Option<DetectorKind>,
        job: &Job,
    ) -> Result<Report, Failure> {
        match self {
            Engine::Detectors(analyzers) => Ok(analyzers.of(detector)?.analyze(jpeg, job)?),
            Engine::Simulated(simulation) => Ok(simulation.analyze(jpeg)),
        }
    }
}

/// A thread that stands still instead of working.
pub(crate) struct Simulation {
    device: SimulatedDevice,
    chance: Rng,
}

impl Simulation {
    fn new(device: SimulatedDevice, thread: usize) -> Simulation {
        Simulation { device, chance: Rng::with_seed(device.seed.wrapping_add(thread as u64)) }
    }

    fn analyze(&mut self, jpeg: &[u8]) -> Report {
        let time = self.next_time();
        occupy(time);
        // Only the size is read, because boxes and reports mean nothing without one.
        let source = jpeg::header(jpeg).map_or(Size { width: 1, height: 1 }, |header| header.size);
        Report { source, stages: Stages { detect: time, ..Stages::default() }, ..Report::default() }
    }

    /// The time for the next frame.
    fn next_time(&mut self) -> Duration {
        let off_average = self.chance.f32() * 2.0 - 1.0;
        self.device.frame_time.mul_f32(1.0 + off_average * self.device.jitter.clamp(0.0, 1.0))
    }
}

#[expect(clippy::disallowed_methods, reason = "the wait is the device's work, and nothing is waited for")]
fn occupy(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_spread_evenly_around_the_average_and_come_again_with_the_seed() {
        let device = SimulatedDevice { frame_time: Duration::from_millis(100), jitter: 0.25, seed: 7 };
        let times = |thread| -> Vec<f32> {
            let mut simulation = Simulation::new(device, thread);
            (0..10_000).map(|_| simulation.next_time().as_secs_f32() * 1e3).collect()
        };
        let first = times(0);
        assert!(first.iter().all(|ms| (75.0..=125.0).contains(ms)));
        let average = first.iter().sum::<f32>() / first.len() as f32;
        assert!((average - 100.0).abs() < 1.0, "{average}");
        assert!(first.iter().any(|ms| *ms < 76.0) && first.iter().any(|ms| *ms > 124.0));
        assert_eq!(first, times(0));
        assert_ne!(first, times(1));
    }

    #[test]
    fn it_says_the_size_of_what_has_one_and_takes_anything() {
        let device = SimulatedDevice { frame_time: Duration::ZERO, jitter: 0.0, seed: 0 };
        let mut engine = Device::Simulated(device).engine(DetectorKind::default(), Limits::default(), 0).unwrap();
        let picture = jpeg::encode_rgb(&image::RgbImage::new(64, 48), 80).unwrap();
        let mut size = |bytes| engine.analyze(bytes, None, &Job::default()).unwrap().source;
        assert_eq!(size(&picture), Size { width: 64, height: 48 });
        assert_eq!(size(b"GIF89a"), Size { width: 1, height: 1 });
    }
}
