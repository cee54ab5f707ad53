//! The queue in which frames wait between the streams, which are tasks, and the detector threads.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use facefleet_proto::DropReason;
use facefleet_service::clock;
use tokio::sync::{Notify, oneshot};

use crate::fair::{Charge, StreamId};
use crate::frame::{Frame, Verdict};
use crate::room::{Dropped, Room, Taken, WaitingFrame};
use crate::stats::{QueuedGuard, Stats};

/// The most that the waiting JPEGs of all streams together may take. 64 streams of sixteen 1080p frames need that much, and a
/// board with 1 GB of memory has it.
const MAX_BYTES: usize = 256 << 20;

/// A frame that waits for a detector thread, and the way back to its stream.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) frame: Frame,
    pub(crate) arrived: Instant,
    pub(crate) reply: ReplySender,
    pub(crate) queued: QueuedGuard,
    /// The number of the frame's stream in the live view, if people can look at it.
    pub(crate) shown: Option<u64>,
}

/// The way of a verdict back to the frame's stream.
#[derive(Debug)]
pub(crate) struct ReplySender(pub(crate) oneshot::Sender<Verdict>);

impl ReplySender {
    /// Counts the verdict and sends it to the stream.
    pub(crate) fn send(self, verdict: Verdict, stats: &Stats) {
        stats.ended(&verdict);
        // The send fails when the stream was closed in the meantime.
        let _ = self.0.send(verdict);
    }
}

impl Entry {
    /// Drops the frame, on which nobody has worked.
    pub(crate) fn drop_for(self, reason: DropReason, stats: &Stats) {
        drop(self.queued);
        self.reply.send(Verdict::Dropped(reason), stats);
    }
}

/// A [`Room`] that threads and tasks share.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<QueueState>,
    /// Notified when a frame has come or the queue is closed. Detector threads wait for it.
    came: Condvar,
    /// Notified when frames have gone. Streams whose frame found no room wait for it and then all look again: in a line, one
    /// stream that nobody polls (its client reads no replies) would hold up those behind it.
    gone: Notify,
    stats: Stats,
}

#[derive(Debug)]
struct QueueState {
    room: Room<Entry>,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(frames_per_stream: usize, stats: Stats) -> Queue {
        let state = QueueState { room: Room::new(frames_per_stream, MAX_BYTES), closed: false };
        Queue { state: Mutex::new(state), came: Condvar::new(), gone: Notify::new(), stats }
    }

    /// Opens a stream; see [`Fair::open`](crate::fair::Fair::open).
    pub(crate) fn open(&self, priority: i32) -> StreamId {
        self.state().room.fair.open(priority)
    }

    /// Closes a stream and forgets the frames of it that no thread has taken.
    pub(crate) fn close(&self, stream: StreamId) {
        let forgotten = self.state().room.close(stream);
        forgotten.iter().for_each(|_| self.stats.forgotten());
        self.gone.notify_waiters();
    }

    /// Waits until there is room for a frame, and puts it in.
    pub(crate) async fn enter(&self, stream: StreamId, entry: Entry) {
        let mut waiting = WaitingFrame { bytes: entry.frame.jpeg.len(), frame: entry, fresh_until: None };
        loop {
            // From here on no notification is missed, also before the future is polled.
            let gone = self.gone.notified();
            let entered = self.state().room.enter(stream, waiting);
            match entered {
                Ok(()) => break,
                Err(back) => waiting = back,
            }
            gone.await;
        }
        self.came.notify_one();
    }

    /// Puts in a live frame, which is of no use after `fresh_until`. Older frames of its stream make room for it.
    pub(crate) fn enter_live(&self, stream: StreamId, entry: Entry, fresh_until: Option<Instant>) {
        let now = entry.arrived;
        let waiting = WaitingFrame { bytes: entry.frame.jpeg.len(), frame: entry, fresh_until };
        let dropped = self.state().room.enter_live(stream, waiting, now);
        self.came.notify_one();
        self.drop_all(dropped);
    }

    /// Waits for the next frame. None means that the queue is closed.
    pub(crate) fn next(&self) -> Option<(Entry, Charge)> {
        let mut state = self.state();
        while !state.closed {
            let Taken { stale, next } = state.room.take(clock::now());
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

    /// Charges the frame's stream with the time that the frame has taken.
    pub(crate) fn done(&self, charge: Charge, spent: Duration) {
        self.state().room.fair.done(charge, spent);
    }

    /// The number of streams that share the worker with this one; see [`Fair::sharing`](crate::fair::Fair::sharing).
    pub(crate) fn sharing(&self, stream: StreamId) -> usize {
        self.state().room.fair.sharing(stream)
    }

    /// Closes the queue, which ends every thread that waits for a frame now or later.
    pub(crate) fn shut(&self) {
        self.state().closed = true;
        self.came.notify_all();
    }

    fn drop_all(&self, dropped: Vec<Dropped<Entry>>) {
        for Dropped { frame: entry, reason } in dropped {
            entry.drop_for(reason, &self.stats);
        }
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().expect(NO_PANIC)
    }
}

const NO_PANIC: &str = "nothing panics while it holds the queue";
