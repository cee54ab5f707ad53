//! The frames that wait: how many there may be, which are dropped, and (in [`Fair`]) which is next. Pure.

use std::time::Instant;

use facefleet_proto::DropReason;

use crate::fair::{Charge, Fair, StreamId};

/// A frame that waits, with what this module needs to know of it.
#[derive(Debug)]
pub(crate) struct WaitingFrame<T> {
    pub(crate) frame: T,
    /// The memory that the frame takes.
    pub(crate) bytes: usize,
    /// The time after which the frame is of no use. None: it never expires.
    pub(crate) fresh_until: Option<Instant>,
}

/// A frame that is dropped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dropped<T> {
    pub(crate) frame: T,
    pub(crate) reason: DropReason,
}

/// What came of a turn.
#[derive(Debug)]
pub(crate) struct Taken<T> {
    /// The frames of the stream that were too old at their turn.
    pub(crate) stale: Vec<Dropped<T>>,
    /// The frame whose turn it is, with what its stream was charged. None when no frame waits.
    pub(crate) next: Option<(T, Charge)>,
}

/// Frames that wait, limited to a number for each stream and to a number of bytes for all streams together. A stream that has
/// no frame waiting finds room for one in any case, so that no stream can keep another from its turn.
#[derive(Debug)]
pub(crate) struct Room<T> {
    pub(crate) fair: Fair<WaitingFrame<T>>,
    frames_per_stream: usize,
    max_bytes: usize,
    bytes: usize,
}

impl<T> Room<T> {
    pub(crate) fn new(frames_per_stream: usize, max_bytes: usize) -> Room<T> {
        Room { fair: Fair::new(), frames_per_stream, max_bytes, bytes: 0 }
    }

    /// Puts a frame in.
    ///
    /// # Errors
    /// Returns the frame when there is no room for it now. There may be room once another frame has gone.
    pub(crate) fn enter(&mut self, stream: StreamId, waiting: WaitingFrame<T>) -> Result<(), WaitingFrame<T>> {
        if !self.has_room(stream, waiting.bytes) {
            return Err(waiting);
        }
        self.put(stream, waiting);
        Ok(())
    }

    /// Puts a live frame in. Stale frames of its stream are dropped, and then as many of the oldest as it takes to make room.
    pub(crate) fn enter_live(&mut self, stream: StreamId, waiting: WaitingFrame<T>, now: Instant) -> Vec<Dropped<T>> {
        let mut dropped = Vec::new();
        while let Some(gone) = self.fair.pop_if(stream, |waiting| waiting.is_stale(now)) {
            dropped.push(Dropped { frame: self.leave(gone), reason: DropReason::StaleWorker });
        }
        while !self.has_room(stream, waiting.bytes)
            && let Some(oldest) = self.fair.pop_if(stream, |_| true)
        {
            dropped.push(Dropped { frame: self.leave(oldest), reason: DropReason::QueueFull });
        }
        self.put(stream, waiting);
        dropped
    }

    /// Takes the frame whose turn it is at `now`. Frames that are stale by then are dropped on the way.
    pub(crate) fn take(&mut self, now: Instant) -> Taken<T> {
        let mut stale = Vec::new();
        let taken = self.fair.take(|waiting| waiting.is_stale(now), &mut stale);
        let dropped = |frame| Dropped { frame, reason: DropReason::StaleWorker };
        let stale = stale.into_iter().map(|waiting| dropped(self.leave(waiting))).collect();
        Taken { stale, next: taken.map(|(waiting, charge)| (self.leave(waiting), charge)) }
    }

    /// Closes a stream and returns its waiting frames.
    pub(crate) fn close(&mut self, stream: StreamId) -> Vec<T> {
        self.fair.close(stream).map(|waiting| self.leave(waiting)).collect()
    }

    fn has_room(&self, stream: StreamId, bytes: usize) -> bool {
        let waiting = self.fair.waiting(stream);
        waiting == 0 || (waiting < self.frames_per_stream && self.bytes.saturating_add(bytes) <= self.max_bytes)
    }

    fn put(&mut self, stream: StreamId, waiting: WaitingFrame<T>) {
        self.bytes += waiting.bytes;
        self.fair.push(stream, waiting);
    }

    fn leave(&mut self, waiting: WaitingFrame<T>) -> T {
        self.bytes -= waiting.bytes;
        waiting.frame
    }
}

impl<T> WaitingFrame<T> {
    fn is_stale(&self, now: Instant) -> bool {
        self.fresh_until.is_some_and(|until| now > until)
    }
}

#[cfg(test)]
mod tests;
