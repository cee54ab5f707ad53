//! What people see of the streams: each one's newest answered frame, with what was found in it.
//!
//! A detector thread offers each frame that it has answered, which is one atomic load while nobody looks. Somebody who
//! looks (`http`) is counted by the `gallery`, and only then a frame is kept, one of each stream that is looked at. One thread
//! (`studio`) draws them, as often as the `budget` of the machine's time allows. Nothing is written anywhere, and nothing is
//! kept when the last one has left.

mod budget;
mod gallery;
mod http;
mod list;
mod query;
mod studio;
mod thread;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

use bytes::Bytes;
use facefleet_service::clock;

pub(crate) use gallery::{Found, Frame, Listed, Picture, Refusal};
use gallery::{Gallery, Next, Pictures};
pub(crate) use http::pages;
pub(crate) use studio::Studio;

/// The streams of one worker as people see them, shared by streams, detector threads, the studio and those who look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Whether anybody looks at anything, which is all that a frame's way is to ask when nobody does.
    is_watched: AtomicBool,
    state: Mutex<State>,
    /// The studio waits for it: there is something to draw, or to forget, or it is closed.
    work: Condvar,
}

#[derive(Debug, Default)]
struct State {
    gallery: Gallery,
    /// The studio waits, and not only until its next picture is due.
    is_idle: bool,
    closed: bool,
}

/// What the studio is to do next.
#[derive(Debug)]
enum Errand {
    /// Draw this frame of this stream.
    Draw(u64, Frame),
    /// Nobody looks: forget the pictures that are still in memory.
    Forget,
    /// End.
    End,
}

impl Live {
    /// Lets a stream in, under its lease or a number of its own, until the guard goes.
    pub(crate) fn open(&self, lease: Option<u64>, name: &str) -> Shown {
        Shown { stream: self.state().gallery.open(lease, name), live: self.clone() }
    }

    /// Offers a frame of this stream that was answered.
    pub(crate) fn offer(&self, stream: u64, frame: impl FnOnce() -> Frame) {
        // It says only whether to look closer, so a frame more or less at the beginning and the end is all that its order decides.
        if self.0.is_watched.load(Ordering::Relaxed) {
            let mut state = self.state();
            if state.gallery.offer(stream, frame) && state.is_idle {
                self.0.work.notify_one();
            }
        }
    }

    /// The streams that there are.
    pub(crate) fn list(&self) -> Vec<Listed> {
        self.state().gallery.list()
    }

    /// How many look now.
    pub(crate) fn watchers(&self) -> usize {
        self.state().gallery.watchers()
    }

    /// How many pictures were drawn so far.
    pub(crate) fn drawn(&self) -> u64 {
        self.state().gallery.drawn()
    }

    /// Looks at a stream until the watcher goes.
    ///
    /// # Errors
    /// There is no such stream, or too many look.
    pub(crate) fn watch(&self, stream: u64) -> Result<Watcher, Refusal> {
        let mut state = self.state();
        let pictures = state.gallery.watch(stream)?;
        self.0.is_watched.store(true, Ordering::Relaxed);
        Ok(Watcher { live: self.clone(), stream, pictures: Some(pictures) })
    }

    /// Waits for something to do, which is no picture before the end of `rest`. `remembers` says that there is something
    /// to forget.
    fn errand(&self, rest: impl Fn(Instant) -> Option<Instant>, remembers: bool) -> Errand {
        let mut state = self.state();
        loop {
            if state.closed {
                return Errand::End;
            }
            let is_watched = state.gallery.watchers() > 0;
            if remembers && !is_watched {
                return Errand::Forget;
            }
            let now = clock::now();
            let until = match rest(now).filter(|_| is_watched) {
                Some(rested) => Some(rested),
                None => match state.gallery.next(now) {
                    Next::Draw(stream, frame) => return Errand::Draw(stream, frame),
                    Next::At(due) => Some(due),
                    Next::Nothing => None,
                },
            };
            state = match until {
                Some(until) => {
                    let wait = until.saturating_duration_since(now);
                    self.0.work.wait_timeout(state, wait).expect(NO_PANIC).0
                }
                None => {
                    state.is_idle = true;
                    let mut state = self.0.work.wait(state).expect(NO_PANIC);
                    state.is_idle = false;
                    state
                }
            };
        }
    }

    fn publish(&self, stream: u64, picture: Bytes) {
        self.state().gallery.publish(stream, picture);
    }

    /// Ends the studio.
    fn close(&self) {
        self.state().closed = true;
        self.0.work.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect(NO_PANIC)
    }

    /// After somebody has left or a stream has ended: nothing is kept for nobody.
    fn settle(&self, state: &State) {
        if state.gallery.watchers() == 0 {
            self.0.is_watched.store(false, Ordering::Relaxed);
            self.0.work.notify_one();
        }
    }
}

const NO_PANIC: &str = "nothing panics while it holds the gallery";

/// A stream that can be looked at.
#[derive(Debug)]
pub(crate) struct Shown {
    live: Live,
    stream: u64,
}

impl Shown {
    /// The number that names it.
    pub(crate) fn stream(&self) -> u64 {
        self.stream
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let mut state = self.live.state();
        state.gallery.close(self.stream);
        self.live.settle(&state);
    }
}

/// Somebody who looks at a stream.
#[derive(Debug)]
pub(crate) struct Watcher {
    live: Live,
    stream: u64,
    /// None only while it is dropped.
    pictures: Option<Pictures>,
}

impl Watcher {
    /// Waits for the newest picture after number `after`, at once if there is one. None: the stream has ended.
    pub(crate) async fn picture(&mut self, after: u64) -> Option<Picture> {
        let pictures = self.pictures.as_mut()?;
        // A number that was not reached here is one of an earlier life of this worker.
        let after = after.min(self.live.drawn());
        let is_newer = |picture: &Option<Picture>| picture.as_ref().is_some_and(|picture| picture.number > after);
        pictures.wait_for(is_newer).await.ok()?.clone()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let Some(pictures) = self.pictures.take() else { return };
        let mut state = self.live.state();
        state.gallery.leave(self.stream, pictures);
        self.live.settle(&state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        Frame { jpeg: Bytes::new(), arrived: clock::now(), found: Found::Edges }
    }

    #[test]
    fn a_frame_is_not_even_made_while_nobody_looks() {
        let live = Live::default();
        let door = live.open(None, "door");
        let never = || panic!("nobody looks");
        live.offer(door.stream(), never);
        let watcher = live.watch(door.stream()).unwrap();
        assert!(live.0.is_watched.load(Ordering::Relaxed));
        drop(watcher);
        live.offer(door.stream(), never);
        let watcher = live.watch(door.stream()).unwrap();
        drop(door);
        assert!(!live.0.is_watched.load(Ordering::Relaxed), "the stream that somebody looks at has ended");
        drop(watcher);
        assert!(live.list().is_empty());
    }

    #[test]
    fn the_studio_is_sent_for_what_there_is_to_do() {
        let live = Live::default();
        let door = live.open(Some(7), "door");
        let _watcher = live.watch(7).unwrap();
        live.offer(7, frame);
        assert!(matches!(live.errand(|_| None, true), Errand::Draw(7, _)));
        drop(door);
        assert!(matches!(live.errand(|_| panic!("nobody looks"), true), Errand::Forget));
        live.close();
        assert!(matches!(live.errand(|_| None, true), Errand::End));
    }

    #[tokio::test]
    async fn who_looks_sees_the_newest_picture_and_the_end() {
        let live = Live::default();
        let door = live.open(None, "door");
        let mut watcher = live.watch(door.stream()).unwrap();
        for picture in ["first", "second"] {
            live.publish(door.stream(), picture.into());
        }
        let picture = watcher.picture(0).await.unwrap();
        assert_eq!((picture.number, &*picture.jpeg), (2, &b"second"[..]));
        assert_eq!(watcher.picture(1).await, Some(picture), "it is still newer than that");
        drop(door);
        assert_eq!(watcher.picture(2).await, None);
    }
}
