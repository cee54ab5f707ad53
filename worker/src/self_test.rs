//! How many frames a second this worker does, measured when it starts.
//!
//! The detector threads measure it themselves, all at once and with the engines that they serve with, after the worker has
//! joined and before its first frame. So whatever the threads share (memory, heat, the power supply) has its effect, no extra
//! memory is taken, and nobody waits for the result. The first frame that arrives ends the test without a result, because from
//! then on real frames tell more.

mod cache;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use facefleet_proto::Throttling;
use facefleet_service::clock;
use facefleet_vision::Job;

use crate::config::{Config, SelfTest};
use crate::device::{Device, Engine};
use crate::stats::{Speed, Stats};
use crate::throttle::{self, SYS};
use cache::Cache;

/// A frame of the demonstration video: 640x360 as from a camera, with four faces, so that each stage of a detector has
/// something to do. Licence and SHA-256 are in `assets/README.md`.
const FRAME: &[u8] = include_bytes!("../../assets/annotated.jpg");
/// No thread starts another frame after this time, so the whole test is over within 2 s on any machine on which a frame takes
/// less than that.
const SPAN: Duration = Duration::from_millis(800);
/// When the median frame of a thread took this many times as long as the fastest one, something else kept the machine busy. The
/// result is then true for now and not worth keeping.
const UNEVEN: f64 = 1.25;

/// A self-test that the detector threads are to run.
#[derive(Debug)]
pub(crate) struct Test {
    threads: usize,
    cache: Option<Cache>,
    stats: Stats,
    /// The folder in which the kernel shows what holds the machine back.
    sys: PathBuf,
    /// The results of the threads that are done.
    done: Mutex<Vec<ThreadTimes>>,
}

impl Test {
    /// The test to run, or None when there is none to run. A result that an earlier start has kept goes to `stats` at once.
    pub(crate) fn of(config: &Config, stats: &Stats) -> Option<Test> {
        let SelfTest::KeptIn(folder) = &config.self_test else { return None };
        if config.device != Device::Detectors {
            return None; // The time of a frame on a simulated device is chosen and not measured.
        }
        let threads = config.threads.get();
        let cache = folder.as_deref().map(|folder| Cache::new(folder, config.detector, threads));
        if let Some(frames_per_s) = cache.as_ref().and_then(Cache::read) {
            tracing::info!(frames_per_s, "measured by an earlier start");
            stats.self_tested(Speed { frames_per_s, threads });
            return None;
        }
        Some(Test { threads, cache, stats: stats.clone(), sys: PathBuf::from(SYS), done: Mutex::default() })
    }

    /// Runs one thread's part of the test. The last thread to finish publishes the result.
    pub(crate) fn take_part(&self, engine: &mut Engine) {
        let Some(times) = self.measure(engine) else { return };
        let mut done = self.done.lock().expect("nothing panics while it counts");
        done.push(times);
        if done.len() < self.threads {
            return;
        }
        let frames_per_s = done.iter().map(ThreadTimes::frames_per_s).sum::<f64>() as f32;
        let slowdown = done.iter().map(|times| times.throttling.slowdown()).fold(1.0, f32::max);
        // The published figure is that of a machine that nothing holds back. Its readers divide it by the slowdown that is in
        // effect when they read it.
        self.stats.self_tested(Speed { frames_per_s: frames_per_s * slowdown, threads: self.threads });
        if slowdown > 1.0 {
            tracing::info!(frames_per_s, "measured, while the machine was held back: not kept");
            return;
        }
        if !done.iter().all(ThreadTimes::is_even) {
            tracing::info!(frames_per_s, "measured, while something else kept the machine busy: not kept");
            return;
        }
        tracing::info!(frames_per_s, "measured");
        if let Some(cache) = &self.cache {
            cache.write(frames_per_s);
        }
    }

    /// Measures one thread. None means that a frame arrived meanwhile, or that the picture exceeds the worker's limits.
    fn measure(&self, engine: &mut Engine) -> Option<ThreadTimes> {
        let before = throttle::read(&self.sys);
        let times = times(engine, SPAN, || self.stats.in_flight() == 0)?;
        let after = throttle::read(&self.sys);
        ThreadTimes::of(times, if before.is_on() { before } else { after })
    }
}

/// How long `engine` takes for each frame that it can start within `span`, and for one at least. None means that the picture
/// cannot be analyzed, or that `go_on`, which is asked after each frame, said no.
pub(crate) fn times(engine: &mut Engine, span: Duration, go_on: impl Fn() -> bool) -> Option<Vec<Duration>> {
    let mut times = Vec::new();
    let mut at = clock::now();
    let end = at + span;
    while at < end || times.is_empty() {
        engine.analyze(FRAME, None, &Job::default()).ok()?;
        let done = clock::now();
        times.push(done.saturating_duration_since(at));
        at = done;
        if !go_on() {
            return None;
        }
    }
    Some(times)
}

/// The times of one thread's frames while all other threads work as well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ThreadTimes {
    fastest: Duration,
    median: Duration,
    /// What held the machine back during the measurement.
    throttling: Throttling,
}

impl ThreadTimes {
    /// Sums up `times`, given in the order in which they were measured. The first frame does not count when there are others,
    /// because buffers grow with it. None means that there are no times, or that the clock is too coarse for them.
    pub(crate) fn of(mut times: Vec<Duration>, throttling: Throttling) -> Option<ThreadTimes> {
        if times.len() > 1 {
            times.remove(0);
        }
        times.sort();
        let median = *times.get(times.len() / 2)?;
        let fastest = *times.first()?;
        (!median.is_zero()).then_some(ThreadTimes { fastest, median, throttling })
    }

    /// Frames a second at the median time.
    pub(crate) fn frames_per_s(&self) -> f64 {
        1.0 / self.median.as_secs_f64()
    }

    fn is_even(&self) -> bool {
        self.median.as_secs_f64() <= self.fastest.as_secs_f64() * UNEVEN
    }
}

#[cfg(test)]
mod tests;
