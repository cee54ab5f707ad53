//! Encodes baseline JPEGs, grey or with colour at half the resolution each way (4:2:0), with the tables of T.81, annex K.

mod entropy;
#[cfg(test)]
pub(super) mod for_tests;
mod header;
mod huffman;
mod quality;
mod strip;

use image::RgbImage;

use crate::colour;
use crate::error::EncodeError;
use crate::geometry::Size;
use crate::kernels::{Kernels, Pair, Quantiser};
use crate::raster::{Planes, Raster, halved, quarters};
use entropy::{Before, Writer};
pub(super) use huffman::STANDARD_TABLES;
use huffman::{CHROMA, LUMA};
use strip::Strip;

/// Quality of the pictures that are sent back, on the usual scale from 1 to 100.
///
/// Beyond 85 files grow faster than a video frame improves: a portrait at 500x400 has 39 KB here, 49 KB at 90, 69 KB at 95.
pub const QUALITY: u8 = 85;

/// Encodes a colour picture as a baseline JPEG with 4:2:0 colour, which is what video frames have anyway.
///
/// # Errors
/// [`EncodeError::Size`] for a picture that has no place in a JPEG.
pub fn encode_rgb(picture: &RgbImage, quality: u8) -> Result<Vec<u8>, EncodeError> {
    let size = Size { width: picture.width(), height: picture.height() };
    check_size(size)?;
    let mut bytes = Vec::new();
    Encoder::new(Kernels::best(), quality).encode_planes(&planes(picture, size), &mut bytes)?;
    Ok(bytes)
}

/// Converts a picture to JPEG's colours. Each colour sample is the average of the up to four pixels that it stands for.
pub(super) fn planes(picture: &RgbImage, size: Size) -> Planes {
    let mut planes = Planes::empty();
    planes.luma.reshape(size);
    planes.blue.reshape(halved(size));
    planes.red.reshape(halved(size));
    for (luma, pixel) in planes.luma.pixels.iter_mut().zip(picture.pixels()) {
        *luma = colour::luma(pixel.0);
    }
    let colours = planes.blue.pixels.iter_mut().zip(&mut planes.red.pixels);
    for ((blue, red), average) in colours.zip(quarters(picture)) {
        [_, *blue, *red] = colour::ycc(average);
    }
    planes
}

/// An encoder for one quality, which holds the buffers that it uses again from picture to picture.
pub(crate) struct Encoder {
    kernels: &'static Kernels,
    /// Divisors for brightness and for colour, in zigzag order.
    tables: [[u8; 64]; 2],
    quantisers: [Quantiser; 2],
    strips: [Strip; 3],
}

impl Encoder {
    /// Makes an encoder for a `quality` from 1 to 100. Smaller numbers count as 1, larger ones as 100.
    pub(crate) fn new(kernels: &'static Kernels, quality: u8) -> Self {
        let tables = quality::tables(quality);
        let quantisers = tables.each_ref().map(quality::quantiser);
        Encoder { kernels, tables, quantisers, strips: [const { Strip::new() }; 3] }
    }

    /// Encodes `picture`, whose colour planes have half the size, and replaces the contents of `out`.
    pub(crate) fn encode_planes(&mut self, picture: &Planes, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let Planes { luma, blue, red } = picture;
        check_size(luma.size)?;
        debug_assert_eq!([blue.size, red.size], [halved(luma.size); 2]);
        header::write(luma.size, &self.tables, out);
        let mut writer = Writer::new(out);
        let Encoder { kernels, strips, quantisers: [luma_quantiser, chroma_quantiser], .. } = self;
        let mut before = [Before::default(); 3];
        let (mut pair, mut colour) = (Pair::ZERO, [Pair::ZERO; 2]);
        let columns = luma.size.width.div_ceil(16) as usize;
        for row in 0..luma.size.height.div_ceil(16) as usize {
            for ((strip, plane), lines) in strips.iter_mut().zip([luma, blue, red]).zip([16, 8, 8]) {
                strip.fill(plane, row * lines, lines);
            }
            for column in 0..columns {
                for top in [0, 8] {
                    strips[0].transform(kernels, luma_quantiser, column, top, &mut pair);
                    for which in [0, 1] {
                        writer.block(&pair, which, &mut before[0], &LUMA);
                    }
                }
                // A pair of colour blocks belongs to two columns.
                for i in [0, 1] {
                    if column % 2 == 0 {
                        strips[1 + i].transform(kernels, chroma_quantiser, column / 2, 0, &mut colour[i]);
                    }
                    writer.block(&colour[i], column % 2, &mut before[1 + i], &CHROMA);
                }
            }
        }
        writer.finish();
        Ok(())
    }

    /// Encodes a grey picture, and replaces the contents of `out`.
    pub(crate) fn encode_luma(&mut self, picture: &Raster, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        check_size(picture.size)?;
        header::write(picture.size, &self.tables[..1], out);
        let mut writer = Writer::new(out);
        let mut before = Before::default();
        let mut pair = Pair::ZERO;
        let columns = picture.size.width.div_ceil(8) as usize;
        let strip = &mut self.strips[0];
        for row in 0..picture.size.height.div_ceil(8) as usize {
            strip.fill(picture, row * 8, 8);
            for column in (0..columns).step_by(2) {
                strip.transform(self.kernels, &self.quantisers[0], column / 2, 0, &mut pair);
                for which in 0..(columns - column).min(2) {
                    writer.block(&pair, which, &mut before, &LUMA);
                }
            }
        }
        writer.finish();
        Ok(())
    }
}

/// Checks that a picture of this size can be a JPEG.
pub(crate) fn check_size(size: Size) -> Result<(), EncodeError> {
    let Size { width, height } = size;
    let fits = |side: u32| (1..=u32::from(u16::MAX)).contains(&side);
    if fits(width) && fits(height) { Ok(()) } else { Err(EncodeError::Size { width, height }) }
}

#[cfg(test)]
mod tests;
