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
use crate::tidiness::Tidiness;

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

    /// Decodes the brightness of `bytes`, and returns how tidy they are. This takes less time than all planes, because the blocks
    /// of colour are skipped and not transformed.
    ///
    /// A library may panic on hostile bytes; callers wrap this function in `no_panic`.
    pub(crate) fn decode_luma(
        &mut self,
        bytes: &[u8],
        limits: &Limits,
        out: &mut Raster,
    ) -> Result<Tidiness, FrameError> {
        let picture = Picture::of(bytes, limits)?;
        if let Some(tidiness) = self.decode_common(picture, &mut [out])? {
            return Ok(tidiness);
        }
        out.reshape(picture.header.size);
        self.decode_rare(picture, Colours::Luma, &mut out.pixels)
    }

    /// Decodes all planes of `bytes`, the colour at its own resolution, and returns how tidy they are. The brightness is that of
    /// `decode_luma`.
    ///
    /// A library may panic on hostile bytes; callers wrap this function in `no_panic`.
    pub(crate) fn decode_planes(
        &mut self,
        bytes: &[u8],
        limits: &Limits,
        out: &mut Planes,
    ) -> Result<Tidiness, FrameError> {
        let picture = Picture::of(bytes, limits)?;
        if picture.header.components == 1 {
            out.without_colour();
            return self.decode_luma(bytes, limits, &mut out.luma);
        }
        let Planes { luma, blue, red } = out;
        let mut planes = [luma, blue, red];
        if let Some(tidiness) = self.decode_common(picture, &mut planes)? {
            return Ok(tidiness);
        }
        let mut pixels = picture.room_for_colour();
        let tidiness = self.decode_rare(picture, Colours::Ycc, &mut pixels)?;
        for (i, plane) in planes.into_iter().enumerate() {
            plane.reshape(picture.header.size);
            for (to, pixel) in plane.pixels.iter_mut().zip(pixels.as_chunks::<3>().0) {
                *to = pixel[i];
            }
        }
        Ok(tidiness)
    }

    /// Decodes `bytes` to red, green and blue, three bytes a pixel. Colour of a lower resolution is interpolated.
    ///
    /// A library may panic on hostile bytes; callers wrap this function in `no_panic`.
    pub(crate) fn decode_rgb(mut self, bytes: &[u8], limits: &Limits) -> Result<(Size, Vec<u8>), FrameError> {
        let picture = Picture::of(bytes, limits)?;
        let Header { size, components, .. } = picture.header;
        let Planes { mut luma, mut blue, mut red } = Planes::empty();
        let mut planes = [&mut luma, &mut blue, &mut red];
        let mut pixels = picture.room_for_colour();
        if self.decode_common(picture, &mut planes[..components.min(3).into()])?.is_none() {
            self.decode_rare(picture, Colours::Rgb, &mut pixels)?;
            return Ok((size, pixels));
        }
        let targets = pixels.as_chunks_mut::<3>().0.iter_mut();
        if components == 1 {
            targets.zip(luma.pixels).for_each(|(pixel, grey)| *pixel = [grey; 3]);
            return Ok((size, pixels));
        }
        let mut resizer = Resizer::new(Kernels::best());
        let [blue, red] = [blue, red].map(|mut plane| {
            let mut whole = Raster::empty();
            resizer.bring(&mut plane, size, &mut whole);
            whole.pixels
        });
        for (pixel, ((luma, blue), red)) in targets.zip(luma.pixels.into_iter().zip(blue).zip(red)) {
            *pixel = colour::rgb([luma, blue, red]);
        }
        Ok((size, pixels))
    }

    fn decode_common(
        &mut self,
        picture: Picture<'_>,
        planes: &mut [&mut Raster],
    ) -> Result<Option<Tidiness>, FrameError> {
        let Picture { bytes, header, extent } = picture;
        let scan = self.baseline.decode(bytes, &header, extent, planes).map_err(|error| picture.blame(error))?;
        Ok(scan.map(|tidiness| extent.tidiness.or(tidiness)))
    }

    fn decode_rare(
        &mut self,
        picture: Picture<'_>,
        colours: Colours,
        pixels: &mut [u8],
    ) -> Result<Tidiness, FrameError> {
        self.seal(picture.bytes);
        let Picture { header, extent, .. } = picture;
        library::decode(&self.sealed, &header, extent, colours, pixels).map_err(|error| picture.blame(error))?;
        Ok(extent.tidiness)
    }

    /// Copies a JPEG for a library in such a way that a scan that was cut short is an error: each scan gets [`ONES`] at its end.
    /// The standard Huffman tables come before the picture's own, which replace them if there are any.
    fn seal(&mut self, bytes: &[u8]) {
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
        self.sealed.extend([0xFF, marker::EOI]);
    }
}

/// A JPEG whose segments are known, and which may be decoded.
#[derive(Clone, Copy)]
struct Picture<'a> {
    bytes: &'a [u8],
    header: Header,
    extent: Extent,
}

impl<'a> Picture<'a> {
    /// Checks everything that can be checked before memory is taken.
    fn of(bytes: &'a [u8], limits: &Limits) -> Result<Self, FrameError> {
        let header = structure::header(bytes)?;
        if header.size.pixels() > limits.max_pixels {
            return Err(FrameError::TooManyPixels { size: header.size, limit: limits.max_pixels });
        }
        Ok(Picture { bytes, header, extent: structure::extent(bytes)? })
    }

    fn room_for_colour(&self) -> Vec<u8> {
        vec![0; self.header.size.pixels() as usize * 3]
    }

    /// Returns what to say of a picture that a decoder refused: one without an end marker was most likely cut off.
    fn blame(&self, error: FrameError) -> FrameError {
        match (error, self.extent.tidiness) {
            (FrameError::Corrupt { .. }, Tidiness::NoEndMarker) => FrameError::Truncated { length: self.bytes.len() },
            (error, _) => error,
        }
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
