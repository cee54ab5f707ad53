//! Frames out of picture files.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use facefleet_vision::jpeg;
use image::{ImageFormat, ImageReader};
use tokio::sync::mpsc;

use crate::ffmpeg::FfmpegError;
use facefleet_stream::frame::{SourceFrame, Unreadable};

/// Quality of the JPEG that a picture of another format becomes. It is sent once and not kept: better larger than
/// worse.
const QUALITY: u8 = 95;

/// Starts a thread that reads the pictures into `frames`, held back by a full channel.
pub(crate) fn start(paths: Vec<PathBuf>, limit: u64, frames: mpsc::Sender<Result<SourceFrame, FfmpegError>>) {
    std::thread::spawn(move || {
        for (index, path) in (0..limit).zip(paths) {
            let jpeg = read(&path);
            let frame = SourceFrame { index, time: None, image: Some(path), jpeg };
            if frames.blocking_send(Ok(frame)).is_err() {
                return;
            }
        }
    });
}

/// A JPEG file goes as it is: the worker is the one who judges it.
fn read(path: &Path) -> Result<Bytes, Unreadable> {
    let bytes = fs::read(path)?;
    let format = image::guess_format(&bytes).map_err(|_| Unreadable("it is no picture this program knows".into()))?;
    if format == ImageFormat::Jpeg {
        return Ok(bytes.into());
    }
    // A reader of its own has limits on what a file's header may make it allocate.
    let reader = ImageReader::with_format(Cursor::new(&bytes), format);
    let picture = reader.decode().map_err(|e| Unreadable(e.to_string()))?;
    let jpeg = jpeg::encode_rgb(&picture.into_rgb8(), QUALITY).map_err(|e| Unreadable(e.to_string()))?;
    Ok(jpeg.into())
}
