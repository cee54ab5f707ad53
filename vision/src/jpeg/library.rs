//! Decodes with libraries what [`super::baseline`] does not decode.

use jpeg_decoder::{ColorTransform, PixelFormat};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::structure::{Extent, Header, Sampling};
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

/// Decodes `bytes` into `pixels`, which must be exactly as long as the picture needs.
pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    extent: Extent,
    colours: Colours,
    pixels: &mut [u8],
) -> Result<(), FrameError> {
    if is_common(header, extent) && !header.is_rgb(extent) && decode_common(bytes, colours, pixels)? {
        return Ok(());
    }
    let transform = match (header.components, header.is_rgb(extent)) {
        (3, true) => Some(ColorTransform::RGB),
        (3, false) => Some(ColorTransform::YCbCr),
        _ => None,
    };
    decode_rare(bytes, transform, colours, pixels)
}

/// Returns whether `zune-jpeg` decodes this kind correctly: grey or three components, 4:4:4, 4:2:2 or 4:2:0, all in one scan.
///
/// `zune-jpeg` is the faster library by far, but version 0.5 is wrong about all other kinds: 4:4:0 fails in grey, a baseline
/// picture in several scans comes out in false colours, subsampled CMYK panics, and missing data at the end of a progressive
/// picture's scan cannot be made an error. The tests in `tests` cover each of these kinds.
fn is_common(header: &Header, extent: Extent) -> bool {
    header.components != 4 && header.sampling != Sampling::Other && extent.scans == 1
}

/// Decodes into `pixels`, or returns false when this decoder cannot bring the file's colours into `colours`: a grey picture is
/// not turned into colour differences.
fn decode_common(bytes: &[u8], colours: Colours, pixels: &mut [u8]) -> Result<bool, FrameError> {
    let wanted = match colours {
        Colours::Luma => ColorSpace::Luma,
        Colours::Rgb => ColorSpace::RGB,
        Colours::Ycc => ColorSpace::YCbCr,
    };
    // The limit on pixels is ours and already checked; the library's own limits on the sides are lifted.
    let options = DecoderOptions::new_fast()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(wanted);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(corrupt)?;
    match (decoder.input_colorspace(), colours) {
        (Some(ColorSpace::YCbCr), _) | (Some(ColorSpace::Luma), Colours::Luma | Colours::Rgb) => {
            decoder.decode_into(pixels).map_err(corrupt)?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Decodes any kind with `jpeg-decoder`, at half the speed and on threads of its own.
///
/// The meaning of three components has to be given as `transform`, because the library (version 0.3) believes the components'
/// numbers and a JFIF marker more than Adobe's marker, and many programs write those whatever the colours are.
fn decode_rare(
    bytes: &[u8],
    transform: Option<ColorTransform>,
    colours: Colours,
    to: &mut [u8],
) -> Result<(), FrameError> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    if let Some(transform) = transform {
        decoder.set_color_transform(transform);
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

/// Turns a decoder's error into the frame's. The marker segments are known to be whole by now, so whatever stops a decoder is
/// damage inside them.
fn corrupt(error: impl std::fmt::Display) -> FrameError {
    FrameError::Corrupt { reason: error.to_string() }
}
