//! The streams of the live view, their viewers, and the frame that is to be drawn next. Pure: time is an argument.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use facefleet_vision::Face;
use tokio::sync::watch;

/// The time between two pictures of one stream. Five a second show how boxes follow faces, and cost little.
const BETWEEN: Duration = Duration::from_millis(200);
/// The most viewers at once. A page takes four for its thumbnails.
pub(crate) const MAX_WATCHERS: usize = 32;

/// A frame that was answered.
#[derive(Clone, Debug)]
pub(crate) struct AnsweredFrame {
    pub(crate) jpeg: Bytes,
    /// When the frame arrived at the worker. It tells which frame is newer, as frames are answered in any order.
    pub(crate) arrived: Instant,
    pub(crate) found: Found,
}

/// What was found in a frame.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    Faces(Vec<Face>),
    /// Edges. They are found again for the picture, which costs less than keeping those of each frame.
    Edges,
}

/// A frame with what was found drawn on it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Picture {
    /// Counts up from 1 over all streams of a worker, so it is unique and says how many pictures were drawn.
    pub(crate) number: u64,
    pub(crate) jpeg: Bytes,
}

/// The newest picture of a stream, for one viewer. The channel closes when the stream ends.
pub(crate) type Pictures = watch::Receiver<Option<Picture>>;

/// Why somebody cannot watch a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoStream,
    TooMany,
}

/// A stream in the list of streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) watchers: usize,
}

/// What the studio can draw.
#[derive(Debug)]
pub(crate) enum Next {
    /// This frame can be drawn now.
    Draw(Drawing),
    /// There is nothing to draw before this time.
    At(Instant),
    /// There is nothing to draw until another frame is offered.
    Nothing,
}

/// A frame that is to be drawn, and the stream whose viewers wait for it.
#[derive(Debug)]
pub(crate) struct Drawing {
    pub(crate) stream: u64,
    pub(crate) frame: AnsweredFrame,
}

/// All streams of a worker.
#[derive(Debug, Default)]
pub(crate) struct Gallery {
    streams: BTreeMap<u64, Exhibit>,
    /// How many pictures were drawn so far.
    drawn: u64,
}

#[derive(Debug)]
struct Exhibit {
    name: String,
    /// How often the stream is open, as a client may have several calls for one stream.
    open: usize,
    /// The newest frame that is not drawn yet. None while nobody watches.
    newest: Option<AnsweredFrame>,
    /// When the next picture of the stream may be drawn. None: now.
    due: Option<Instant>,
    /// The channel of the pictures, of which each viewer has a receiver.
    pictures: watch::Sender<Option<Picture>>,
}

impl Gallery {
    /// Adds a stream under its lease, or else under a number of its own, and returns that number.
    pub(crate) fn open(&mut self, lease: Option<u64>, name: &str) -> u64 {
        let id = lease.unwrap_or_else(|| self.unused());
        let exhibit = self.streams.entry(id).or_insert_with(|| Exhibit::new(name));
        exhibit.open += 1;
        id
    }

    /// A random number that no stream has. It is random as leases are, because a client could otherwise guess it and choose a lease
    /// that is taken for another client's stream.
    fn unused(&self) -> u64 {
        loop {
            let id = fastrand::u64(1..);
            if !self.streams.contains_key(&id) {
                return id;
            }
        }
    }

    /// Removes a stream when it was closed as often as it was opened. Its viewers see the end of it.
    pub(crate) fn close(&mut self, id: u64) {
        if let Some(exhibit) = self.streams.get_mut(&id) {
            exhibit.open -= 1;
            if exhibit.open == 0 {
                self.streams.remove(&id);
            }
        }
    }

    /// All streams, ordered by number.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let listed = |(id, exhibit): (&u64, &Exhibit)| Listed {
            id: *id,
            name: exhibit.name.clone(),
            watchers: exhibit.watchers(),
        };
        self.streams.iter().map(listed).collect()
    }

    /// Adds a viewer to a stream until [`Gallery::leave`].
    ///
    /// # Errors
    /// There is no such stream, or there are too many viewers.
    pub(crate) fn watch(&mut self, id: u64) -> Result<Pictures, Refusal> {
        let exhibit = self.streams.get(&id).ok_or(Refusal::NoStream)?;
        if self.watchers() >= MAX_WATCHERS {
            return Err(Refusal::TooMany);
        }
        Ok(exhibit.pictures.subscribe())
    }

    /// Removes a viewer from a stream. Nothing is kept of a stream without viewers.
    pub(crate) fn leave(&mut self, id: u64, pictures: Pictures) {
        drop(pictures);
        // The stream may have ended before its viewer left.
        if let Some(exhibit) = self.streams.get_mut(&id).filter(|exhibit| exhibit.watchers() == 0) {
            exhibit.newest = None;
            exhibit.pictures.send_replace(None);
        }
    }

    /// The number of viewers of all streams together.
    pub(crate) fn watchers(&self) -> usize {
        self.streams.values().map(Exhibit::watchers).sum()
    }

    /// Keeps a frame that was answered, if the stream has viewers and no newer frame of it was kept. Returns whether it is kept.
    pub(crate) fn offer(&mut self, id: u64, frame: impl FnOnce() -> AnsweredFrame) -> bool {
        let Some(exhibit) = self.streams.get_mut(&id).filter(|exhibit| exhibit.watchers() > 0) else { return false };
        let frame = frame();
        let is_newest = exhibit.newest.as_ref().is_none_or(|newest| newest.arrived <= frame.arrived);
        if is_newest {
            exhibit.newest = Some(frame);
        }
        is_newest
    }

    /// What to draw at `now`: a frame of the stream that has waited longest for its turn among those that have a new frame.
    pub(crate) fn next(&mut self, now: Instant) -> Next {
        let waiting = self.streams.iter_mut().filter(|(_, exhibit)| exhibit.newest.is_some());
        let Some((id, exhibit)) = waiting.min_by_key(|(_, exhibit)| exhibit.due) else { return Next::Nothing };
        if let Some(due) = exhibit.due.filter(|due| *due > now) {
            return Next::At(due);
        }
        exhibit.due = now.checked_add(BETWEEN);
        exhibit.newest.take().map_or(Next::Nothing, |frame| Next::Draw(Drawing { stream: *id, frame }))
    }

    /// Shows a picture to the viewers of its stream, if there still are any.
    pub(crate) fn publish(&mut self, id: u64, jpeg: Bytes) {
        if let Some(exhibit) = self.streams.get_mut(&id).filter(|exhibit| exhibit.watchers() > 0) {
            self.drawn += 1;
            exhibit.pictures.send_replace(Some(Picture { number: self.drawn, jpeg }));
        }
    }

    /// The number of the last picture, or 0 when there was none.
    pub(crate) fn drawn(&self) -> u64 {
        self.drawn
    }
}

impl Exhibit {
    fn new(name: &str) -> Exhibit {
        let pictures = watch::Sender::new(None);
        Exhibit { name: name.to_owned(), open: 0, newest: None, due: None, pictures }
    }

    fn watchers(&self) -> usize {
        self.pictures.receiver_count()
    }
}

#[cfg(test)]
mod tests;
