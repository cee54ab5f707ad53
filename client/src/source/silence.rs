//! Notices that a source sends nothing.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

use crate::report::Progress;
use crate::source::error::{GIVEN_UP_AFTER, SourceError};
use crate::source::input::{VideoInput, VideoKind};

/// After this time a person is told.
const TOLD_AFTER: Duration = Duration::from_secs(10);

/// Waits for the next frame of a source that may be silent for ever: anything but a file of this machine.
#[derive(Debug)]
pub(super) struct Silence {
    name: String,
    /// Whether silence is an end. The writer of a pipe may take its time.
    has_end: bool,
    progress: Progress,
    was_told: bool,
    /// Runs while a frame is waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Silence {
    /// Returns None for a file of this machine, which is never silent.
    pub(super) fn of(input: &VideoInput, progress: &Progress) -> Option<Silence> {
        let has_end = match input.kind {
            VideoKind::File if !input.is_remote() => return None,
            VideoKind::Pipe => false,
            VideoKind::File | VideoKind::Url | VideoKind::Stream | VideoKind::Device => true,
        };
        let (name, progress) = (input.shown(), progress.clone());
        Some(Silence { name, has_end, progress, was_told: false, timer: None })
    }

    /// A frame has come, or the end.
    pub(super) fn is_over(&mut self) {
        self.timer = None;
        self.was_told = false;
    }

    /// Tells the person when no frame has come for a while. Is ready when it has been too long.
    pub(super) fn poll_too_long(&mut self, cx: &mut Context<'_>) -> Poll<SourceError> {
        loop {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(TOLD_AFTER)));
            match timer.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) if self.was_told && self.has_end => {
                    return Poll::Ready(SourceError::Silent { name: self.name.clone() });
                }
                Poll::Ready(()) => {
                    if !self.was_told {
                        let seconds = TOLD_AFTER.as_secs();
                        self.progress.warn(format!("{} has sent no picture for {seconds} s", self.name));
                    }
                    self.was_told = true;
                    self.timer = Some(Box::pin(tokio::time::sleep(GIVEN_UP_AFTER - TOLD_AFTER)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_service::clock;

    fn silence(kind: VideoKind) -> (Option<Silence>, Progress) {
        let progress = Progress::start(1, None, false, clock::now()).remove(0);
        (Silence::of(&VideoInput { name: "cam".into(), kind }, &progress), progress)
    }

    #[tokio::test(start_paused = true)]
    async fn a_camera_is_told_of_and_given_up() {
        let (silence, progress) = silence(VideoKind::Stream);
        let mut silence = silence.unwrap();
        let error = std::future::poll_fn(|cx| silence.poll_too_long(cx)).await;
        assert!(matches!(&error, SourceError::Silent { name } if name == "cam"), "{error}");
        assert_eq!(progress.warnings(), ["cam has sent no picture for 10 s"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_ends_the_silence_and_a_pipe_may_take_its_time() {
        let (camera, _) = silence(VideoKind::Device);
        let mut camera = camera.unwrap();
        for _ in 0..10 {
            let wait = std::future::poll_fn(|cx| camera.poll_too_long(cx));
            assert!(tokio::time::timeout(Duration::from_secs(9), wait).await.is_err());
            camera.is_over();
        }
        let (pipe, progress) = silence(VideoKind::Pipe);
        let mut pipe = pipe.unwrap();
        let wait = std::future::poll_fn(|cx| pipe.poll_too_long(cx));
        assert!(tokio::time::timeout(Duration::from_secs(3600), wait).await.is_err());
        assert_eq!(progress.warnings().len(), 1);
        assert!(silence(VideoKind::File).0.is_none());
    }
}
