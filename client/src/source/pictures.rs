//! Frames from picture files.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use facefleet_vision::jpeg;
use image::{ImageFormat, ImageReader};
use tokio::sync::mpsc;

use crate::source::SourceError;
use facefleet_stream::frame::{Scale, SourceFrame, Unreadable};

/// JPEG quality for pictures of other formats. It is high, because the JPEG is sent once and not stored.
const QUALITY: u8 = 95;

/// Starts a thread that reads the pictures into `frames`. A full channel makes the thread wait.
pub(crate) fn start(paths: Vec<PathBuf>, limit: u64, frames: mpsc::Sender<Result<SourceFrame, SourceError>>) {
    std::thread::spawn(move || {
        for (index, path) in (0..limit).zip(paths) {
            let jpeg = read(&path);
            let frame = SourceFrame {
                index,
                time: None,
                arrived: None,
                image: Some(path),
                size: None,
                scale: Scale::ONE,
                jpeg,
            };
            if frames.blocking_send(Ok(frame)).is_err() {
                return;
            }
        }
    });
}

/// Reads a picture as a JPEG. A JPEG file is sent unchanged: whether it is valid is for the worker to decide.
fn read(path: &Path) -> Result<Bytes, Unreadable> {
    let bytes = fs::read(path)?;
    let format = image::guess_format(&bytes).map_err(|_| Unreadable("it is not a picture of a known format".into()))?;
    if format == ImageFormat::Jpeg {
        return Ok(bytes.into());
    }
    // `ImageReader` limits how much memory the header of a file can make it allocate.
    let reader = ImageReader::with_format(Cursor::new(&bytes), format);
    let picture = reader.decode().map_err(|e| Unreadable(e.to_string()))?;
    let jpeg = jpeg::encode_rgb(&picture.into_rgb8(), QUALITY).map_err(|e| Unreadable(e.to_string()))?;
    Ok(jpeg.into())
}
