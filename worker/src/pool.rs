//! The detector threads, and how the frames of a stream get to them.
//!
//! The async runtime never computes: a stream puts a frame into the pool and awaits its [`Verdict`]. A stream reads its next
//! frame only after the one before it is in, so a worker holds at most what the [`Queue`] bounds and one frame more for each
//! stream.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use facefleet_proto::DropReason;
use facefleet_service::clock;
use facefleet_vision::{DetectorError, Limits, Report, Task};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::device::Engine;
use crate::fair::StreamId;
use crate::frame::{Failure, Frame, Verdict};
use crate::live::{AnsweredFrame, Found, Live, Shown};
use crate::queue::{Entry, Queue, ReplySender};
use crate::self_test::Test;
use crate::stats::{InFlightGuard, ReplyLoad, Stats};

/// The most that a frame is taken to have cost. When more time has gone by, the process was stopped or the machine asleep, and
/// neither the frame's stream nor the average is to pay for that. A stream whose frames really take longer gets more of the
/// machine than its part.
const LONGEST: Duration = Duration::from_secs(2);

/// A frame that is in the pool and not answered yet. When it is dropped unanswered, together with all others of its stream,
/// nobody works on the frame any more.
#[derive(Debug)]
pub(crate) struct PendingFrame {
    verdict: oneshot::Receiver<Verdict>,
    _in_flight: InFlightGuard,
    _stream: StreamHandle,
}

impl PendingFrame {
    /// Waits for the verdict.
    pub(crate) async fn verdict(self) -> Verdict {
        self.verdict.await.unwrap_or(Verdict::Failed(Failure::ThreadGone))
    }
}

/// Why the pool cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("cannot start a detector thread: {0}")]
    Thread(#[from] io::Error),
    #[error(transparent)]
    Detector(#[from] DetectorError),
}

/// The detector threads of a worker. They end when the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Pool(Arc<PoolInner>);

#[derive(Debug)]
struct PoolInner {
    queue: Arc<Queue>,
    threads: usize,
    frames_per_stream: usize,
    stats: Stats,
    live: Live,
    thread_ended: CancellationToken,
}

/// How the pool treats a stream.
#[derive(Debug, Default)]
pub(crate) struct StreamSettings {
    /// Streams of a higher priority are served first.
    pub(crate) priority: i32,
    /// The age at which a frame is of no more use. A stream that has one is live: a frame that is older at its turn is dropped,
    /// and a frame that finds no room replaces an older one of its stream. None: every frame waits for room and is analyzed.
    pub(crate) max_age: Option<Duration>,
    /// The stream's entry in the live view, if people can look at it.
    pub(crate) shown: Option<Shown>,
}

impl Pool {
    /// Starts the threads `detect-0`, `detect-1`, …, each with an engine of its own, and waits until all can work.
    ///
    /// # Errors
    /// A thread cannot be started, or a detector's model cannot be read.
    pub(crate) async fn start(config: &Config, stats: Stats, live: Live) -> Result<Pool, StartError> {
        let pool = Pool::without_threads(config, stats, live);
        let (device, detector) = (config.device, config.detector);
        let limits = Limits { max_pixels: config.limits.pixels };
        let PoolInner { threads, .. } = *pool.0;
        // This reads a file or two, and nothing is served yet that would have to wait for them.
        let test = Arc::new(Test::of(config, &pool.0.stats));
        let (ready, mut started) = mpsc::channel(threads);
        for n in 0..threads {
            let (queue, stats, ready) = (pool.0.queue.clone(), pool.0.stats.clone(), ready.clone());
            let live = pool.0.live.clone();
            let test = test.clone();
            let ended = pool.0.thread_ended.clone().drop_guard();
            thread::Builder::new().name(format!("detect-{n}")).spawn(move || {
                let _ended = ended;
                // `blocking_send` fails when the start was given up; the queue is closed then.
                match device.engine(detector, limits, n) {
                    Err(error) => drop(ready.blocking_send(Err(error))),
                    Ok(mut engine) => {
                        let _ = ready.blocking_send(Ok(()));
                        drop(ready); // The start is over when no thread can report any more.
                        if let Some(test) = &*test {
                            test.take_part(&mut engine);
                        }
                        serve(&queue, &mut engine, &stats, &live);
                    }
                }
            })?;
        }
        drop(ready);
        while let Some(outcome) = started.recv().await {
            outcome?;
        }
        Ok(pool)
    }

    fn without_threads(config: &Config, stats: Stats, live: Live) -> Pool {
        let frames_per_stream = config.limits.frames_per_stream.get();
        Pool(Arc::new(PoolInner {
            queue: Arc::new(Queue::new(frames_per_stream, stats.clone())),
            threads: config.threads.get(),
            frames_per_stream,
            stats,
            live,
            thread_ended: CancellationToken::new(),
        }))
    }

    /// Opens a stream, which stays open until the last clone of the handle and the last of its pending frames are dropped.
    pub(crate) fn open(&self, settings: StreamSettings) -> StreamHandle {
        let StreamSettings { priority, max_age, shown } = settings;
        let id = self.0.queue.open(priority);
        StreamHandle { stream: Arc::new(OpenStream { pool: self.clone(), id, shown }), max_age }
    }

    /// The load that a reply carries now.
    pub(crate) fn reply_load(&self) -> ReplyLoad {
        self.0.stats.reply_load(clock::now())
    }

    /// Resolves when a detector thread has ended, which never happens while all is well: a panic on a frame is caught.
    pub(crate) async fn thread_ended(&self) {
        self.0.thread_ended.cancelled().await;
    }
}

impl Drop for PoolInner {
    fn drop(&mut self) {
        self.queue.shut();
    }
}

/// The way of one stream's frames into the pool.
#[derive(Clone, Debug)]
pub(crate) struct StreamHandle {
    stream: Arc<OpenStream>,
    max_age: Option<Duration>,
}

/// A stream that is open in the queue until this is dropped.
#[derive(Debug)]
struct OpenStream {
    pool: Pool,
    id: StreamId,
    shown: Option<Shown>,
}

impl StreamHandle {
    /// Puts in a frame that has arrived now. A stream that is not live waits for room.
    pub(crate) async fn enter(&self, frame: Frame) -> PendingFrame {
        let OpenStream { pool: Pool(pool), id, shown } = &*self.stream;
        let (answer, verdict) = oneshot::channel();
        let pending = PendingFrame { verdict, _in_flight: pool.stats.hold(), _stream: self.clone() };
        let age = frame.age;
        let shown = shown.as_ref().map(Shown::stream);
        let entry =
            Entry { frame, arrived: clock::now(), reply: ReplySender(answer), queued: pool.stats.queue(), shown };
        match self.max_age.map(|max| max.checked_sub(age)) {
            None => pool.queue.enter(*id, entry).await,
            Some(Some(left)) => {
                let fresh_until = entry.arrived.checked_add(left);
                pool.queue.enter_live(*id, entry, fresh_until);
            }
            Some(None) => entry.drop_for(DropReason::StaleWorker, &pool.stats),
        }
        pending
    }

    /// How many frames of the stream may be pending at once. A live stream is read further when its queue is full, and its
    /// oldest frame is dropped for that: so among this many frames at least one neither waits nor is worked on, but is answered.
    pub(crate) fn max_pending(&self) -> usize {
        let PoolInner { threads, frames_per_stream, .. } = *self.stream.pool.0;
        if self.max_age.is_some() { frames_per_stream.saturating_add(threads + 1) } else { frames_per_stream }
    }

    /// The number of streams that share the worker with this one now: those of its priority and above that have frames here,
    /// and this one in any case.
    pub(crate) fn sharing(&self) -> usize {
        self.stream.pool.0.queue.sharing(self.stream.id)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.pool.0.queue.close(self.id);
    }
}

/// Works on frames until the pool is dropped.
fn serve(queue: &Queue, engine: &mut Engine, stats: &Stats, live: &Live) {
    while let Some((Entry { frame, arrived, reply, queued, shown }, charge)) = queue.next() {
        drop(queued);
        let began = clock::now();
        let result = engine.analyze(&frame.jpeg, frame.detector, &frame.job);
        let ended = clock::now();
        let spent = cost(began, ended);
        queue.done(charge, spent);
        let verdict = match result {
            Ok(report) => {
                stats.measured(spent, ended);
                if let Some(stream) = shown {
                    live.offer(stream, || answered(&frame, arrived, &report));
                }
                Verdict::Done { report, queued: began.saturating_duration_since(arrived) }
            }
            Err(failure) => Verdict::Failed(failure),
        };
        reply.send(verdict, stats);
    }
}

/// The frame as the live view takes it.
fn answered(frame: &Frame, arrived: Instant, report: &Report) -> AnsweredFrame {
    let found = match frame.job.task {
        Task::View | Task::Faces => Found::Faces(report.faces.clone()),
        Task::Canny => Found::Edges,
    };
    AnsweredFrame { jpeg: frame.jpeg.clone(), arrived, found }
}

/// The cost of a frame that was worked on from `began` to `ended`, capped at [`LONGEST`].
fn cost(began: Instant, ended: Instant) -> Duration {
    ended.saturating_duration_since(began).min(LONGEST)
}

#[cfg(test)]
mod tests;
