//! Chooses a decoder for each JPEG, and makes the decoder strict.

use super::baseline::Baseline;
use super::encode::STANDARD_TABLES;
use super::library::{self, Colours};
use super::structure::{self, Extent, Header, marker};
use crate::colour;
use crate::error::FrameError;
use crate::geometry::Size;
use crate::job::Limits;
use crate::kernels::Kernels;
use crate::raster::{Planes, Raster};
use crate::resize::Resizer;

/// A decoder of JPEGs that holds the buffers it uses again from frame to frame.
pub(crate) struct Decoder {
    baseline: Baseline,
    /// A copy of a JPEG that was made ready for a library.
    sealed: Vec<u8>,
}

impl Decoder {
    pub(crate) fn new(kernels: &'static Kernels) -> Self {
        Decoder { baseline: Baseline::new(kernels), sealed: Vec::new() }
    }

    /// Decodes the brightness of `bytes`. This takes less time than all planes, because the blocks of colour are skipped and not
    /// transformed.
    ///
    /// A library may panic on hostile bytes; callers wrap this function in `no_panic`.
    pub(crate) fn decode_luma(&mut self, bytes: &[u8], limits: &Limits, out: &mut Raster) -> Result<(), FrameError> {
        let (header, extent) = look_at(bytes, limits)?;
        if !self.baseline.decode(bytes, &header, extent, &mut [out])? {
            out.reshape(header.size);
            self.seal(bytes, extent);
            library::decode(&self.sealed, &header, extent, Colours::Luma, &mut out.pixels)?;
        }
        Ok(())
    }

    /// Decodes all planes of `bytes`, the colour at its own resolution. The brightness is that of `decode_luma`.
    ///
    /// A library may panic on hostile bytes; callers wrap this function in `no_panic`.
    pub(crate) fn decode_planes(&mut self, bytes: &[u8], limits: &Limits, out: &mut Planes) -> Result<(), FrameError> {
        let (header, extent) = look_at(bytes, limits)?;
        if header.components == 1 {
            out.without_colour();
            return self.decode_luma(bytes, limits, &mut out.luma);
        }
        let Planes { luma, blue, red } = out;
        let mut planes = [luma, blue, red];
        if !self.baseline.decode(bytes, &header, extent, &mut planes)? {
            let pixels = self.decode_interleaved(bytes, &header, extent, Colours::Ycc)?;
            for (i, plane) in planes.into_iter().enumerate() {
                plane.reshape(header.size);
                for (to, pixel) in plane.pixels.iter_mut().zip(pixels.as_chunks::<3>().0) {
                    *to = pixel[i];
                }
            }
        }
        Ok(())
    }

    /// Decodes `bytes` to red, green and blue, three bytes a pixel. Colour of a lower resolution is interpolated.
    ///
    /// A library may panic on hostile bytes; callers wrap this function in `no_panic`.
    pub(crate) fn decode_rgb(mut self, bytes: &[u8], limits: &Limits) -> Result<(Size, Vec<u8>), FrameError> {
        let (header, extent) = look_at(bytes, limits)?;
        let Planes { mut luma, mut blue, mut red } = Planes::empty();
        let mut planes = [&mut luma, &mut blue, &mut red];
        if !self.baseline.decode(bytes, &header, extent, &mut planes[..header.components.min(3).into()])? {
            return Ok((header.size, self.decode_interleaved(bytes, &header, extent, Colours::Rgb)?));
        }
        if header.components == 1 {
            return Ok((header.size, luma.pixels.iter().flat_map(|&grey| [grey; 3]).collect()));
        }
        let mut resizer = Resizer::new(Kernels::best());
        let [blue, red] = [blue, red].map(|mut plane| {
            let mut whole = Raster::empty();
            resizer.bring(&mut plane, header.size, &mut whole);
            whole
        });
        let mut pixels = vec![0; luma.pixels.len() * 3];
        let samples = luma.pixels.iter().zip(&blue.pixels).zip(&red.pixels);
        for (pixel, ((&luma, &blue), &red)) in pixels.as_chunks_mut::<3>().0.iter_mut().zip(samples) {
            *pixel = colour::rgb([luma, blue, red]);
        }
        Ok((header.size, pixels))
    }

    fn decode_interleaved(
        &mut self,
        bytes: &[u8],
        header: &Header,
        extent: Extent,
        colours: Colours,
    ) -> Result<Vec<u8>, FrameError> {
        self.seal(bytes, extent);
        let mut pixels = vec![0; header.size.pixels() as usize * 3];
        library::decode(&self.sealed, header, extent, colours, &mut pixels)?;
        Ok(pixels)
    }

    /// Copies a JPEG for a library in such a way that a scan that was cut short is an error: each scan gets [`ONES`] at its end.
    /// The standard Huffman tables come before the picture's own, which replace them if there are any.
    fn seal(&mut self, bytes: &[u8], extent: Extent) {
        self.sealed.clear();
        let [length_high, length_low] = (2 + STANDARD_TABLES.len() as u16).to_be_bytes();
        self.sealed.extend([0xFF, marker::SOI, 0xFF, marker::DHT, length_high, length_low]);
        self.sealed.extend_from_slice(&STANDARD_TABLES);
        let mut done = 2;
        for end in structure::scan_ends(bytes) {
            self.sealed.extend_from_slice(&bytes[done..end]);
            self.sealed.extend_from_slice(&ONES);
            done = end;
        }
        self.sealed.extend_from_slice(&bytes[done..extent.end]);
    }
}

/// Sixteen bytes of one-bits, each followed by the zero byte that JPEG stuffs after a 0xFF in a scan.
///
/// No symbol ever has a code of nothing but ones (T.81, annex C), so a library that still wants blocks at the end of a scan meets
/// an error here. Without these bytes the library would see the next marker and fill the rest with grey: a scan that was cut
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

/// Checks everything that can be checked before memory is taken.
fn look_at(bytes: &[u8], limits: &Limits) -> Result<(Header, Extent), FrameError> {
    let header = structure::header(bytes)?;
    if header.size.pixels() > limits.max_pixels {
        return Err(FrameError::TooManyPixels { size: header.size, limit: limits.max_pixels });
    }
    Ok((header, structure::extent(bytes)?))
}
