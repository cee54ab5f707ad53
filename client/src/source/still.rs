//! One picture file: decoded, turned upright, and made ready to be sent.

#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::fs::File;
use std::io::{Cursor, Read};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use facefleet_stream::frame::{Scale, Unreadable};
use facefleet_vision::jpeg::{self, Shrinker, Shrunk};
use facefleet_vision::{Fit, FrameError, Limits, Size};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};

use crate::link::MOST_FRAME_BYTES;

/// The largest picture that is decoded. It has five times the pixels of a phone's full resolution.
const MOST_PIXELS: u64 = 250_000_000;
/// The largest file that is read, and the most memory that the pixels of a picture may take, in bytes.
const MOST_BYTES: u64 = 1 << 30;
/// Pictures with more pixels are decoded one at a time, because several at once could fill the memory of a small machine.
const LARGE_PIXELS: u64 = 25_000_000;
/// The number of pixels that a worker accepts with its default settings.
const MOST_SENT_PIXELS: u64 = 40_000_000;
/// The longest side of a JPEG, in pixels.
const MOST_SIDE: u32 = 65_535;
/// JPEG quality of what is sent. From here to 100 the detectors find as many faces; what changes are faces at the edge of their score.
const QUALITY: u8 = 90;

/// Held while a large picture is decoded.
static LARGE: Mutex<()> = Mutex::new(());

/// A picture that is ready to be sent.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) jpeg: Bytes,
    /// The size of the upright picture; None if the file is sent unchanged.
    pub(super) size: Option<(u32, u32)>,
    /// How much larger the upright picture is than `jpeg`.
    pub(super) scale: Scale,
}

/// A picture with all of its pixels.
#[derive(Debug)]
pub(crate) struct Upright {
    pub(crate) pixels: RgbImage,
    /// The colour profile (ICC) of the pixels, without which the colours of many phones look pale.
    pub(crate) profile: Option<Vec<u8>>,
}

/// Creates what [`ready`] works with. Each thread needs its own.
pub(super) fn shrinker() -> Shrinker {
    Shrinker::new(LIMITS, QUALITY)
}

const LIMITS: Limits = Limits { max_pixels: MOST_PIXELS };

/// Reads a picture as an upright JPEG with at most `send_size` pixels on its long side, or, without `send_size`, as large as a
/// worker accepts. A JPEG that needs no change is sent byte for byte.
///
/// # Errors
/// Says why the picture cannot be read. A JPEG with a damaged header is no error: workers say what is wrong with it.
pub(super) fn ready(path: &Path, send_size: Option<u32>, shrinker: &mut Shrinker) -> Result<Ready, Unreadable> {
    guarded(|| {
        let still = Still::read(path)?;
        if jpeg::is_sequence(&still.bytes) {
            let path = path.display();
            tracing::warn!(
                "{path} is Motion JPEG: only its first picture is searched; as INPUT by itself it is a video"
            );
        }
        still.ready(send_size, shrinker)
    })
}

/// Reads a picture with all of its pixels, upright.
///
/// # Errors
/// Says why the picture cannot be read.
pub(crate) fn upright(path: &Path) -> Result<Upright, Unreadable> {
    guarded(|| {
        let still = Still::read(path)?;
        let (pixels, orientation) = still.decode()?;
        let mut picture = DynamicImage::ImageRgb8(pixels);
        picture.apply_orientation(orientation);
        Ok(Upright { pixels: picture.into_rgb8(), profile: still.profile() })
    })
}

/// The bytes of a picture file.
struct Still {
    bytes: Vec<u8>,
    format: ImageFormat,
}

impl Still {
    fn read(path: &Path) -> Result<Still, Unreadable> {
        let mut bytes = Vec::new();
        File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(Unreadable("the file is larger than 1 GiB, and no larger picture is read".into()));
        }
        let format = image::guess_format(&bytes).ok().filter(ImageFormat::reading_enabled);
        let format = format.ok_or_else(|| Unreadable("it is not a picture of a known format".into()))?;
        Ok(Still { bytes, format })
    }

    fn ready(self, send_size: Option<u32>, shrinker: &mut Shrinker) -> Result<Ready, Unreadable> {
        if self.format != ImageFormat::Jpeg {
            let (pixels, orientation) = self.decode()?;
            let size = Size { width: pixels.width(), height: pixels.height() };
            return shrunk_to(most_side(size, send_size), |fit| shrinker.shrink_rgb(&pixels, orientation, fit));
        }
        let orientation = self.orientation();
        // A damaged header gives no size, and the file stays as it is.
        let size = jpeg::header(&self.bytes).ok().map(|header| header.size);
        let most = size.map_or(MOST_SIDE, |size| most_side(size, send_size));
        let fits = size.is_none_or(|Size { width, height }| {
            width.max(height) <= most
                && orientation == Orientation::NoTransforms
                && self.bytes.len() <= MOST_FRAME_BYTES
        });
        if fits {
            return Ok(Ready { jpeg: self.bytes.into(), size: None, scale: Scale::ONE });
        }
        let _alone = size.map(checked).transpose()?;
        shrunk_to(most, |fit| shrinker.shrink_jpeg(&self.bytes, orientation, fit))
    }

    /// Decodes all pixels, as they are in the file, and returns how they are to be turned.
    fn decode(&self) -> Result<(RgbImage, Orientation), Unreadable> {
        if self.format == ImageFormat::Jpeg {
            let _alone = checked(jpeg::header(&self.bytes).map_err(unreadable)?.size)?;
            return Ok((jpeg::decode_rgb(&self.bytes, &LIMITS).map_err(unreadable)?, self.orientation()));
        }
        let mut decoder = self.decoder().map_err(unreadable)?;
        let (width, height) = decoder.dimensions();
        let _alone = checked(Size { width, height })?;
        if decoder.total_bytes() > MOST_BYTES {
            return Err(Unreadable(format!("its {width}x{height} pixels would take more than 1 GiB of memory")));
        }
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        Ok((DynamicImage::from_decoder(decoder).map_err(unreadable)?.into_rgb8(), orientation))
    }

    /// Returns how the pixels of a JPEG are to be turned. A header that says nothing clear about that says nothing.
    fn orientation(&self) -> Orientation {
        let orientation = self.decoder().and_then(|mut decoder| decoder.orientation());
        orientation.unwrap_or(Orientation::NoTransforms)
    }

    /// Returns the colour profile, if it is one of red, green and blue. Grey and inks are converted without their profiles.
    fn profile(&self) -> Option<Vec<u8>> {
        const COLOUR_SPACE: Range<usize> = 16..20;
        let profile = self.decoder().and_then(|mut decoder| decoder.icc_profile()).ok().flatten();
        profile.filter(|profile| profile.get(COLOUR_SPACE) == Some(b"RGB "))
    }

    fn decoder(&self) -> image::ImageResult<impl ImageDecoder> {
        let mut reader = ImageReader::with_format(Cursor::new(&self.bytes), self.format);
        let mut limits = image::Limits::default();
        limits.max_alloc = Some(MOST_BYTES);
        reader.limits(limits);
        reader.into_decoder()
    }
}

/// Checks that a picture of this size may be decoded. What is returned is to be held until it is, and released then.
fn checked(size: Size) -> Result<Option<MutexGuard<'static, ()>>, Unreadable> {
    if size.pixels() > MOST_PIXELS {
        let most = MOST_PIXELS / 1_000_000;
        let message =
            format!("its {size} pixels are too many: at most {most} million are read; make the picture smaller");
        return Err(Unreadable(message));
    }
    // The lock guards no data, so a thread that panicked has left nothing half done.
    Ok((size.pixels() > LARGE_PIXELS).then(|| LARGE.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Returns the longest side with which a picture of size `size` is sent.
fn most_side(size: Size, send_size: Option<u32>) -> u32 {
    let long = size.width.max(size.height);
    // The shorter side is rounded, which adds at most half a row.
    let room = MOST_SENT_PIXELS - u64::from(MOST_SIDE);
    let smaller = (room as f64 / size.pixels().max(1) as f64).sqrt().min(1.0);
    ((f64::from(long) * smaller) as u32).min(send_size.unwrap_or(MOST_SIDE)).min(MOST_SIDE)
}

/// Shrinks a picture to `most` pixels on its long side, or to fewer, until its JPEG is small enough for a message.
fn shrunk_to(most: u32, mut shrink: impl FnMut(Fit) -> Result<Shrunk, FrameError>) -> Result<Ready, Unreadable> {
    let mut side = most;
    loop {
        let Shrunk { jpeg, size, source } = shrink(Fit::Within(side)).map_err(unreadable)?;
        if jpeg.len() <= MOST_FRAME_BYTES {
            let source = (source.width, source.height);
            let scale = Scale::between(source, (size.width, size.height));
            return Ok(Ready { jpeg: jpeg.into(), size: Some(source), scale });
        }
        side = side / 4 * 3;
    }
}

/// Runs `work`, which calls into libraries that may panic on hostile bytes. A panic costs one picture, and not the whole folder.
fn guarded<T>(work: impl FnOnce() -> Result<T, Unreadable>) -> Result<T, Unreadable> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Unreadable("its decoder panicked; please report that with the picture".into())))
}

fn unreadable(error: impl Display) -> Unreadable {
    Unreadable(error.to_string())
}
