//! The thread that draws pictures for viewers.

use std::io;
use std::thread::{self, available_parallelism};

use facefleet_service::clock;
use facefleet_vision::{Annotator, FrameError, Limits};

use super::budget::Budget;
use super::gallery::{AnsweredFrame, Drawing, Found};
use super::state::{Buffers, Live, StudioTask};
use super::thread::{CpuTime, lower_priority};

/// The long side of a picture in pixels. The picture is large enough to show faces on a whole screen, and has only a ninth of the
/// pixels of a 1080p frame to encode.
const SIDE: u32 = 640;

/// A thread that draws until this is dropped.
#[derive(Debug)]
pub(crate) struct Studio(Live);

impl Studio {
    /// Starts the thread `live`, which waits until there is a viewer. Frames beyond `limits` are not drawn.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub(crate) fn open(live: &Live, limits: Limits) -> io::Result<Studio> {
        let studio = Studio(live.clone());
        let live = live.clone();
        thread::Builder::new().name("live".to_owned()).spawn(move || work(&live, limits))?;
        Ok(studio)
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn work(live: &Live, limits: Limits) {
    lower_priority();
    let mut budget = Budget::new(available_parallelism().map_or(1, Into::into));
    let mut annotator = None;
    loop {
        let buffers = if annotator.is_some() { Buffers::Held } else { Buffers::Free };
        match live.next_task(|now| budget.rest_until(now), buffers) {
            StudioTask::End => return,
            StudioTask::Forget => annotator = None,
            StudioTask::Draw(Drawing { stream, frame }) => {
                let (began, cpu) = (clock::now(), CpuTime::start());
                let drawn = draw(annotator.get_or_insert_with(|| Annotator::new(limits, SIDE)), &frame);
                budget.spent(began, cpu.used());
                match drawn {
                    Ok(picture) => live.publish(stream, picture.into()),
                    Err(error) => {
                        tracing::debug!("a frame cannot be shown: {error}");
                        annotator = None; // The error may have left it half changed.
                    }
                }
            }
        }
    }
}

fn draw(annotator: &mut Annotator, AnsweredFrame { jpeg, found, .. }: &AnsweredFrame) -> Result<Vec<u8>, FrameError> {
    match found {
        Found::Faces(faces) => annotator.faces(jpeg, faces),
        Found::Edges => annotator.edges(jpeg),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use facefleet_vision::{Face, jpeg};
    use image::{Rgb, RgbImage};

    use super::*;

    #[tokio::test]
    async fn a_frame_becomes_a_picture_for_who_looks() {
        let live = Live::default();
        let _studio = Studio::open(&live, Limits::default()).unwrap();
        let door = live.open(None, "door");
        let mut watcher = live.watch(door.stream()).unwrap();
        let sent = jpeg::encode_rgb(&RgbImage::from_pixel(1280, 720, Rgb([90; 3])), 85).unwrap();
        let face = Face { x: 640.0, y: 200.0, width: 200.0, height: 200.0, score: 1.0, landmarks: None };
        let offer = |jpeg: &[u8], found| {
            live.offer(door.stream(), || AnsweredFrame {
                jpeg: Bytes::copy_from_slice(jpeg),
                arrived: clock::now(),
                found,
            });
        };
        offer(&sent, Found::Faces(vec![face]));
        let first = watcher.picture(0).await.unwrap();
        let seen = jpeg::decode_rgb(&first.jpeg, &Limits::default()).unwrap();
        assert_eq!(seen.dimensions(), (640, 360));
        let greenness = |x, y| i32::from(seen.get_pixel(x, y).0[1]) - i32::from(seen.get_pixel(x, y).0[0]);
        assert!(greenness(320, 150) > 30 && greenness(370, 150) < 10, "the left side of the box, and its inside");

        offer(b"no picture", Found::Faces(Vec::new()));
        offer(&sent, Found::Edges);
        let second = watcher.picture(first.number).await.unwrap();
        assert_eq!(jpeg::header(&second.jpeg).unwrap().components, 1, "edges have no colour");
    }
}
