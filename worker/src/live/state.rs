//! The state that streams, detector threads, the studio and watchers share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

use bytes::Bytes;
use facefleet_service::clock;

use super::gallery::{AnsweredFrame, Drawing, Gallery, Listed, Next, Picture, Pictures, Refusal};

/// The live view of one worker. Streams, detector threads, the studio and viewers share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live(Arc<LiveInner>);

#[derive(Debug, Default)]
struct LiveInner {
    /// Whether any stream has a viewer. While none has, this is all that a detector thread reads.
    is_watched: AtomicBool,
    state: Mutex<LiveState>,
    /// Notified when there is something to draw or to forget, or when the studio is closed. The studio waits for it.
    work: Condvar,
}

#[derive(Debug, Default)]
struct LiveState {
    gallery: Gallery,
    /// Whether the studio waits until it is notified, and not only until its next picture is due.
    is_idle: bool,
    closed: bool,
}

/// The buffers of the studio, in which pictures are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Buffers {
    /// They take memory, and may be freed.
    Held,
    /// They are free.
    Free,
}

/// The next task of the studio.
#[derive(Debug)]
pub(super) enum StudioTask {
    /// Draw the frame.
    Draw(Drawing),
    /// Free the buffers of pictures, because nobody watches.
    Forget,
    /// End the thread.
    End,
}

impl Live {
    /// Adds a stream to the live view until the guard is dropped. The stream's number is its lease, or else one of its own.
    pub(crate) fn open(&self, lease: Option<u64>, name: &str) -> Shown {
        Shown { stream: self.state().gallery.open(lease, name), live: self.clone() }
    }

    /// Offers a frame of this stream that was answered. `frame` is called only if the frame is kept.
    pub(crate) fn offer(&self, stream: u64, frame: impl FnOnce() -> AnsweredFrame) {
        // The flag only says whether to look closer. All that its memory ordering decides is whether one frame more or less is
        // offered at the beginning and the end.
        if self.0.is_watched.load(Ordering::Relaxed) {
            let mut state = self.state();
            if state.gallery.offer(stream, frame) && state.is_idle {
                self.0.work.notify_one();
            }
        }
    }

    /// All streams that can be watched.
    pub(crate) fn list(&self) -> Vec<Listed> {
        self.state().gallery.list()
    }

    /// The number of viewers now.
    pub(crate) fn watchers(&self) -> usize {
        self.state().gallery.watchers()
    }

    /// The number of pictures that were drawn so far.
    pub(crate) fn drawn(&self) -> u64 {
        self.state().gallery.drawn()
    }

    /// Watches a stream until the watcher is dropped.
    ///
    /// # Errors
    /// There is no such stream, or there are too many viewers.
    pub(crate) fn watch(&self, stream: u64) -> Result<Watcher, Refusal> {
        let mut state = self.state();
        let pictures = state.gallery.watch(stream)?;
        self.0.is_watched.store(true, Ordering::Relaxed);
        Ok(Watcher { live: self.clone(), stream, pictures: Some(pictures) })
    }

    /// Waits for the studio's next task. `rest` gives the time before which no picture may be drawn, if there is one.
    pub(super) fn next_task(&self, rest: impl Fn(Instant) -> Option<Instant>, buffers: Buffers) -> StudioTask {
        let mut state = self.state();
        loop {
            if state.closed {
                return StudioTask::End;
            }
            let is_watched = state.gallery.watchers() > 0;
            if buffers == Buffers::Held && !is_watched {
                return StudioTask::Forget;
            }
            let now = clock::now();
            let until = match rest(now).filter(|_| is_watched) {
                Some(rested) => Some(rested),
                None => match state.gallery.next(now) {
                    Next::Draw(drawing) => return StudioTask::Draw(drawing),
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

    /// Shows a picture to the viewers of its stream.
    pub(super) fn publish(&self, stream: u64, picture: Bytes) {
        self.state().gallery.publish(stream, picture);
    }

    /// Ends the studio.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.0.work.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, LiveState> {
        self.0.state.lock().expect(NO_PANIC)
    }

    /// Clears the flag and wakes the studio when the last viewer is gone, so that nothing is kept for nobody. To be called after a
    /// viewer has left or a stream has ended.
    fn settle(&self, state: &LiveState) {
        if state.gallery.watchers() == 0 {
            self.0.is_watched.store(false, Ordering::Relaxed);
            self.0.work.notify_one();
        }
    }
}

const NO_PANIC: &str = "nothing panics while it holds the gallery";

/// Keeps a stream in the live view for as long as it lives.
#[derive(Debug)]
pub(crate) struct Shown {
    live: Live,
    stream: u64,
}

impl Shown {
    /// The number that names the stream in the live view.
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

/// One viewer of a stream.
#[derive(Debug)]
pub(crate) struct Watcher {
    live: Live,
    stream: u64,
    /// The pictures of the stream. None only while the watcher is dropped.
    pictures: Option<Pictures>,
}

impl Watcher {
    /// Waits until there is a picture after number `after`, and returns the newest one. None when the stream has ended.
    pub(crate) async fn picture(&mut self, after: u64) -> Option<Picture> {
        let pictures = self.pictures.as_mut()?;
        // A number that was not reached yet comes from an earlier life of this worker.
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
    use super::super::gallery::Found;
    use super::*;

    fn frame() -> AnsweredFrame {
        AnsweredFrame { jpeg: Bytes::new(), arrived: clock::now(), found: Found::Edges }
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
    fn the_studio_gets_the_tasks_that_there_are() {
        let live = Live::default();
        let door = live.open(Some(7), "door");
        let _watcher = live.watch(7).unwrap();
        live.offer(7, frame);
        assert!(matches!(live.next_task(|_| None, Buffers::Held), StudioTask::Draw(Drawing { stream: 7, .. })));
        drop(door);
        assert!(matches!(live.next_task(|_| panic!("nobody looks"), Buffers::Held), StudioTask::Forget));
        live.close();
        assert!(matches!(live.next_task(|_| None, Buffers::Held), StudioTask::End));
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
