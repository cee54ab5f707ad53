//! The streams that can be looked at, who looks at them, and whose newest frame is to be drawn next. Time is an argument.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use facefleet_vision::Face;
use tokio::sync::watch;

/// Between two pictures of one stream: five a second show how boxes follow faces, and cost little.
const BETWEEN: Duration = Duration::from_millis(200);
/// So many look at once. A page takes four for its thumbnails.
pub(crate) const MOST_WATCHERS: usize = 32;

/// A frame that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) jpeg: Bytes,
    /// When it came here: frames are answered in any order.
    pub(crate) arrived: Instant,
    pub(crate) found: Found,
}

/// What there is to see in a frame.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    Faces(Vec<Face>),
    /// Edges, which are found again for the picture: that costs less than keeping those of each frame.
    Edges,
}

/// A frame with what was found drawn on it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Picture {
    /// Counts up from 1 over all streams of a worker: it is of no other picture, and says how many were made.
    pub(crate) number: u64,
    pub(crate) jpeg: Bytes,
}

/// The newest picture of a stream, for one who looks; closed when the stream ends.
pub(crate) type Pictures = watch::Receiver<Option<Picture>>;

/// Why somebody cannot look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoStream,
    TooMany,
}

/// A stream as a list names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) watchers: usize,
}

/// What there is to do.
#[derive(Debug)]
pub(crate) enum Next {
    /// This frame of this stream is to be drawn.
    Draw(u64, Frame),
    /// There will be one at this time.
    At(Instant),
    /// Nothing until a frame comes.
    Nothing,
}

/// All streams of a worker.
#[derive(Debug, Default)]
pub(crate) struct Gallery {
    streams: BTreeMap<u64, Exhibit>,
    /// Pictures that were made so far.
    drawn: u64,
}

#[derive(Debug)]
struct Exhibit {
    name: String,
    /// How often it is open: a client may have several calls for one stream.
    open: usize,
    /// None while nobody looks.
    newest: Option<Frame>,
    /// When its next picture may be made; None: now.
    due: Option<Instant>,
    /// Who looks has a receiver.
    pictures: watch::Sender<Option<Picture>>,
}

impl Gallery {
    /// Lets a stream in, under its lease or else under a number of its own. Returns the number that names it.
    pub(crate) fn open(&mut self, lease: Option<u64>, name: &str) -> u64 {
        let id = lease.unwrap_or_else(|| self.unused());
        let exhibit = self.streams.entry(id).or_insert_with(|| Exhibit::new(name));
        exhibit.open += 1;
        id
    }

    /// By chance, as leases are: a client that counts could otherwise choose one to be taken for another's stream.
    fn unused(&self) -> u64 {
        loop {
            let id = fastrand::u64(1..);
            if !self.streams.contains_key(&id) {
                return id;
            }
        }
    }

    /// Forgets a stream when it was closed as often as it was opened; who looks at it sees its end.
    pub(crate) fn close(&mut self, id: u64) {
        if let Some(exhibit) = self.streams.get_mut(&id) {
            exhibit.open -= 1;
            if exhibit.open == 0 {
                self.streams.remove(&id);
            }
        }
    }

    /// The streams, by their numbers.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let listed = |(id, exhibit): (&u64, &Exhibit)| Listed {
            id: *id,
            name: exhibit.name.clone(),
            watchers: exhibit.watchers(),
        };
        self.streams.iter().map(listed).collect()
    }

    /// Lets somebody look at a stream until [`Gallery::leave`].
    pub(crate) fn watch(&mut self, id: u64) -> Result<Pictures, Refusal> {
        let exhibit = self.streams.get(&id).ok_or(Refusal::NoStream)?;
        if self.watchers() >= MOST_WATCHERS {
            return Err(Refusal::TooMany);
        }
        Ok(exhibit.pictures.subscribe())
    }

    /// Somebody does not look at a stream any more. Of one at which nobody looks nothing is kept.
    pub(crate) fn leave(&mut self, id: u64, pictures: Pictures) {
        drop(pictures);
        // None: it has ended before.
        if let Some(exhibit) = self.streams.get_mut(&id).filter(|exhibit| exhibit.watchers() == 0) {
            exhibit.newest = None;
            exhibit.pictures.send_replace(None);
        }
    }

    /// How many look, at all streams together.
    pub(crate) fn watchers(&self) -> usize {
        self.streams.values().map(Exhibit::watchers).sum()
    }

    /// Takes in a frame that was answered, if somebody looks and no newer one was answered before it. Returns whether it did.
    pub(crate) fn offer(&mut self, id: u64, frame: impl FnOnce() -> Frame) -> bool {
        let Some(exhibit) = self.streams.get_mut(&id).filter(|exhibit| exhibit.watchers() > 0) else { return false };
        let frame = frame();
        let is_newest = exhibit.newest.as_ref().is_none_or(|newest| newest.arrived <= frame.arrived);
        if is_newest {
            exhibit.newest = Some(frame);
        }
        is_newest
    }

    /// What to draw now: of the streams that have something new, the one that has waited longest for its turn.
    pub(crate) fn next(&mut self, now: Instant) -> Next {
        let waiting = self.streams.iter_mut().filter(|(_, exhibit)| exhibit.newest.is_some());
        let Some((id, exhibit)) = waiting.min_by_key(|(_, exhibit)| exhibit.due) else { return Next::Nothing };
        if let Some(due) = exhibit.due.filter(|due| *due > now) {
            return Next::At(due);
        }
        exhibit.due = now.checked_add(BETWEEN);
        exhibit.newest.take().map_or(Next::Nothing, |frame| Next::Draw(*id, frame))
    }

    /// Shows the picture to those who look, if somebody still does.
    pub(crate) fn publish(&mut self, id: u64, jpeg: Bytes) {
        if let Some(exhibit) = self.streams.get_mut(&id).filter(|exhibit| exhibit.watchers() > 0) {
            self.drawn += 1;
            exhibit.pictures.send_replace(Some(Picture { number: self.drawn, jpeg }));
        }
    }

    /// The number of the last picture; 0: there was none.
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
