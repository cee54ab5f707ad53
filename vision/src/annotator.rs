//! Pictures for people to look at, of frames whose faces are already known.

use crate::canny;
use crate::draw::{self, Style};
use crate::error::{FrameError, no_panic};
use crate::geometry::{Face, Fit};
use crate::job::Limits;
use crate::jpeg::{self, Decoder, Encoder};
use crate::kernels::Kernels;
use crate::raster::Planes;
use crate::resize::Resizer;

/// Draws what was found in frames, at a size that is good to look at. Holds buffers that are used again from frame to frame.
pub struct Annotator {
    limits: Limits,
    fit: Fit,
    decoder: Decoder,
    resizer: Resizer,
    encoder: Encoder,
    source: Planes,
    shown: Planes,
}

impl Annotator {
    /// Makes an annotator whose pictures have a long side of at most `side` pixels (0 counts as 1).
    pub fn new(limits: Limits, side: u32) -> Self {
        let kernels = Kernels::best();
        Annotator {
            limits,
            fit: Fit::Within(side.max(1)),
            decoder: Decoder::new(kernels),
            resizer: Resizer::new(kernels),
            encoder: Encoder::new(kernels, jpeg::QUALITY),
            source: Planes::empty(),
            shown: Planes::empty(),
        }
    }

    /// Returns the frame in colour as a JPEG, with a box, the score and any landmarks of each face. Faces are given in the
    /// frame's own pixels.
    ///
    /// # Errors
    /// [`FrameError`] says what is wrong with the frame. The annotator is ready for the next one whatever happened.
    pub fn faces(&mut self, jpeg: &[u8], faces: &[Face]) -> Result<Vec<u8>, FrameError> {
        no_panic(|| {
            let Annotator { decoder, resizer, encoder, source, shown, .. } = self;
            decoder.decode_planes(jpeg, &self.limits, source)?;
            let sent = source.luma.size;
            let size = self.fit.target(sent);
            resizer.bring_planes(source, size, shown);
            let faces: Vec<Face> = faces.iter().map(|face| face.rescaled(sent, size)).collect();
            let style = Style::video(size);
            draw::faces_on_planes(shown, &faces, style);
            draw::scores_on_planes(shown, &faces, style);
            let mut picture = Vec::new();
            encoder.encode_planes(shown, &mut picture)?;
            Ok(picture)
        })
    }

    /// Returns the edges in the frame as a JPEG, white on black.
    ///
    /// # Errors
    /// As [`Annotator::faces`].
    pub fn edges(&mut self, jpeg: &[u8]) -> Result<Vec<u8>, FrameError> {
        no_panic(|| {
            let Annotator { decoder, resizer, encoder, source, shown, .. } = self;
            decoder.decode_luma(jpeg, &self.limits, &mut source.luma)?;
            let size = self.fit.target(source.luma.size);
            resizer.bring(&mut source.luma, size, &mut shown.luma);
            let mut picture = Vec::new();
            encoder.encode_luma(&canny::edges(&mut shown.luma), &mut picture)?;
            Ok(picture)
        })
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;
    use crate::geometry::Point;

    fn frame(width: u32, height: u32) -> Vec<u8> {
        jpeg::encode_rgb(&RgbImage::from_pixel(width, height, Rgb([200, 60, 60])), 90).unwrap()
    }

    fn decoded(picture: &[u8]) -> RgbImage {
        jpeg::decode_rgb(picture, &Limits::default()).unwrap()
    }

    #[test]
    fn a_face_is_boxed_and_scored_where_it_is_on_the_smaller_picture() {
        let point = Point { x: 600.0, y: 500.0 };
        let face = Face { x: 400.0, y: 300.0, width: 400.0, height: 400.0, score: 0.88, landmarks: Some([point; 5]) };
        let mut annotator = Annotator::new(Limits::default(), 640);
        let picture = decoded(&annotator.faces(&frame(1280, 960), &[face]).unwrap());
        assert_eq!(picture.dimensions(), (640, 480));
        // On a red frame, with colour at half the resolution, a pixel that is more green than red belongs to a line.
        let green = |x, y| picture.get_pixel(x, y).0[1] > picture.get_pixel(x, y).0[0];
        // The box is from (200, 150) to (400, 350) here.
        assert!((210..390).all(|x| green(x, 349)), "the lower side");
        assert!((160..340).all(|y| green(200, y) && green(399, y)), "the sides");
        assert!(green(300, 250), "the landmarks");
        let plain = picture.get_pixel(300, 200).0;
        assert!(plain[0] > 180 && plain[1] < 80, "the frame itself, in colour: {plain:?}");
        let label: Vec<u8> = (200..220).map(|x| picture.get_pixel(x, 143).0[1]).collect();
        assert!(label.iter().max() > Some(&180) && label.iter().min() < Some(&60), "ink on paper: {label:?}");
    }

    #[test]
    fn edges_are_white_on_black_and_nothing_is_enlarged() {
        let step = RgbImage::from_fn(64, 48, |x, _| Rgb([if x < 32 { 40 } else { 200 }; 3]));
        let edges =
            decoded(&Annotator::new(Limits::default(), 640).edges(&jpeg::encode_rgb(&step, 90).unwrap()).unwrap());
        assert_eq!(edges.dimensions(), (64, 48));
        let bright = |x: u32| edges.get_pixel(x, 24).0[0] > 128;
        assert!((28..36).any(bright) && !(0..20).any(bright) && !(44..64).any(bright));
    }

    #[test]
    fn after_a_frame_that_is_none_comes_the_next() {
        let mut annotator = Annotator::new(Limits { max_pixels: 100 * 100 }, 640);
        assert!(matches!(annotator.faces(b"GIF89a", &[]), Err(FrameError::NotJpeg { .. })));
        assert!(matches!(annotator.edges(&frame(101, 100)), Err(FrameError::TooManyPixels { .. })));
        assert_eq!(decoded(&annotator.faces(&frame(100, 100), &[]).unwrap()).dimensions(), (100, 100));
    }
}
