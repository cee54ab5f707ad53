//! Encoding.

use image::{GrayImage, RgbImage};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, EncodingError, SamplingFactor};

/// Quality of the pictures that are sent back, on the usual scale from 1 to 100.
///
/// Past 85 files grow faster than a video frame improves: a portrait at 500x400 has 39 KB here, 49 KB at 90, 69 KB at 95.
pub const QUALITY: u8 = 85;

/// Why a picture could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// JPEG has 16 bits for a side, and no empty pictures.
    #[error("a {width}x{height} picture cannot be a JPEG: both sides must be 1 to 65,535 pixels")]
    Size {
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
    },
    /// The library refused.
    #[error("the JPEG encoder failed: {0}")]
    Encoder(#[from] EncodingError),
}

/// Encodes a colour picture as a baseline JPEG with 4:2:0 colour, what video frames have anyway.
///
/// # Errors
/// [`EncodeError::Size`] for a picture that has no place in a JPEG.
pub fn encode_rgb(picture: &RgbImage, quality: u8) -> Result<Vec<u8>, EncodeError> {
    encode(picture, picture.dimensions(), ColorType::Rgb, quality)
}

/// The same for a picture whose three bytes a pixel are already brightness, blue and red difference.
pub(crate) fn encode_ycc(picture: &RgbImage, quality: u8) -> Result<Vec<u8>, EncodeError> {
    encode(picture, picture.dimensions(), ColorType::Ycbcr, quality)
}

/// Encodes a grey picture as a grey baseline JPEG.
pub(crate) fn encode_luma(picture: &GrayImage, quality: u8) -> Result<Vec<u8>, EncodeError> {
    encode(picture, picture.dimensions(), ColorType::Luma, quality)
}

fn encode(pixels: &[u8], (width, height): (u32, u32), colour: ColorType, quality: u8) -> Result<Vec<u8>, EncodeError> {
    let side = |length: u32| u16::try_from(length).ok().filter(|&side| side > 0);
    let (Some(columns), Some(rows)) = (side(width), side(height)) else {
        return Err(EncodeError::Size { width, height });
    };
    // A fifth of the raw size holds nearly every picture at this quality without a second allocation.
    let mut bytes = Vec::with_capacity(pixels.len() / 5);
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    // The default takes one pixel of four, and lines of one pixel lose their colour in half of all places.
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.encode(pixels, columns, rows, colour)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_that_do_not_fit_are_refused() {
        for (width, height) in [(0, 0), (0, 5), (65_536, 1)] {
            let error = encode_rgb(&RgbImage::new(width, height), QUALITY).unwrap_err();
            assert!(error.to_string().contains(&format!("{width}x{height}")), "{error}");
        }
        assert!(encode_luma(&GrayImage::new(65_535, 1), QUALITY).is_ok());
    }
}
