//! JPEG in and out.
//!
//! The common kind is decoded and encoded here, in `baseline` and `encode`; what is rarer is decoded by the libraries
//! `zune-jpeg` and `jpeg-decoder`. Before either, `structure` walks the marker segments, and `decode` gives each kind of JPEG
//! to a decoder that is right about it and makes a scan cut short an error.

mod baseline;
mod decode;
mod encode;
mod library;
mod structure;
#[cfg(test)]
mod tests;
mod zigzag;

pub use crate::error::EncodeError;
pub(crate) use decode::Decoder;
pub(crate) use encode::{Encoder, check_size};
pub use encode::{QUALITY, encode_rgb};
pub use structure::{Header, Sampling, header};

use image::RgbImage;

use crate::error::{FrameError, no_panic};
use crate::job::Limits;
use crate::kernels::Kernels;

/// Decodes one JPEG in colour, at its own size.
///
/// # Errors
/// Any [`FrameError`] except those of a job: `BadTarget` and `Encode`.
pub fn decode_rgb(bytes: &[u8], limits: &Limits) -> Result<RgbImage, FrameError> {
    no_panic(|| {
        let (size, pixels) = Decoder::new(Kernels::best()).decode_rgb(bytes, limits)?;
        Ok(RgbImage::from_raw(size.width, size.height, pixels).expect("as many pixels as the size says"))
    })
}
