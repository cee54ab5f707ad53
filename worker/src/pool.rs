//! Detector threads, and the way of a stream's frames to them.
//!
//! The async runtime never computes: a stream puts a frame in here and awaits its [`Verdict`]. A frame is put in before its
//! stream reads the next one, so what a worker holds is bounded by the [`Queue`] and one more frame for each stream.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use facefleet_proto::Load;
use facefleet_service::clock;
use facefleet_vision::{DetectorError, Limits, Report, Task};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::device::Engine;
use crate::fair::StreamId;
use crate::frame::{Failure, Frame, STALE, Verdict};
use crate::live::{self, Found, Live, Shown};
use crate::queue::{Entry, Queue, Reply};
use crate::self_test::Test;
use crate::stats::{Held, Stats};

/// No frame is taken to have cost more than this. When more went by, the process was stopped or the machine asleep, and
/// neither its stream nor the average is to pay for that. A stream whose frames do take longer gets the more of the machine.
const LONGEST: Duration = Duration::from_secs(2);

/// A frame's place in the pool. When it is dropped unanswered, with all others of its line, the frame is not worked on any
/// more.
#[derive(Debug)]
pub(crate) struct Ticket {
    verdict: oneshot::Receiver<Verdict>,
    _held: Held,
    _line: Line,
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

/// The detector threads. They end when the last clone goes.
#[derive(Clone, Debug)]
pub(crate) struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Arc<Queue>,
    threads: usize,
    frames_per_stream: usize,
    stats: Stats,
    live: Live,
    thread_ended: CancellationToken,
}

impl Pool {
    /// Starts threads named `detect-N`, each with a part of the device of its own, and waits until all can work.
    ///
    /// # Errors
    /// A thread cannot be started, or a detector's model cannot be read.
    pub(crate) async fn start(config: &Config, stats: Stats, live: Live) -> Result<Pool, StartError> {
        let pool = Pool::without_threads(config, stats, live);
        let (device, detector) = (config.device, config.detector);
        let limits = Limits { max_pixels: config.limits.pixels };
        let Shared { threads, .. } = *pool.0;
        // Reads a file or two, before anything is served.
        let test = Arc::new(Test::of(config, &pool.0.stats));
        let (ready, mut started) = mpsc::channel(threads);
        for n in 0..threads {
            let (queue, stats, ready) = (pool.0.queue.clone(), pool.0.stats.clone(), ready.clone());
            let live = pool.0.live.clone();
            let test = test.clone();
            let ended = pool.0.thread_ended.clone().drop_guard();
            thread::Builder::new().name(format!("detect-{n}")).spawn(move || {
                let _ended = ended;
                // An Err of `blocking_send`: the start was given up, and the queue is closed.
                match device.engine(detector, limits, n) {
                    Err(error) => drop(ready.blocking_send(Err(error))),
                    Ok(mut engine) => {
                        let _ = ready.blocking_send(Ok(()));
                        drop(ready); // The start is over when no thread can say more.
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
        Pool(Arc::new(Shared {
            queue: Arc::new(Queue::new(frames_per_stream, stats.clone())),
            threads: config.threads.get(),
            frames_per_stream,
            stats,
            live,
            thread_ended: CancellationToken::new(),
        }))
    }

    /// Lets a stream in. With a `max_age` it is live: a frame of it that is older at its turn is dropped, and one that
    /// finds no room takes that of an older one. If it is `shown`, people can look at it.
    pub(crate) fn open(&self, priority: i32, max_age: Option<Duration>, shown: Option<Shown>) -> Line {
        let stream = self.0.queue.open(priority);
        Line { seat: Arc::new(Seat { pool: self.clone(), stream, shown }), max_age }
    }

    /// The counted part of how busy this worker is.
    pub(crate) fn load(&self) -> Load {
        self.0.stats.load()
    }

    /// Resolves when a detector thread is no more, which is never while all is well: a panic on a frame is caught.
    pub(crate) async fn thread_ended(&self) {
        self.0.thread_ended.cancelled().await;
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.shut();
    }
}

/// One stream's way into the pool.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    seat: Arc<Seat>,
    max_age: Option<Duration>,
}

/// A stream's place in the queue, which it has until its last ticket is gone.
#[derive(Debug)]
struct Seat {
    pool: Pool,
    stream: StreamId,
    shown: Option<Shown>,
}

impl Line {
    /// Takes a frame in, which has arrived now. Waits for room, unless the stream is live.
    pub(crate) async fn enter(&self, frame: Frame) -> Ticket {
        let Seat { pool: Pool(shared), stream, shown } = &*self.seat;
        let (answer, verdict) = oneshot::channel();
        let ticket = Ticket { verdict, _held: shared.stats.hold(), _line: self.clone() };
        let age = frame.age;
        let shown = shown.as_ref().map(Shown::stream);
        let entry = Entry { frame, arrived: clock::now(), reply: Reply(answer), queued: shared.stats.queue(), shown };
        match self.max_age.map(|max| max.checked_sub(age)) {
            None => shared.queue.enter(*stream, entry).await,
            Some(Some(left)) => {
                let fresh_until = entry.arrived.checked_add(left);
                shared.queue.enter_live(*stream, entry, fresh_until);
            }
            Some(None) => entry.drop_for(STALE, &shared.stats),
        }
        ticket
    }

    /// How many tickets may be held at once. A live stream is read on when its queue is full, which answers its oldest
    /// frame: of as many as this, one is neither waiting nor worked on.
    pub(crate) fn at_once(&self) -> usize {
        let Shared { threads, frames_per_stream, .. } = *self.seat.pool.0;
        if self.max_age.is_some() { frames_per_stream.saturating_add(threads + 1) } else { frames_per_stream }
    }

    /// Streams of this one's priority and above that have frames at this worker now, this one included.
    pub(crate) fn sharing(&self) -> usize {
        self.seat.pool.0.queue.sharing(self.seat.stream)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.pool.0.queue.close(self.stream);
    }
}

/// Works on frames until the pool is gone.
fn serve(queue: &Queue, engine: &mut Engine, stats: &Stats, live: &Live) {
    while let Some((Entry { frame, arrived, reply, queued, shown }, charge)) = queue.next() {
        drop(queued);
        let began = clock::now();
        let result = engine.analyze(&frame.jpeg, frame.detector, &frame.job);
        let spent = cost(began, clock::now());
        queue.done(charge, spent);
        let verdict = match result {
            Ok(report) => {
                stats.measured(spent);
                if let Some(stream) = shown {
                    live.offer(stream, || seen(&frame, arrived, &report));
                }
                Verdict::Done { report, queued: began.saturating_duration_since(arrived) }
            }
            Err(failure) => Verdict::Failed(failure),
        };
        reply.send(verdict, stats);
    }
}

/// What people see of a frame.
fn seen(frame: &Frame, arrived: Instant, report: &Report) -> live::Frame {
    let found = match frame.job.task {
        Task::View | Task::Faces => Found::Faces(report.faces.clone()),
        Task::Canny => Found::Edges,
    };
    live::Frame { jpeg: frame.jpeg.clone(), arrived, found }
}

/// What a frame has cost that was worked on from `began` to `ended`.
fn cost(began: Instant, ended: Instant) -> Duration {
    ended.saturating_duration_since(began).min(LONGEST)
}

#[cfg(test)]
mod tests;
