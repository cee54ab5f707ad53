//! What the worker has done and is doing, counted. No clock and no runtime in here.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use facefleet_proto::percentiles::Recent;
use facefleet_proto::{Load, Throttling};

use crate::frame::{STREAM_GONE, Verdict};
use crate::metrics::Frames;

/// How much the newest frame moves the average. With 1/8 the average follows a change (another video, a processor that
/// slows down for its heat) within about 16 frames, and one odd frame moves it by an eighth.
const NEWEST: f32 = 1.0 / 8.0;
/// Frames whose times are kept for people, who want to see how they differ: those of some seconds.
const KEPT: usize = 256;

/// The counters of one worker, shared by its streams, its detector threads and its heartbeat.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    counters: Mutex<Counters>,
    frames: Frames,
}

#[derive(Debug)]
struct Counters {
    in_flight: u32,
    queued: u32,
    frame_ms: Option<f32>,
    /// Of good frames, in milliseconds.
    recent: Recent,
    frames_per_s: Option<f32>,
    throttling: Throttling,
    ok: u64,
    dropped: u64,
    failed: u64,
}

impl Default for Counters {
    fn default() -> Counters {
        let (in_flight, queued, frame_ms, frames_per_s, throttling) = Default::default();
        let recent = Recent::new(KEPT);
        Counters { in_flight, queued, frame_ms, recent, frames_per_s, throttling, ok: 0, dropped: 0, failed: 0 }
    }
}

impl Stats {
    /// Counts a frame as held until the guard goes.
    pub(crate) fn hold(&self) -> Held {
        self.counters().in_flight += 1;
        Held(self.clone())
    }

    /// Counts a frame as waiting for a detector thread until the guard goes.
    pub(crate) fn queue(&self) -> Queued {
        self.counters().queued += 1;
        Queued(self.clone())
    }

    /// Counts how a frame ended.
    pub(crate) fn ended(&self, verdict: &Verdict) {
        self.0.frames.ended(verdict);
        let mut counters = self.counters();
        match verdict {
            Verdict::Done { .. } => counters.ok += 1,
            Verdict::Dropped(_) => counters.dropped += 1,
            Verdict::Failed(_) => counters.failed += 1,
        }
    }

    /// Counts a frame whose stream has gone before its turn.
    pub(crate) fn forgotten(&self) {
        self.ended(&Verdict::Dropped(STREAM_GONE));
    }

    /// What is told to Prometheus.
    pub(crate) fn frames(&self) -> &Frames {
        &self.0.frames
    }

    /// Takes the time that a detector thread spent on a good frame into the average.
    pub(crate) fn measured(&self, spent: Duration) {
        let ms = spent.as_secs_f32() * 1e3;
        let mut counters = self.counters();
        counters.recent.push(ms);
        counters.frame_ms = Some(counters.frame_ms.map_or(ms, |average| average + (ms - average) * NEWEST));
    }

    /// Takes in what holds the machine back now. When that begins, frames are expected to take longer from now on, and when it
    /// ends, not any more: the average follows at once, and real frames put right what this is wrong about.
    pub(crate) fn held_back(&self, throttling: Throttling) {
        let mut counters = self.counters();
        let change = throttling.slowdown() / counters.throttling.slowdown();
        counters.throttling = throttling;
        counters.frame_ms = counters.frame_ms.map(|average| average * change);
    }

    /// Takes in how many frames a second the worker does while nothing holds its machine back, as it measured itself.
    pub(crate) fn self_tested(&self, frames_per_s: f32) {
        self.counters().frames_per_s = Some(frames_per_s);
    }

    /// The counted part of a [`Load`]; what is measured on the machine is left at its default.
    pub(crate) fn load(&self) -> Load {
        // Sorted when the lock is gone: frames do not wait for that.
        let recent = self.counters().recent.clone();
        let percentiles = recent.percentiles();
        let counters = self.counters();
        Load {
            frame_ms_p50: percentiles.map(|percentiles| percentiles.p50),
            frame_ms_p95: percentiles.map(|percentiles| percentiles.p95),
            in_flight: counters.in_flight,
            queued: counters.queued,
            frame_ms: counters.frame_ms,
            frames_ok: counters.ok,
            frames_dropped: counters.dropped,
            frames_failed: counters.failed,
            frames_per_s: counters.frames_per_s,
            ..Load::default()
        }
    }

    fn counters(&self) -> MutexGuard<'_, Counters> {
        self.0.counters.lock().expect("nothing panics while it counts")
    }
}

/// A frame that is taken and not answered yet.
#[derive(Debug)]
pub(crate) struct Held(Stats);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.counters().in_flight -= 1;
    }
}

/// A frame that waits for a detector thread.
#[derive(Debug)]
pub(crate) struct Queued(Stats);

impl Drop for Queued {
    fn drop(&mut self) {
        self.0.counters().queued -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Failure;

    #[test]
    fn guards_count_what_is_there_now() {
        let stats = Stats::default();
        let (first, second) = (stats.hold(), stats.hold());
        let waiting = stats.queue();
        assert_eq!((stats.load().in_flight, stats.load().queued), (2, 1));
        drop(waiting);
        drop(first);
        assert_eq!((stats.load().in_flight, stats.load().queued), (1, 0));
        drop(second);
        assert_eq!(stats.load(), Load::default());
    }

    #[test]
    fn ends_are_counted_apart() {
        let stats = Stats::default();
        let done = || Verdict::Done { report: Default::default(), queued: Duration::ZERO };
        for end in [done(), Verdict::Dropped("stale_worker"), done(), Verdict::Failed(Failure::ThreadGone), done()] {
            stats.ended(&end);
        }
        let load = stats.load();
        assert_eq!((load.frames_ok, load.frames_dropped, load.frames_failed), (3, 1, 1));
    }

    #[test]
    fn the_average_starts_at_the_first_frame_and_follows() {
        let stats = Stats::default();
        assert_eq!(stats.load().frame_ms, None);
        stats.measured(Duration::from_millis(40));
        assert_eq!(stats.load().frame_ms, Some(40.0));
        stats.measured(Duration::from_millis(80));
        assert_eq!(stats.load().frame_ms, Some(45.0));
        for _ in 0..32 {
            stats.measured(Duration::from_millis(80));
        }
        let settled = stats.load().frame_ms.unwrap();
        assert!((79.0..=80.0).contains(&settled), "{settled}");
    }

    #[test]
    fn people_see_how_frames_differ() {
        let stats = Stats::default();
        (1..=100).for_each(|ms| stats.measured(Duration::from_millis(ms)));
        assert_eq!((stats.load().frame_ms_p50, stats.load().frame_ms_p95), (Some(50.0), Some(95.0)));
        (0..KEPT).for_each(|_| stats.measured(Duration::from_millis(7)));
        assert_eq!((stats.load().frame_ms_p50, stats.load().frame_ms_p95), (Some(7.0), Some(7.0)));
    }

    #[test]
    fn a_machine_that_is_held_back_is_slower_at_once_and_not_twice() {
        let [free, hot] = [0, 8].map(Throttling::from_bits);
        let stats = Stats::default();
        stats.held_back(hot);
        assert_eq!(stats.load().frame_ms, None);
        stats.held_back(free);
        stats.measured(Duration::from_millis(40));
        for _ in 0..3 {
            stats.held_back(hot);
            assert_eq!(
                stats.load().frame_ms,
                Some(60.0),
                "before any frame has told, and once for as long as it lasts"
            );
        }
        stats.held_back(free);
        assert_eq!(stats.load().frame_ms, Some(40.0));
        stats.held_back(hot);
        for _ in 0..64 {
            stats.measured(Duration::from_millis(100));
        }
        let settled = stats.load().frame_ms.unwrap();
        assert!((99.0..=100.0).contains(&settled), "what frames take is what counts: {settled}");
    }
}
