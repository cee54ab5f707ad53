//! Draws on raw video frames, so that a video is annotated without a JPEG between its decoder and its encoder.

use image::RgbImage;

use super::Style;
use super::planes::{Canvas, Sample};
use super::raw_format::{Depth, RawFormat};
use crate::geometry::{Face, Size};
use crate::raster::{halved, quarters};

/// One raw video frame in 4:2:0: all rows of the brightness, then those of the blue and of the red difference, without padding.
/// This is ffmpeg's `yuv420p` with eight bits and its `yuv420p10le` with ten.
#[derive(Debug)]
pub struct RawFrame<'a> {
    /// Samples of the frame, as many as [`RawFormat::bytes`] says.
    pub bytes: &'a mut [u8],
    /// Size of the picture.
    pub size: Size,
    /// Meaning of the bytes.
    pub format: RawFormat,
}

/// Draws boxes and landmarks as [`faces`](super::faces) does. As colour has half the resolution, a thin line has half its colour.
///
/// # Panics
/// If the frame does not have the number of bytes that its format and size need.
pub fn faces_on_raw(frame: &mut RawFrame<'_>, faces: &[Face], style: Style) {
    let colour = frame.format.samples(style.colour.0);
    frame.check_length();
    let RawFrame { bytes, size, format } = frame;
    match format.depth {
        Depth::Eight => canvas(bytes, *size).faces(faces, style, colour),
        Depth::Ten => canvas(bytes.as_chunks_mut::<2>().0, *size).faces(faces, style, colour),
    }
}

impl RawFrame<'_> {
    /// Replaces the picture of this frame. Each colour sample is made from the average of the up to four pixels that it stands
    /// for.
    ///
    /// # Panics
    /// If the picture does not have the frame's size, or the frame does not have the number of bytes that its format and size
    /// need.
    pub fn put(&mut self, picture: &RgbImage) {
        self.check_length();
        let RawFrame { bytes, size, format } = self;
        assert_eq!(picture.dimensions(), (size.width, size.height), "a picture of another size than the frame");
        match format.depth {
            Depth::Eight => canvas(bytes, *size).put(picture, *format),
            Depth::Ten => canvas(bytes.as_chunks_mut::<2>().0, *size).put(picture, *format),
        }
    }

    fn check_length(&self) {
        let RawFrame { bytes, size, format } = self;
        assert_eq!(bytes.len(), format.bytes(*size), "the number of bytes of a {size} frame, {format:?}");
    }
}

/// Splits the samples of a frame into its planes.
fn canvas<S: Sample>(samples: &mut [S], size: Size) -> Canvas<'_, S> {
    let (luma, colour) = samples.split_at_mut(size.pixels() as usize);
    let (blue, red) = colour.split_at_mut(halved(size).pixels() as usize);
    Canvas { size, planes: [luma, blue, red] }
}

impl<S: Sample> Canvas<'_, S> {
    fn put(&mut self, picture: &RgbImage, format: RawFormat) {
        let [luma, blue, red] = &mut self.planes;
        for (luma, pixel) in luma.iter_mut().zip(picture.pixels()) {
            *luma = S::of(format.samples(pixel.0)[0]);
        }
        for ((blue, red), average) in blue.iter_mut().zip(red.iter_mut()).zip(quarters(picture)) {
            let samples = format.samples(average);
            (*blue, *red) = (S::of(samples[1]), S::of(samples[2]));
        }
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::draw::{self, Matrix, Range};
    use crate::geometry::Point;

    const LIMITED: RawFormat = RawFormat { depth: Depth::Eight, matrix: Matrix::Bt709, range: Range::Limited };
    const TEN: RawFormat = RawFormat { depth: Depth::Ten, ..LIMITED };
    const GREEN: Style = Style { colour: Rgb([0, 255, 0]), thickness: 1 };

    /// Returns the samples of a frame after `work`, which was grey before, and the number of its first colour sample.
    fn worked_on(size: Size, format: RawFormat, work: impl FnOnce(&mut RawFrame<'_>)) -> (Vec<u16>, usize) {
        let mut bytes = match format.depth {
            Depth::Eight => vec![128; format.bytes(size)],
            Depth::Ten => 512u16.to_le_bytes().repeat(format.bytes(size) / 2),
        };
        work(&mut RawFrame { bytes: &mut bytes, size, format });
        let samples = match format.depth {
            Depth::Eight => bytes.into_iter().map(u16::from).collect(),
            Depth::Ten => bytes.as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair)).collect(),
        };
        (samples, size.pixels() as usize)
    }

    fn face(x: f32, y: f32, width: f32, height: f32) -> Face {
        Face { x, y, width, height, score: 1.0, landmarks: None }
    }

    #[test]
    fn a_line_has_its_brightness_and_half_its_colour() {
        // The greens of BT.709 are 173, 42, 26 with eight bits and 691, 167, 105 with ten.
        for (format, grey, luma, blue, red) in [(LIMITED, 128, 173, 85, 77), (TEN, 512, 691, 339, 308)] {
            let size = Size { width: 13, height: 11 };
            let (samples, colour) =
                worked_on(size, format, |frame| faces_on_raw(frame, &[face(2.0, 2.0, 9.0, 7.0)], GREEN));
            let mut rgb = RgbImage::new(13, 11);
            draw::faces(&mut rgb, &[face(2.0, 2.0, 9.0, 7.0)], GREEN);
            for (sample, pixel) in samples.iter().zip(rgb.pixels()) {
                assert_eq!(*sample, if *pixel == GREEN.colour { luma } else { grey });
            }
            let (blues, reds) = samples[colour..].split_at(7 * 6);
            assert_eq!([blues[7 + 2], reds[7 + 2]], [blue, red], "the upper side");
            assert_eq!([blues[2 * 7 + 1], reds[2 * 7 + 1]], [blue, red], "the left side");
            assert_eq!([blues[2 * 7 + 3], reds[2 * 7 + 3]], [grey, grey], "the inside");
            assert_eq!([blues.len(), reds.len()], [42, 42]);
        }
    }

    #[test]
    fn raw_frames_and_planes_are_drawn_alike() {
        let mut random = fastrand::Rng::with_seed(5);
        let format = RawFormat { depth: Depth::Eight, matrix: Matrix::Bt601, range: Range::Full };
        for _ in 0..200 {
            let size = Size { width: random.u32(1..40), height: random.u32(1..40) };
            let mut place = || random.f32() * 60.0 - 10.0;
            let points = std::array::from_fn(|_| Point { x: place(), y: place() });
            let face = Face { landmarks: Some(points), ..face(place(), place(), place(), place()) };
            let style = Style { thickness: random.u32(0..5), ..Style::LEGACY };
            let (samples, colour) = worked_on(size, format, |frame| faces_on_raw(frame, &[face], style));

            let mut planes = crate::raster::Planes::empty();
            for (plane, size) in
                [(&mut planes.luma, size), (&mut planes.blue, halved(size)), (&mut planes.red, halved(size))]
            {
                plane.reshape(size);
                plane.pixels.fill(128);
            }
            draw::faces_on_planes(&mut planes, &[face], style);
            let want = [planes.luma.pixels, planes.blue.pixels, planes.red.pixels].concat();
            assert!(samples.iter().copied().eq(want.into_iter().map(u16::from)), "{size}, colour from {colour}");
        }
    }

    #[test]
    fn what_lies_outside_is_not_drawn() {
        for format in [LIMITED, TEN] {
            for size in [Size { width: 1, height: 1 }, Size { width: 5, height: 3 }] {
                let outside = [face(-1e30, -1e30, 2e30, 2e30), face(1e9, 1.0, 5.0, 5.0), face(f32::NAN, 1.0, 1.0, 9.0)];
                let (samples, _) = worked_on(size, format, |frame| faces_on_raw(frame, &outside, GREEN));
                assert!(samples.iter().all(|&sample| sample == samples[0]), "{size} {format:?}: {samples:?}");
            }
            let size = Size { width: 5, height: 3 };
            let (samples, _) =
                worked_on(size, format, |frame| faces_on_raw(frame, &[face(-9.0, -9.0, 14.0, 12.0)], GREEN));
            let drawn = samples[..15].iter().map(|&luma| luma > 512 || luma == 173);
            assert!(drawn.eq((0..15).map(|at| at % 5 == 4 || at / 5 == 2)), "the last column and the last row");
        }
    }

    #[test]
    fn a_picture_that_is_put_in_has_its_colours() {
        for (format, green, black) in [(LIMITED, [173, 42, 26], [16, 128, 128]), (TEN, [691, 167, 105], [64, 512, 512])]
        {
            let size = Size { width: 5, height: 3 };
            let picture = RgbImage::from_fn(5, 3, |x, _| if x < 2 { GREEN.colour } else { Rgb([0; 3]) });
            let (samples, colour) = worked_on(size, format, |frame| frame.put(&picture));
            let column = |x: u32| if x < 2 { green } else { black };
            for (at, &luma) in samples[..colour].iter().enumerate() {
                assert_eq!(luma, column(at as u32 % 5)[0]);
            }
            for (at, &sample) in samples[colour..].iter().enumerate() {
                let (plane, x) = (at / 6, at % 3);
                assert_eq!(sample, column(2 * x as u32)[1 + plane], "plane {plane} column {x}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "the number of bytes of a 4x2 frame")]
    fn a_frame_of_another_length_is_a_mistake_of_the_caller() {
        let mut bytes = [0; 11];
        let mut frame = RawFrame { bytes: &mut bytes, size: Size { width: 4, height: 2 }, format: LIMITED };
        faces_on_raw(&mut frame, &[], GREEN);
    }

    #[test]
    #[should_panic(expected = "a picture of another size")]
    fn a_picture_of_another_size_is_a_mistake_of_the_caller() {
        let mut bytes = [0; 12];
        RawFrame { bytes: &mut bytes, size: Size { width: 4, height: 2 }, format: LIMITED }.put(&RgbImage::new(2, 4));
    }
}
