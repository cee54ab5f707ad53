//! Decoding: which decoder, and how it is made strict.

use jpeg_decoder::PixelFormat;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::structure::{self, Extent, Header, Sampling};
use crate::colour;
use crate::error::FrameError;
use crate::job::Limits;
use crate::raster::{Channels, Raster};

/// Sixteen bytes of one-bits, each followed by the zero byte that JPEG writes after a 0xFF in a scan.
///
/// A code of nothing but ones is never given to a symbol (T.81, annex C), so a decoder that still wants blocks at the end
/// of a scan meets an error here. Without them it sees the end-of-image marker and fills the rest with grey: a scan cut
/// short, with an end marker put behind it, would pass as a picture. Sixteen bytes are more than any decoder reads ahead.
const ONES: [u8; 32] = {
    let mut bytes = [0; 32];
    let mut i = 0;
    while i < bytes.len() {
        bytes[i] = 0xFF;
        i += 2;
    }
    bytes
};

/// Decodes JPEGs; owns the buffer it needs between frames.
pub(crate) struct Decoder {
    sealed: Vec<u8>,
}

impl Decoder {
    pub(crate) fn new() -> Self {
        Decoder { sealed: Vec::new() }
    }

    /// Decodes `bytes` into `out`. Luma alone costs less: the colour blocks are skipped, not transformed.
    ///
    /// May panic where a library does; callers wrap it in `no_panic`.
    pub(crate) fn decode(
        &mut self,
        bytes: &[u8],
        limits: &Limits,
        channels: Channels,
        out: &mut Raster,
    ) -> Result<(), FrameError> {
        let header = structure::header(bytes)?;
        if header.size.pixels() > limits.max_pixels {
            return Err(FrameError::TooManyPixels { size: header.size, limit: limits.max_pixels });
        }
        let extent = structure::extent(bytes)?;
        self.sealed.clear();
        self.sealed.extend_from_slice(&bytes[..extent.scan_end]);
        self.sealed.extend_from_slice(&ONES);
        let rest = &bytes[extent.scan_end..extent.end];
        self.sealed.extend_from_slice(rest);

        out.reshape(header.size, channels);
        if is_common(&header, extent) && decode_common(&self.sealed, out)? {
            return Ok(());
        }
        decode_rare(&self.sealed, out)
    }
}

/// Whether `zune-jpeg` decodes this kind correctly: grey or three components, 4:4:4, 4:2:2 or 4:2:0, all components in one
/// scan or progressive. That is what cameras and video tools send.
///
/// It is the faster one by far, and wrong about the rest (version 0.5): 4:4:0 fails in grey, baseline in several scans
/// comes out in false colours, subsampled CMYK panics. The tests in `tests` hold each of these kinds.
fn is_common(header: &Header, extent: Extent) -> bool {
    header.components != 4 && header.sampling != Sampling::Other && (header.progressive || extent.scans == 1)
}

/// Decodes into `out`, or returns false when this decoder cannot bring the file's colours into those of `out`: three
/// components may be red, green and blue, and grey is not made colour differences.
fn decode_common(bytes: &[u8], out: &mut Raster) -> Result<bool, FrameError> {
    let colours = match out.channels {
        Channels::Luma => ColorSpace::Luma,
        Channels::Rgb => ColorSpace::RGB,
        Channels::Ycc => ColorSpace::YCbCr,
    };
    // The limit on pixels is ours and already checked; the library's own limits on the sides are lifted.
    let options = DecoderOptions::new_fast()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(colours);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(corrupt)?;
    match (decoder.input_colorspace(), out.channels) {
        (Some(ColorSpace::YCbCr), _) | (Some(ColorSpace::Luma), Channels::Luma | Channels::Rgb) => {
            decoder.decode_into(&mut out.pixels).map_err(corrupt)?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Decodes any kind into `out` with `jpeg-decoder`, at half the speed and on threads of its own.
fn decode_rare(bytes: &[u8], out: &mut Raster) -> Result<(), FrameError> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    let pixels = decoder.decode().map_err(corrupt)?;
    let (length, to_rgb): (usize, ToRgb) = match decoder.info().map(|info| info.pixel_format) {
        Some(PixelFormat::L8) => (1, |p| [p[0]; 3]),
        Some(PixelFormat::RGB24) => (3, |p| [p[0], p[1], p[2]]),
        Some(PixelFormat::CMYK32) => (4, cmyk_to_rgb),
        _ => return Err(FrameError::Unsupported { feature: "samples of other than 8 bits" }),
    };
    let channels = out.channels;
    let targets = out.pixels.chunks_exact_mut(channels.bytes());
    for (target, pixel) in targets.zip(pixels.chunks_exact(length)) {
        let rgb = to_rgb(pixel);
        match channels {
            Channels::Luma => target[0] = colour::luma(rgb),
            Channels::Rgb => target.copy_from_slice(&rgb),
            Channels::Ycc => target.copy_from_slice(&colour::ycc(rgb)),
        }
    }
    Ok(())
}

/// From one pixel as the library gives it.
type ToRgb = fn(&[u8]) -> [u8; 3];

/// Inks on white paper to light, without a colour profile.
fn cmyk_to_rgb(inks: &[u8]) -> [u8; 3] {
    let black = u16::from(255 - inks[3]);
    [inks[0], inks[1], inks[2]].map(|ink| ((u16::from(255 - ink) * black + 127) / 255) as u8)
}

/// The marker segments are known to be whole by now, so whatever stops a decoder is damage inside them.
fn corrupt(error: impl std::fmt::Display) -> FrameError {
    FrameError::Corrupt { reason: error.to_string() }
}
