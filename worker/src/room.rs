//! The frames that wait: how many there may be, which are dropped, and (in [`Fair`]) which is next. Pure.

use std::time::Instant;

use facefleet_proto::DropReason;

use crate::fair::{Charge, Fair, StreamId};

/// A frame that waits, with what this module needs to know of it.
#[derive(Debug)]
pub(crate) struct Place<T> {
    pub(crate) frame: T,
    /// The memory that the frame takes.
    pub(crate) bytes: usize,
    /// The time after which the frame is of no use. None: it never expires.
    pub(crate) fresh_until: Option<Instant>,
}

/// A frame that is dropped, and the reason in snake_case.
pub(crate) type Dropped<T> = (T, DropReason);

/// Frames that wait, limited to a number for each stream and to a number of bytes for all streams together. A stream that has
/// no frame waiting finds room for one in any case, so that no stream can keep another from its turn.
#[derive(Debug)]
pub(crate) struct Room<T> {
    pub(crate) fair: Fair<Place<T>>,
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
    pub(crate) fn enter(&mut self, stream: StreamId, place: Place<T>) -> Result<(), Place<T>> {
        if !self.has_room(stream, place.bytes) {
            return Err(place);
        }
        self.put(stream, place);
        Ok(())
    }

    /// Puts a live frame in. Stale frames of its stream are dropped, and then as many of the oldest as it takes to make room.
    pub(crate) fn enter_live(&mut self, stream: StreamId, place: Place<T>, now: Instant) -> Vec<Dropped<T>> {
        let mut dropped = Vec::new();
        while let Some(gone) = self.fair.pop_if(stream, |place| place.is_stale(now)) {
            dropped.push((self.leave(gone), DropReason::StaleWorker));
        }
        while !self.has_room(stream, place.bytes)
            && let Some(oldest) = self.fair.pop_if(stream, |_| true)
        {
            dropped.push((self.leave(oldest), DropReason::QueueFull));
        }
        self.put(stream, place);
        dropped
    }

    /// Takes the frame whose turn it is, and returns the frames that were found to be stale on the way.
    pub(crate) fn take(&mut self, now: Instant) -> (Vec<Dropped<T>>, Option<(T, Charge)>) {
        let mut stale = Vec::new();
        let taken = self.fair.take(|place| place.is_stale(now), &mut stale);
        let stale = stale.into_iter().map(|place| (self.leave(place), DropReason::StaleWorker)).collect();
        (stale, taken.map(|(place, charge)| (self.leave(place), charge)))
    }

    /// Closes a stream and returns its waiting frames.
    pub(crate) fn close(&mut self, stream: StreamId) -> Vec<T> {
        self.fair.close(stream).map(|place| self.leave(place)).collect()
    }

    fn has_room(&self, stream: StreamId, bytes: usize) -> bool {
        let waiting = self.fair.waiting(stream);
        waiting == 0 || (waiting < self.frames_per_stream && self.bytes.saturating_add(bytes) <= self.max_bytes)
    }

    fn put(&mut self, stream: StreamId, place: Place<T>) {
        self.bytes += place.bytes;
        self.fair.push(stream, place);
    }

    fn leave(&mut self, place: Place<T>) -> T {
        self.bytes -= place.bytes;
        place.frame
    }
}

impl<T> Place<T> {
    fn is_stale(&self, now: Instant) -> bool {
        self.fresh_until.is_some_and(|until| now > until)
    }
}

#[cfg(test)]
mod tests;
