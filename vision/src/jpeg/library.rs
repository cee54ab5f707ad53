//! Decodes with the library `jpeg-decoder` what [`super::baseline`] does not decode, at a fraction of the speed.

use jpeg_decoder::{ColorTransform, Decoder, PixelFormat};

use super::structure::{Extent, Header};
use crate::colour;
use crate::error::FrameError;

/// The meaning of the bytes of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    /// One byte: brightness.
    Luma,
    /// Three bytes: red, green, blue.
    Rgb,
    /// Three bytes: brightness, blue difference, red difference, as they are in a JPEG.
    Ycc,
}

/// Decodes `bytes` into `to`, which must be exactly as long as the picture needs.
///
/// The meaning of three components has to be given to the library (version 0.3), because it believes the components' numbers and a
/// JFIF marker more than Adobe's marker, and many programs write those whatever the colours are.
pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    extent: Extent,
    colours: Colours,
    to: &mut [u8],
) -> Result<(), FrameError> {
    let mut decoder = Decoder::new(bytes);
    if header.components == 3 {
        let is_rgb = header.is_rgb(extent);
        decoder.set_color_transform(if is_rgb { ColorTransform::RGB } else { ColorTransform::YCbCr });
    }
    let pixels = decoder.decode().map_err(corrupt)?;
    let (length, to_rgb): (usize, ToRgb) = match decoder.info().map(|info| info.pixel_format) {
        Some(PixelFormat::L8) => (1, |p| [p[0]; 3]),
        Some(PixelFormat::RGB24) => (3, |p| [p[0], p[1], p[2]]),
        Some(PixelFormat::CMYK32) => (4, cmyk_to_rgb),
        _ => return Err(FrameError::Unsupported { feature: "samples of other than 8 bits" }),
    };
    let targets = to.chunks_exact_mut(if colours == Colours::Luma { 1 } else { 3 });
    for (target, pixel) in targets.zip(pixels.chunks_exact(length)) {
        let rgb = to_rgb(pixel);
        match colours {
            Colours::Luma => target[0] = colour::luma(rgb),
            Colours::Rgb => target.copy_from_slice(&rgb),
            Colours::Ycc => target.copy_from_slice(&colour::ycc(rgb)),
        }
    }
    Ok(())
}

/// A conversion of one pixel, as the library gives it, to red, green and blue.
type ToRgb = fn(&[u8]) -> [u8; 3];

/// Converts inks on white paper to light, without a colour profile.
fn cmyk_to_rgb(inks: &[u8]) -> [u8; 3] {
    let black = u16::from(255 - inks[3]);
    [inks[0], inks[1], inks[2]].map(|ink| ((u16::from(255 - ink) * black + 127) / 255) as u8)
}

/// Turns the library's error into the frame's. The marker segments are known to be whole by now, so whatever stops the library is
/// damage inside them.
fn corrupt(error: impl std::fmt::Display) -> FrameError {
    FrameError::Corrupt { reason: error.to_string() }
}
