//! Detector threads, and the one queue they share.
//!
//! The async runtime never computes: a stream puts a frame in here and awaits its [`Verdict`]. The queue is bounded, and
//! a frame is put in before its stream reads the next one, so what a worker holds is bounded by the queue and one more
//! frame for each stream.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use facefleet_proto::Load;
use facefleet_service::clock;
use facefleet_vision::{DetectorError, DetectorKind, Limits};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::device::{Device, Engine};
use crate::frame::{Failure, Frame, Verdict};
use crate::stats::{End, Held, Queued, Stats};

/// Frames that may wait for each thread. Less would leave threads idle between two frames of a stream that comes in
/// bursts; more would only make every stream wait longer for its answers.
const QUEUE_PER_THREAD: usize = 8;

/// A frame's place in the pool. When it is dropped unanswered, the frame is not worked on any more.
#[derive(Debug)]
pub(crate) struct Ticket {
    verdict: oneshot::Receiver<Verdict>,
    _held: Held,
}

impl Ticket {
    /// Waits for the verdict.
    pub(crate) async fn verdict(self) -> Verdict {
        self.verdict.await.unwrap_or(Verdict::Failed(Failure::ThreadGone))
    }
}

/// Why the pool cannot work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("cannot start a detector thread: {0}")]
    Thread(#[from] io::Error),
    #[error(transparent)]
    Detector(#[from] DetectorError),
}

struct Entry {
    frame: Frame,
    arrived: Instant,
    verdict: oneshot::Sender<Verdict>,
    queued: Queued,
}

/// The detector threads. They end when the last clone goes.
#[derive(Clone)]
pub(crate) struct Pool {
    entries: mpsc::Sender<Entry>,
    stats: Stats,
    thread_ended: CancellationToken,
}

impl Pool {
    /// Starts `threads` threads named `detect-N`, each with a part of `device` of its own, and waits until all can work with
    /// `detector`.
    ///
    /// # Errors
    /// A thread cannot be started, or a detector's model cannot be read.
    pub(crate) async fn start(
        threads: usize,
        device: Device,
        detector: DetectorKind,
        limits: Limits,
        stats: Stats,
    ) -> Result<Pool, StartError> {
        let (entries, queue) = mpsc::channel(threads * QUEUE_PER_THREAD);
        let queue = Arc::new(Mutex::new(queue));
        let thread_ended = CancellationToken::new();
        let (ready, mut started) = mpsc::channel(threads);
        for n in 0..threads {
            let (queue, stats, ready) = (queue.clone(), stats.clone(), ready.clone());
            let ended = thread_ended.clone().drop_guard();
            thread::Builder::new().name(format!("detect-{n}")).spawn(move || {
                let _ended = ended;
                // An Err of `blocking_send`: the start was given up, and the queue is closed.
                match device.engine(detector, limits, n) {
                    Err(error) => drop(ready.blocking_send(Err(error))),
                    Ok(mut engine) => {
                        let _ = ready.blocking_send(Ok(()));
                        drop(ready); // The start is over when no thread can say more.
                        serve(&queue, &mut engine, &stats);
                    }
                }
            })?;
        }
        drop(ready);
        while let Some(outcome) = started.recv().await {
            outcome?;
        }
        Ok(Pool { entries, stats, thread_ended })
    }

    /// Takes a frame in, which has arrived now. Waits for room in the queue unless the frame is live.
    ///
    /// The wait is a task of its own. Replies are polled only while their client reads them, and a future that stands in
    /// line and is not polled would keep a place that nobody else gets: a few clients that do not read would stop all.
    pub(crate) async fn enter(&self, frame: Frame) -> Ticket {
        let live = frame.max_age.is_some();
        let (answer, verdict) = oneshot::channel();
        let ticket = Ticket { verdict, _held: self.stats.hold() };
        let entry = Entry { frame, arrived: clock::now(), verdict: answer, queued: self.stats.queue() };
        match self.entries.try_send(entry) {
            Err(TrySendError::Full(entry)) if live => {
                self.stats.ended(End::Dropped);
                // Err: impossible, the ticket is still here.
                let _ = entry.verdict.send(Verdict::Dropped("overloaded"));
            }
            Err(TrySendError::Full(entry)) => {
                let entries = self.entries.clone();
                let wait = AbortOnDropHandle::new(tokio::spawn(async move { entries.send(entry).await }));
                // Err: no thread is left, here and below; the ticket has lost its sender and says so.
                let _ = wait.await;
            }
            Ok(()) | Err(TrySendError::Closed(_)) => {}
        }
        ticket
    }

    /// The counted part of how busy this worker is.
    pub(crate) fn load(&self) -> Load {
        self.stats.load()
    }

    /// Resolves when a detector thread is no more, which is never while all is well: a panic on a frame is caught.
    pub(crate) async fn thread_ended(&self) {
        self.thread_ended.cancelled().await;
    }
}

/// Works on frames until the pool is gone.
fn serve(queue: &Mutex<mpsc::Receiver<Entry>>, engine: &mut Engine, stats: &Stats) {
    loop {
        let next = queue.lock().expect("no thread panics while it waits").blocking_recv();
        let Some(Entry { frame, arrived, verdict, queued }) = next else { return };
        drop(queued);
        if verdict.is_closed() {
            stats.ended(End::Dropped); // Its stream is gone.
            continue;
        }
        let judged = judge(engine, &frame, arrived, stats);
        stats.ended(judged.end());
        // Err: the stream went in the meantime.
        let _ = verdict.send(judged);
    }
}

fn judge(engine: &mut Engine, frame: &Frame, arrived: Instant, stats: &Stats) -> Verdict {
    let began = clock::now();
    let queued = began.saturating_duration_since(arrived);
    if frame.max_age.is_some_and(|max| frame.age.saturating_add(queued) > max) {
        return Verdict::Dropped("stale_worker");
    }
    match engine.analyze(&frame.jpeg, frame.detector, &frame.job) {
        Ok(report) => {
            stats.measured(clock::now().saturating_duration_since(began));
            Verdict::Done { report, queued }
        }
        Err(failure) => Verdict::Failed(failure),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use facefleet_vision::{FrameError, Job};
    use futures_util::FutureExt;

    use super::*;

    /// A pool without threads and with room for one frame; the test takes the frames out.
    fn pool() -> (Pool, mpsc::Receiver<Entry>) {
        let (entries, queue) = mpsc::channel(1);
        (Pool { entries, stats: Stats::default(), thread_ended: CancellationToken::new() }, queue)
    }

    fn frame(max_age: Option<Duration>) -> Frame {
        Frame { jpeg: Bytes::new(), detector: None, job: Job::default(), age: Duration::ZERO, max_age }
    }

    const LIVE: Option<Duration> = Some(Duration::from_secs(60));

    #[test]
    fn a_live_frame_that_finds_no_room_is_dropped_at_once() {
        let (pool, _queue) = pool();
        let first = pool.enter(frame(LIVE)).now_or_never().unwrap();
        let second = pool.enter(frame(LIVE)).now_or_never().unwrap();
        let verdict = second.verdict().now_or_never().unwrap();
        assert!(matches!(verdict, Verdict::Dropped("overloaded")), "{verdict:?}");
        let load = pool.stats.load();
        assert_eq!((load.in_flight, load.queued, load.frames_dropped), (1, 1, 1));
        assert!(first.verdict().now_or_never().is_none());
    }

    #[tokio::test]
    async fn any_other_frame_waits_for_room() {
        let (pool, mut queue) = pool();
        let _first = pool.enter(frame(None)).await;
        let mut second = std::pin::pin!(pool.enter(frame(None)));
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(pool.stats.load().in_flight, 2);
        queue.recv().await.unwrap();
        second.await;
    }

    #[tokio::test]
    async fn a_frame_gets_its_room_though_nobody_polls_and_loses_it_with_its_stream() {
        let (pool, mut queue) = pool();
        let _first = pool.enter(frame(None)).await;
        let mut second = Box::pin(pool.enter(frame(None)));
        let mut third = Box::pin(pool.enter(frame(None)));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(third.as_mut().now_or_never().is_none());
        drop(second);
        let verdicts = [queue.recv().await.unwrap().verdict, queue.recv().await.unwrap().verdict];
        assert!(verdicts.iter().all(|verdict| !verdict.is_closed()), "the first and the third, without a poll");
        assert!(queue.try_recv().is_err());
    }

    #[test]
    fn a_frame_whose_stream_is_gone_is_skipped() {
        let (pool, queue) = pool();
        let stats = pool.stats.clone();
        drop(pool.enter(frame(None)).now_or_never().unwrap());
        assert_eq!(stats.load().queued, 1);
        drop(pool); // The queue ends behind the frame, and so does `serve`.
        let mut engine = Device::Detectors.engine(DetectorKind::Seeta, Limits::default(), 0).unwrap();
        serve(&Mutex::new(queue), &mut engine, &stats);
        let load = stats.load();
        assert_eq!((load.frames_dropped, load.frames_failed, load.queued, load.in_flight), (1, 0, 0, 0));
    }

    #[test]
    fn a_frame_may_be_as_old_as_its_greatest_age() {
        let mut engine = Device::Detectors.engine(DetectorKind::Seeta, Limits::default(), 0).unwrap();
        let mut verdict = |age, max_age| {
            let frame = Frame { age, ..frame(max_age) };
            judge(&mut engine, &frame, clock::now(), &Stats::default())
        };
        let hour = Duration::from_secs(3600);
        assert!(matches!(verdict(hour, Some(hour * 2)), Verdict::Failed(Failure::Frame(FrameError::Empty))));
        assert!(matches!(verdict(hour, Some(hour - Duration::from_micros(1))), Verdict::Dropped("stale_worker")));
        assert!(matches!(verdict(Duration::MAX, None), Verdict::Failed(Failure::Frame(FrameError::Empty))));
    }

    #[tokio::test]
    async fn a_thread_that_ends_is_noticed() {
        let stats = Stats::default();
        let pool = Pool::start(2, Device::Detectors, DetectorKind::Seeta, Limits::default(), stats).await.unwrap();
        let watch = pool.thread_ended.clone();
        assert!(!watch.is_cancelled());
        drop(pool);
        watch.cancelled().await;
    }
}
