//! Frames from picture files.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use facefleet_vision::jpeg::Shrinker;
use tokio::sync::mpsc;

use crate::source::SourceError;
use crate::source::still::{self, Ready};
use facefleet_stream::frame::{Scale, SourceFrame};

/// The most threads that decode. Each holds one picture in memory.
const MOST_THREADS: usize = 8;
/// How many pictures each thread may have ready before they are wanted.
const READY: usize = 1;

/// Starts threads that read the pictures into `frames`, in order. A full channel makes them wait. Every picture is sent upright, with
/// at most `send_size` pixels on its long side, or, without `send_size`, as large as a worker accepts.
pub(crate) fn start(
    paths: Vec<PathBuf>,
    limit: u64,
    send_size: Option<u32>,
    frames: mpsc::Sender<Result<SourceFrame, SourceError>>,
) {
    let count = paths.len().min(usize::try_from(limit).unwrap_or(usize::MAX));
    let paths: Arc<[PathBuf]> = paths.into_iter().take(count).collect();
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = cores.min(MOST_THREADS).min(count);
    let lanes: Vec<_> = (0..threads).map(|first| lane(paths.clone(), first, threads, send_size)).collect();
    thread::spawn(move || {
        for lane in (0..threads).cycle().take(count) {
            let frame = lanes[lane].recv().expect("a lane sends all of its pictures");
            if frames.blocking_send(Ok(frame)).is_err() {
                return;
            }
        }
    });
}

/// Starts a thread that reads every `step`-th picture, beginning with number `first`. It ends when nobody receives any more.
fn lane(paths: Arc<[PathBuf]>, first: usize, step: usize, send_size: Option<u32>) -> Receiver<SourceFrame> {
    let (sender, lane) = sync_channel(READY);
    thread::spawn(move || {
        let mut shrinker = still::shrinker();
        for (index, path) in paths.iter().enumerate().skip(first).step_by(step) {
            if sender.send(frame(index, path, send_size, &mut shrinker)).is_err() {
                return;
            }
        }
    });
    lane
}

fn frame(index: usize, path: &Path, send_size: Option<u32>, shrinker: &mut Shrinker) -> SourceFrame {
    let (jpeg, size, scale) = match still::ready(path, send_size, shrinker) {
        Ok(Ready { jpeg, size, scale }) => (Ok(jpeg), size, scale),
        Err(why) => (Err(why), None, Scale::ONE),
    };
    SourceFrame { image: Some(path.to_owned()), size, scale, ..SourceFrame::new(index as u64, jpeg) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use facefleet_stream::frame::Unreadable;
    use facefleet_vision::jpeg;
    use image::RgbImage;

    use super::*;

    #[test]
    fn pictures_come_in_order_and_a_bad_one_has_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..40).map(|number| folder.path().join(format!("{number:02}.jpg"))).collect();
        for (number, path) in (1..).zip(&paths) {
            fs::write(path, jpeg::encode_rgb(&RgbImage::new(number * 20, 8), 80).unwrap()).unwrap();
        }
        fs::write(&paths[7], b"words").unwrap();
        let read = |limit| -> Vec<SourceFrame> {
            let (sender, mut frames) = mpsc::channel(1);
            start(paths.clone(), limit, Some(100), sender);
            std::iter::from_fn(|| frames.blocking_recv()).map(Result::unwrap).collect()
        };
        let frames = read(u64::MAX);
        assert!(frames.iter().map(|frame| frame.image.as_ref().unwrap()).eq(&paths));
        for (index, frame) in (0..).zip(&frames) {
            assert_eq!(frame.index, index);
            let width = (index as u32 + 1) * 20;
            match &frame.jpeg {
                Ok(bytes) => assert_eq!(jpeg::header(bytes).unwrap().size.width, width.min(100)),
                Err(Unreadable(why)) => assert!(index == 7 && why.contains("known format"), "{index}: {why}"),
            }
            let size = (index != 7 && width > 100).then_some((width, 8));
            assert_eq!(frame.size, size, "{index}");
        }
        assert_eq!(read(3).len(), 3);
    }
}
