//! Bringing a picture to the size the detector sees.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions};

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
    pub(crate) fn resize(&mut self, from: &Raster, size: Size, to: &mut Raster) {
        to.reshape(size, from.channels);
        match from.channels {
            Channels::Luma => self.resize_pixels::<U8>(from, to),
            Channels::Rgb | Channels::Ycc => self.resize_pixels::<U8x3>(from, to),
        }
    }

    /// The library's call that takes any type of pixel would compile its kernels for all thirteen of them.
    ///
    /// The filter is bilinear with its support widened to the shrink factor, so a 4K frame is averaged, not sampled:
    /// sampling turns fine texture into patterns a detector takes for features.
    fn resize_pixels<P: PixelTrait>(&mut self, from: &Raster, to: &mut Raster) {
        let long_enough = "a raster is as long as its size says";
        let source =
            TypedImageRef::<P>::from_buffer(from.size.width, from.size.height, &from.pixels).expect(long_enough);
        let mut target =
            TypedImage::<P>::from_buffer(to.size.width, to.size.height, &mut to.pixels).expect(long_enough);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        self.inner.resize_typed(&source, &mut target, &options).expect("without a crop box nothing can be outside it");
    }
}
