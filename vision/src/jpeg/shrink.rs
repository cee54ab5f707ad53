//! Makes pictures ready to be sent: upright, no larger than they are searched, and JPEG.

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};

use super::decode::Decoder;
use super::encode::{Encoder, planes};
use crate::error::{FrameError, no_panic};
use crate::geometry::{Fit, Size};
use crate::job::Limits;
use crate::kernels::Kernels;
use crate::raster::{Planes, Raster};
use crate::resize::Resizer;

/// Shrinks pictures one after the other. Pixels stay in JPEG's own colours from the decoder to the encoder, and are scaled by the
/// filter with which a detector scales a frame that is too large for it, so that it sees what it would have seen in the original.
pub struct Shrinker {
    limits: Limits,
    quality: u8,
    buffers: Buffers,
}

/// A picture that was made ready to be sent.
#[derive(Debug)]
pub struct Shrunk {
    /// The upright picture.
    pub jpeg: Vec<u8>,
    /// The size of `jpeg`.
    pub size: Size,
    /// The size of the original, upright.
    pub source: Size,
}

struct Buffers {
    decoder: Decoder,
    resizer: Resizer,
    encoder: Encoder,
    source: Planes,
    small: Planes,
}

impl Shrinker {
    /// Creates a shrinker that decodes pictures within `limits`, and encodes JPEGs of a `quality` from 1 to 100.
    pub fn new(limits: Limits, quality: u8) -> Self {
        Shrinker { limits, quality, buffers: Buffers::new(quality) }
    }

    /// Shrinks a JPEG to `fit` and turns it as `orientation` says.
    ///
    /// # Errors
    /// Any [`FrameError`].
    pub fn shrink_jpeg(&mut self, bytes: &[u8], orientation: Orientation, fit: Fit) -> Result<Shrunk, FrameError> {
        let Shrinker { limits, quality, buffers } = self;
        let shrunk = no_panic(|| {
            buffers.decoder.decode_planes(bytes, limits, &mut buffers.source)?;
            buffers.shrink(orientation, fit)
        });
        if matches!(shrunk, Err(FrameError::Panicked { .. })) {
            *buffers = Buffers::new(*quality);
        }
        shrunk
    }

    /// Shrinks decoded pixels to `fit`, and turns them as `orientation` says.
    ///
    /// # Errors
    /// [`FrameError::Encode`] if `fit` leaves a side that no JPEG can have.
    pub fn shrink_rgb(&mut self, picture: &RgbImage, orientation: Orientation, fit: Fit) -> Result<Shrunk, FrameError> {
        self.buffers.source = planes(picture, Size { width: picture.width(), height: picture.height() });
        self.buffers.shrink(orientation, fit)
    }
}

impl Buffers {
    fn new(quality: u8) -> Self {
        let kernels = Kernels::best();
        Buffers {
            decoder: Decoder::new(kernels),
            resizer: Resizer::new(kernels),
            encoder: Encoder::new(kernels, quality),
            source: Planes::empty(),
            small: Planes::empty(),
        }
    }

    /// Shrinks and turns the picture in `source`. It is turned last, when it has the fewest pixels.
    fn shrink(&mut self, orientation: Orientation, fit: Fit) -> Result<Shrunk, FrameError> {
        let Buffers { resizer, encoder, source, small, .. } = self;
        let full = source.luma.size;
        resizer.bring_planes(source, fit.target(full), small);
        for plane in [&mut small.luma, &mut small.blue, &mut small.red] {
            turn(plane, orientation);
        }
        let mut jpeg = Vec::new();
        encoder.encode_planes(small, &mut jpeg)?;
        Ok(Shrunk { jpeg, size: small.luma.size, source: turned(full, orientation) })
    }
}

/// Turns the pixels of a plane as `orientation` says.
fn turn(plane: &mut Raster, orientation: Orientation) {
    if orientation == Orientation::NoTransforms {
        return;
    }
    let Size { width, height } = plane.size;
    let grey = GrayImage::from_raw(width, height, std::mem::take(&mut plane.pixels));
    let mut picture = DynamicImage::ImageLuma8(grey.expect("a raster has as many pixels as its size says"));
    picture.apply_orientation(orientation);
    plane.size = Size { width: picture.width(), height: picture.height() };
    plane.pixels = picture.into_luma8().into_raw();
}

/// Returns the size of a picture of size `size` after it is turned as `orientation` says.
fn turned(size: Size, orientation: Orientation) -> Size {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    match orientation {
        Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH => Size { width: size.height, height: size.width },
        _ => size,
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::jpeg::{decode_rgb, encode_rgb};

    /// Returns a picture whose left third is red and whose bottom half is brighter than its top half.
    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let light = if y < height / 2 { 60 } else { 180 };
            if x < width / 3 { Rgb([light, 20, 20]) } else { Rgb([light; 3]) }
        })
    }

    #[test]
    fn every_orientation_comes_out_upright_and_small() {
        let mut shrinker = Shrinker::new(Limits::default(), 95);
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif).unwrap();
            let source = picture(301, 150);
            let jpeg = encode_rgb(&source, 95).unwrap();
            let mut want = DynamicImage::ImageRgb8(source.clone());
            want.apply_orientation(orientation);
            let of_jpeg = shrinker.shrink_jpeg(&jpeg, orientation, Fit::Within(100)).unwrap();
            let of_rgb = shrinker.shrink_rgb(&source, orientation, Fit::Within(100)).unwrap();
            for shrunk in [of_jpeg, of_rgb] {
                assert_eq!((shrunk.source.width, shrunk.source.height), (want.width(), want.height()), "{exif}");
                let small = decode_rgb(&shrunk.jpeg, &Limits::default()).unwrap();
                assert_eq!((small.width(), small.height()), (shrunk.size.width, shrunk.size.height), "{exif}");
                assert_eq!(small.width().max(small.height()), 100);
                // Points in the middle of each area, so that no edge is near.
                for (x, y) in [(0.15, 0.25), (0.15, 0.75), (0.85, 0.25), (0.85, 0.75)] {
                    let at = |w: u32, h: u32| ((x * f64::from(w)) as u32, (y * f64::from(h)) as u32);
                    let (here, there) = (at(small.width(), small.height()), at(want.width(), want.height()));
                    let (got, want) = (small.get_pixel(here.0, here.1), want.to_rgb8());
                    let want = want.get_pixel(there.0, there.1);
                    let near = got.0.iter().zip(want.0).all(|(got, want)| got.abs_diff(want) < 12);
                    assert!(near, "orientation {exif} at {x}, {y}: {got:?} for {want:?}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_enlarged() {
        let shrunk = Shrinker::new(Limits::default(), 95)
            .shrink_rgb(&picture(40, 31), Orientation::NoTransforms, Fit::Within(512))
            .unwrap();
        assert_eq!((shrunk.size, shrunk.source), (Size { width: 40, height: 31 }, Size { width: 40, height: 31 }));
    }

    #[test]
    fn a_bad_picture_is_an_error_and_the_next_one_is_shrunk() {
        let mut shrinker = Shrinker::new(Limits { max_pixels: 5000 }, 95);
        let mut shrink = |bytes: &[u8]| shrinker.shrink_jpeg(bytes, Orientation::NoTransforms, Fit::Within(16));
        let good = encode_rgb(&picture(60, 60), 95).unwrap();
        assert!(matches!(
            shrink(&good[..good.len() / 2]),
            Err(FrameError::Truncated { .. } | FrameError::Corrupt { .. })
        ));
        let large = encode_rgb(&picture(100, 60), 95).unwrap();
        assert!(matches!(shrink(&large), Err(FrameError::TooManyPixels { .. })));
        assert_eq!(shrink(&good).unwrap().size, Size { width: 16, height: 16 });
    }
}
