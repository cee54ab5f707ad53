//! Counts of what the worker has done and is doing, and its estimate of the time that a frame takes. Pure: time is an argument.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use facefleet_proto::percentiles::Recent;
use facefleet_proto::{DropReason, Load, Throttling};

use crate::frame::Verdict;
use crate::frame_metrics::FrameMetrics;

/// The share of a new frame in the moving average while frames keep coming. With 1/8 the average follows a change (another
/// video, a processor that slows down for its heat) within about 16 frames, and one odd frame moves it by an eighth.
const NEW_SHARE: f32 = 1.0 / 8.0;
/// The time in which the frames measured so far lose half of their weight in the estimate. A worker that looked slow for a
/// moment gets no frames and so measures none: its estimate must recover by itself, soon enough that the worker is used again.
const HALF_LIFE: Duration = Duration::from_secs(5);
/// How many of the most recent frame times are kept for the percentiles, which show people how frames differ: some seconds'
/// worth.
const RECENT_FRAMES: usize = 256;

/// The counters of one worker, shared by its streams, its detector threads and its heartbeat. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats {
    counters: Arc<Mutex<Counters>>,
    frames: Arc<FrameMetrics>,
}

/// The part of the load that every reply to a client carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ReplyLoad {
    /// Frames that are taken and not answered yet.
    pub(crate) in_flight: u32,
    /// Milliseconds that one detector thread is expected to spend on a frame; None before the first one.
    pub(crate) frame_ms: Option<f32>,
}

/// The result of a self-test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Speed {
    /// Frames a second that all detector threads do together while nothing holds the machine back.
    pub(crate) frames_per_s: f32,
    /// The number of detector threads that were measured.
    pub(crate) threads: usize,
}

impl Speed {
    /// Milliseconds that one thread spends on a frame while all of them work.
    fn frame_ms(self) -> f32 {
        1e3 * self.threads as f32 / self.frames_per_s
    }
}

#[derive(Debug)]
struct Counters {
    in_flight: u32,
    queued: u32,
    average: Option<Average>,
    /// Times of the most recent good frames, in milliseconds.
    recent: Recent,
    self_test: Option<Speed>,
    throttling: Throttling,
    ok: u64,
    dropped: u64,
    failed: u64,
}

/// The moving average of the times of good frames.
#[derive(Clone, Copy, Debug)]
struct Average {
    ms: f32,
    /// When the last frame of the average was done.
    at: Instant,
}

impl Average {
    /// The weight of the average at `now`: 1 right after a frame, and half as much after every [`HALF_LIFE`] without one.
    fn weight(self, now: Instant) -> f32 {
        let age = now.saturating_duration_since(self.at);
        0.5_f32.powf(age.div_duration_f32(HALF_LIFE))
    }

    /// The average with another frame. What the average has lost of its weight goes to the frame, so that the first frame after
    /// a long pause counts for nearly all: an old estimate that was wrong is not believed again.
    fn with(self, ms: f32, now: Instant) -> Average {
        let old_share = (1.0 - NEW_SHARE) * self.weight(now);
        Average { ms: ms + (self.ms - ms) * old_share, at: now }
    }
}

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            in_flight: 0,
            queued: 0,
            average: None,
            recent: Recent::new(RECENT_FRAMES),
            self_test: None,
            throttling: Throttling::default(),
            ok: 0,
            dropped: 0,
            failed: 0,
        }
    }
}

impl Counters {
    /// The expected time of a frame at `now`: the moving average, which approaches the self-test's figure for as long as no
    /// frame renews it. A worker without a self-test has nothing to approach and keeps its average.
    fn frame_ms(&self, now: Instant) -> Option<f32> {
        let average = self.average?;
        Some(match self.self_test {
            None => average.ms,
            Some(speed) => {
                let expected = speed.frame_ms() * self.throttling.slowdown();
                expected + (average.ms - expected) * average.weight(now)
            }
        })
    }
}

impl Stats {
    /// Counts a frame as taken and not answered until the guard is dropped.
    pub(crate) fn hold(&self) -> InFlightGuard {
        self.counters().in_flight += 1;
        InFlightGuard(self.clone())
    }

    /// Counts a frame as waiting for a detector thread until the guard is dropped.
    pub(crate) fn queue(&self) -> QueuedGuard {
        self.counters().queued += 1;
        QueuedGuard(self.clone())
    }

    /// Counts how a frame ended.
    pub(crate) fn ended(&self, verdict: &Verdict) {
        self.frames.ended(verdict);
        let mut counters = self.counters();
        match verdict {
            Verdict::Done { .. } => counters.ok += 1,
            Verdict::Dropped(_) => counters.dropped += 1,
            Verdict::Failed(_) => counters.failed += 1,
        }
    }

    /// Counts a frame whose stream closed while the frame waited.
    pub(crate) fn forgotten(&self) {
        self.ended(&Verdict::Dropped(DropReason::StreamGone));
    }

    /// The counters and histograms for Prometheus.
    pub(crate) fn frames(&self) -> &FrameMetrics {
        &self.frames
    }

    /// Takes the time that a detector thread spent on a good frame, which was done at `now`, into the estimate.
    pub(crate) fn measured(&self, spent: Duration, now: Instant) {
        let ms = spent.as_secs_f32() * 1e3;
        let mut counters = self.counters();
        counters.recent.push(ms);
        counters.average = Some(counters.average.map_or(Average { ms, at: now }, |average| average.with(ms, now)));
    }

    /// Takes note of what holds the machine back now. When that begins, frames are expected to take longer from now on, and when
    /// it ends, no longer so: the estimate changes at once, and real frames correct what the change gets wrong.
    pub(crate) fn held_back(&self, throttling: Throttling) {
        let mut counters = self.counters();
        let change = throttling.slowdown() / counters.throttling.slowdown();
        counters.throttling = throttling;
        if let Some(average) = &mut counters.average {
            average.ms *= change;
        }
    }

    /// Takes note of the self-test's result.
    pub(crate) fn self_tested(&self, speed: Speed) {
        self.counters().self_test = Some(speed);
    }

    /// Frames a second by the self-test, or None when there was no test or it has no result yet.
    pub(crate) fn frames_per_s(&self) -> Option<f32> {
        self.counters().self_test.map(|speed| speed.frames_per_s)
    }

    /// How many frames are taken and not answered yet.
    pub(crate) fn in_flight(&self) -> u32 {
        self.counters().in_flight
    }

    /// How many frames wait for a detector thread.
    pub(crate) fn queued(&self) -> u32 {
        self.counters().queued
    }

    /// The load that a reply carries at `now`. A reply asks for no percentiles, whose sort is too much for each frame.
    pub(crate) fn reply_load(&self, now: Instant) -> ReplyLoad {
        let counters = self.counters();
        ReplyLoad { in_flight: counters.in_flight, frame_ms: counters.frame_ms(now) }
    }

    /// The counted part of the [`Load`] that a heartbeat carries at `now`. What is measured on the machine is left at its
    /// default.
    pub(crate) fn load(&self, now: Instant) -> Load {
        // The copy is sorted after the lock is released: frames do not wait for it.
        let recent = self.counters().recent.clone();
        let percentiles = recent.percentiles();
        let counters = self.counters();
        Load {
            frame_ms_p50: percentiles.map(|percentiles| percentiles.p50),
            frame_ms_p95: percentiles.map(|percentiles| percentiles.p95),
            in_flight: counters.in_flight,
            queued: counters.queued,
            frame_ms: counters.frame_ms(now),
            frames_ok: counters.ok,
            frames_dropped: counters.dropped,
            frames_failed: counters.failed,
            frames_per_s: counters.self_test.map(|speed| speed.frames_per_s),
            ..Load::default()
        }
    }

    fn counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().expect("nothing panics while it counts")
    }
}

/// Counts a frame as taken and not answered yet for as long as it lives.
#[derive(Debug)]
pub(crate) struct InFlightGuard(Stats);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.counters().in_flight -= 1;
    }
}

/// Counts a frame as waiting for a detector thread for as long as it lives.
#[derive(Debug)]
pub(crate) struct QueuedGuard(Stats);

impl Drop for QueuedGuard {
    fn drop(&mut self) {
        self.0.counters().queued -= 1;
    }
}

#[cfg(test)]
mod tests;
