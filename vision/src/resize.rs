//! Bringing a picture to the size the detector sees.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions};

use crate::geometry::Size;
use crate::raster::{Channels, Raster};

/// A SIMD resizer with its buffers.
pub(crate) struct Resizer {
    inner: fast_image_resize::Resizer,
}

impl Resizer {
    pub(crate) fn new() -> Self {
        Resizer { inner: fast_image_resize::Resizer::new() }
    }

    /// Fills `to` with `from` at `size`, in the same channels. Both sizes have no zero side.
    ///
    /// The filter is bilinear with the support widened to the shrink factor, so a 4K frame is averaged, not sampled:
    /// sampling turns fine texture into patterns a detector takes for features.
    pub(crate) fn resize(&mut self, from: &Raster, size: Size, to: &mut Raster) {
        to.reshape(size, from.channels);
        let pixel_type = match from.channels {
            Channels::Luma => PixelType::U8,
            Channels::Rgb | Channels::Ycc => PixelType::U8x3,
        };
        let source = ImageRef::new(from.size.width, from.size.height, &from.pixels, pixel_type)
            .expect("a raster is as long as its size says");
        let mut target = Image::from_slice_u8(size.width, size.height, &mut to.pixels, pixel_type)
            .expect("a raster is as long as its size says");
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        self.inner.resize(&source, &mut target, &options).expect("both pictures have the same pixel type");
    }
}
