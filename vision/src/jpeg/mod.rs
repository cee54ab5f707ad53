//! JPEG in and out.
//!
//! The work is done by libraries: `zune-jpeg` and `jpeg-decoder` one way, `jpeg-encoder` the other. What is written here
//! is the distrust around them: `structure` walks the marker segments before a decoder sees the bytes, and `decode`
//! gives each kind of JPEG to a decoder that is right about it and makes a scan cut short an error.

mod decode;
mod encode;
mod structure;
#[cfg(test)]
mod tests;

pub(crate) use decode::Decoder;
pub use encode::{EncodeError, QUALITY, encode_rgb};
pub(crate) use encode::{encode_luma, encode_ycc};
pub use structure::{Header, Sampling, header};

use image::RgbImage;

use crate::error::{FrameError, no_panic};
use crate::job::Limits;
use crate::raster::{Channels, Raster};

/// Decodes one JPEG in colour, at its own size.
///
/// # Errors
/// Any [`FrameError`] except those of a job: `BadTarget` and `Encode`.
pub fn decode_rgb(bytes: &[u8], limits: &Limits) -> Result<RgbImage, FrameError> {
    no_panic(|| {
        let mut raster = Raster::empty();
        Decoder::new().decode(bytes, limits, Channels::Rgb, &mut raster)?;
        let Raster { size, pixels, .. } = raster;
        Ok(RgbImage::from_raw(size.width, size.height, pixels).expect("a raster is as long as its size says"))
    })
}
