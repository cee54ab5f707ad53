//! Decodes and encodes JPEGs.
//!
//! The common kinds are decoded and encoded here, in `baseline` and `encode`; rarer kinds are decoded by the library
//! `jpeg-decoder`. First `structure` walks the marker segments. Then `decode` gives each kind of JPEG to a
//! decoder that handles it correctly, and sees to it that a scan that was cut short is an error.

mod baseline;
mod decode;
mod encode;
mod library;
mod sequence;
mod shrink;
mod structure;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod untidy_tests;
mod zigzag;

pub use crate::error::EncodeError;
pub(crate) use decode::Decoder;
pub(crate) use encode::{Encoder, check_size};
pub use encode::{QUALITY, encode_rgb};
pub use sequence::is_sequence;
pub use shrink::{Shrinker, Shrunk};
pub use structure::{Header, header};

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
