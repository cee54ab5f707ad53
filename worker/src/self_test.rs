//! How many frames a second this worker does, measured when it starts.
//!
//! The detector threads do it themselves, all at once and with what they work with, after the worker has joined and before
//! its first frame: what the threads share (memory, heat, the power supply) counts, no memory is taken for it, and nobody
//! waits for it. The first frame that comes ends it without a result, because from then on real frames tell more.

mod cache;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use facefleet_proto::Throttling;
use facefleet_service::clock;
use facefleet_vision::Job;

use crate::config::Config;
use crate::device::{Device, Engine};
use crate::stats::Stats;
use crate::throttle::{self, SYS};
use cache::Cache;

/// A frame of the demonstration video: 640x360 as from a camera, with four faces, so that each stage of a detector has
/// something to do. Licence and SHA-256 are in `assets/README.md`.
const FRAME: &[u8] = include_bytes!("../../assets/annotated.jpg");
/// No thread begins with another frame after this: all is over within 2 s wherever a frame takes less than that.
const SPAN: Duration = Duration::from_millis(800);
/// When the middle one of a thread's frames took this many times as long as its fastest one, something else kept the
/// machine busy. The figure is then true for now and not worth keeping.
const UNEVEN: f64 = 1.25;

/// Whether a worker measures itself when it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SelfTest {
    /// It does not. Its first frames tell.
    #[default]
    Skipped,
    /// It does, unless it is kept in this folder what the same program measured here before. None: there is no folder.
    KeptIn(Option<PathBuf>),
}

impl SelfTest {
    /// With the cache folder of the service or of the user, if there is one.
    pub fn kept() -> SelfTest {
        SelfTest::KeptIn(cache::folder())
    }
}

/// A test that the detector threads are to do.
#[derive(Debug)]
pub(crate) struct Test {
    threads: usize,
    cache: Option<Cache>,
    stats: Stats,
    /// Where the kernel shows what holds the machine back.
    sys: PathBuf,
    /// One for each thread that has measured.
    paces: Mutex<Vec<Pace>>,
}

impl Test {
    /// The test that is to do, or None when there is none. A figure that was kept goes to `stats` at once.
    pub(crate) fn of(config: &Config, stats: &Stats) -> Option<Test> {
        let SelfTest::KeptIn(folder) = &config.self_test else { return None };
        if config.device != Device::Detectors {
            return None; // What takes a frame's time there is chosen and not measured.
        }
        let threads = config.threads.get();
        let cache = folder.as_deref().map(|folder| Cache::new(folder, config.detector, threads));
        if let Some(frames_per_s) = cache.as_ref().and_then(Cache::read) {
            tracing::info!(frames_per_s, "measured by an earlier start");
            stats.self_tested(frames_per_s);
            return None;
        }
        Some(Test { threads, cache, stats: stats.clone(), sys: PathBuf::from(SYS), paces: Mutex::default() })
    }

    /// A thread's part. The last thread that is done says what came out.
    pub(crate) fn take_part(&self, engine: &mut Engine) {
        let Some(pace) = self.measure(engine) else { return };
        let mut paces = self.paces.lock().expect("nothing panics while it counts");
        paces.push(pace);
        if paces.len() < self.threads {
            return;
        }
        let frames_per_s = paces.iter().map(Pace::frames_per_s).sum::<f64>() as f32;
        let slowdown = paces.iter().map(|pace| pace.throttling.slowdown()).fold(1.0, f32::max);
        // Whoever hears of it takes this off again for as long as the machine is held back.
        self.stats.self_tested(frames_per_s * slowdown);
        if slowdown > 1.0 {
            tracing::info!(frames_per_s, "measured, while the machine was held back: not kept");
            return;
        }
        if !paces.iter().all(Pace::is_even) {
            tracing::info!(frames_per_s, "measured, while something else kept the machine busy: not kept");
            return;
        }
        tracing::info!(frames_per_s, "measured");
        if let Some(cache) = &self.cache {
            cache.write(frames_per_s);
        }
    }

    /// None: a frame came, or this one cannot be worked on within the worker's limits.
    fn measure(&self, engine: &mut Engine) -> Option<Pace> {
        let before = throttle::read(&self.sys);
        let times = times(engine, SPAN, || self.stats.load().in_flight == 0)?;
        let after = throttle::read(&self.sys);
        Pace::of(times, if before.is_on() { before } else { after })
    }
}

/// How long each frame takes of those that `engine` can begin with within `span`; at least one. None: the picture cannot be
/// worked on, or `go_on`, which is asked after each, said no.
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

/// How long frames take a thread while all others have some, too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    fastest: Duration,
    middle: Duration,
    /// What held the machine back meanwhile.
    throttling: Throttling,
}

impl Pace {
    /// Of the times in their order. The first frame does not count when there are others: buffers grow with it.
    pub(crate) fn of(mut times: Vec<Duration>, throttling: Throttling) -> Option<Pace> {
        if times.len() > 1 {
            times.remove(0);
        }
        times.sort();
        let middle = *times.get(times.len() / 2)?;
        let fastest = *times.first()?;
        (!middle.is_zero()).then_some(Pace { fastest, middle, throttling })
    }

    pub(crate) fn frames_per_s(&self) -> f64 {
        1.0 / self.middle.as_secs_f64()
    }

    fn is_even(&self) -> bool {
        self.middle.as_secs_f64() <= self.fastest.as_secs_f64() * UNEVEN
    }
}

#[cfg(test)]
mod tests;
