//! Where frames wait between the streams, which are tasks, and the detector threads.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use facefleet_service::clock;
use tokio::sync::{Notify, oneshot};

use crate::fair::{Charge, StreamId};
use crate::frame::{Frame, Verdict};
use crate::room::{Place, Room};
use crate::stats::{Queued, Stats};

/// JPEGs that may wait in all. 64 streams of sixteen 1080p frames take it, and a board with 1 GB of memory has it.
const MOST_BYTES: usize = 256 << 20;

/// A frame that waits for a detector thread, and whom to tell what became of it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) frame: Frame,
    pub(crate) arrived: Instant,
    pub(crate) reply: Reply,
    pub(crate) queued: Queued,
    /// The number of its stream among those that people can look at, if it is one.
    pub(crate) shown: Option<u64>,
}

/// The way back to the frame's stream.
#[derive(Debug)]
pub(crate) struct Reply(pub(crate) oneshot::Sender<Verdict>);

impl Reply {
    /// Ends the frame.
    pub(crate) fn send(self, verdict: Verdict, stats: &Stats) {
        stats.ended(&verdict);
        // Err: its stream went in the meantime.
        let _ = self.0.send(verdict);
    }
}

impl Entry {
    /// Ends the frame, which nobody has worked on.
    pub(crate) fn drop_for(self, reason: &'static str, stats: &Stats) {
        drop(self.queued);
        self.reply.send(Verdict::Dropped(reason), stats);
    }
}

/// A [`Room`] that threads and tasks share.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Detector threads wait for it: a frame has come, or the queue is closed.
    came: Condvar,
    /// Streams whose frame found no room wait for it: frames have gone. All of them look again, and none stands in a
    /// line, where one that nobody polls (its client reads no replies) would hold up those behind it.
    gone: Notify,
    stats: Stats,
}

#[derive(Debug)]
struct State {
    room: Room<Entry>,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(frames_per_stream: usize, stats: Stats) -> Queue {
        let state = State { room: Room::new(frames_per_stream, MOST_BYTES), closed: false };
        Queue { state: Mutex::new(state), came: Condvar::new(), gone: Notify::new(), stats }
    }

    /// Lets a stream in; see [`Fair::open`](crate::fair::Fair::open).
    pub(crate) fn open(&self, priority: i32) -> StreamId {
        self.state().room.fair.open(priority)
    }

    /// Forgets a stream and its frames that nobody took.
    pub(crate) fn close(&self, stream: StreamId) {
        let forgotten = self.state().room.close(stream);
        forgotten.iter().for_each(|_| self.stats.forgotten());
        self.gone.notify_waiters();
    }

    /// Puts a frame in, as soon as there is room for it.
    pub(crate) async fn enter(&self, stream: StreamId, entry: Entry) {
        let mut place = Place { bytes: entry.frame.jpeg.len(), frame: entry, fresh_until: None };
        loop {
            // It hears of what goes from here on, also before it is polled.
            let gone = self.gone.notified();
            let entered = self.state().room.enter(stream, place);
            match entered {
                Ok(()) => break,
                Err(back) => place = back,
            }
            gone.await;
        }
        self.came.notify_one();
    }

    /// Puts a live frame in, which is of no use after `fresh_until`. Older ones of its stream make room for it.
    pub(crate) fn enter_live(&self, stream: StreamId, entry: Entry, fresh_until: Option<Instant>) {
        let now = entry.arrived;
        let place = Place { bytes: entry.frame.jpeg.len(), frame: entry, fresh_until };
        let dropped = self.state().room.enter_live(stream, place, now);
        self.came.notify_one();
        self.drop_all(dropped);
    }

    /// Waits for the next frame. None: the queue is closed.
    pub(crate) fn next(&self) -> Option<(Entry, Charge)> {
        let mut state = self.state();
        while !state.closed {
            let (stale, next) = state.room.take(clock::now());
            if next.is_some() || !stale.is_empty() {
                drop(state);
                self.gone.notify_waiters();
                self.drop_all(stale);
                if next.is_some() {
                    return next;
                }
                state = self.state();
            } else {
                state = self.came.wait(state).expect(NO_PANIC);
            }
        }
        None
    }

    /// Says how long a frame has taken.
    pub(crate) fn done(&self, charge: Charge, spent: Duration) {
        self.state().room.fair.done(charge, spent);
    }

    /// As [`Fair::sharing`](crate::fair::Fair::sharing).
    pub(crate) fn sharing(&self, stream: StreamId) -> usize {
        self.state().room.fair.sharing(stream)
    }

    /// Ends the threads that wait for a frame, now or later.
    pub(crate) fn shut(&self) {
        self.state().closed = true;
        self.came.notify_all();
    }

    fn drop_all(&self, dropped: Vec<(Entry, &'static str)>) {
        for (entry, reason) in dropped {
            entry.drop_for(reason, &self.stats);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect(NO_PANIC)
    }
}

const NO_PANIC: &str = "nothing panics while it holds the queue";
