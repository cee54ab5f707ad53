//! Brings a picture to the size that the detector sees.

use crate::geometry::Size;
use crate::kernels::{Kernels, Weights};
use crate::raster::{Planes, Raster, halved};

/// Resizes pictures, and keeps the weights for the sizes that it has seen: all frames of a stream have the same size.
pub(crate) struct Resizer {
    kernels: &'static Kernels,
    known: Vec<Weights>,
    /// A row of the result between the first pass and the second.
    row: Vec<i16>,
}

/// Pairs of lengths that are kept: more than one stream has, with two for the brightness and two for the colour.
const MOST_KNOWN: usize = 16;

impl Resizer {
    pub(crate) fn new(kernels: &'static Kernels) -> Self {
        Resizer { kernels, known: Vec::new(), row: Vec::new() }
    }

    /// Resizes `from` to `size` into `to`. No side may be zero. The pixels of `from` are undefined afterwards.
    pub(crate) fn bring(&mut self, from: &mut Raster, size: Size, to: &mut Raster) {
        if from.size == size {
            std::mem::swap(from, to);
        } else {
            self.resize(from, size, to);
        }
    }

    /// Resizes all planes of a picture into `to`, as [`Resizer::bring`] does. The colour planes get half of `size`.
    pub(crate) fn bring_planes(&mut self, from: &mut Planes, size: Size, to: &mut Planes) {
        self.bring(&mut from.luma, size, &mut to.luma);
        self.bring(&mut from.blue, halved(size), &mut to.blue);
        self.bring(&mut from.red, halved(size), &mut to.red);
    }

    fn resize(&mut self, from: &Raster, size: Size, to: &mut Raster) {
        to.reshape(size);
        if self.known.len() + 2 > MOST_KNOWN {
            self.known.clear();
        }
        let across = self.know(from.size.width, size.width);
        let down = self.know(from.size.height, size.height);
        let (across, down) = (&self.known[across], &self.known[down]);
        let stride = from.size.width as usize;
        self.row.resize(across.reach().max(stride), 0);
        for (y, out) in to.pixels.chunks_exact_mut(size.width as usize).enumerate() {
            let (first, weights) = down.of(y);
            (self.kernels.weigh_rows)(&from.pixels[first * stride..], stride, weights, &mut self.row[..stride]);
            (self.kernels.weigh_columns)(&self.row, across, out);
        }
    }

    /// Returns the place, among the weights that are kept, of those from `from` pixels to `to`.
    fn know(&mut self, from: u32, to: u32) -> usize {
        let known = self.known.iter().position(|weights| weights.is_for(from, to));
        known.unwrap_or_else(|| {
            self.known.push(Weights::new(from, to));
            self.known.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raster(width: u32, height: u32, pixel: impl Fn(u32, u32) -> u8) -> Raster {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| pixel(x, y)).collect();
        Raster { size: Size { width, height }, pixels }
    }

    /// Resizes in floating point, one pixel after the other, as the result that the kernels are compared with.
    fn reference(from: &Raster, size: Size) -> Vec<f64> {
        let taps = |length: u32, to: u32, at: u32| -> Vec<(usize, f64)> {
            let scale = f64::from(length) / f64::from(to);
            let (support, middle) = (scale.max(1.0), (f64::from(at) + 0.5) * scale);
            let weight = |i: u32| (1.0 - (f64::from(i) + 0.5 - middle).abs() / support).max(0.0);
            let sum: f64 = (0..length).map(weight).sum();
            (0..length).map(|i| (i as usize, weight(i) / sum)).filter(|&(_, weight)| weight > 0.0).collect()
        };
        let Size { width, height } = from.size;
        let mut out = Vec::new();
        for y in 0..size.height {
            let rows = taps(height, size.height, y);
            for x in 0..size.width {
                let columns = taps(width, size.width, x);
                let at = |y: usize, x: usize| f64::from(from.pixels[y * width as usize + x]);
                let row = |y: usize| columns.iter().map(|&(x, weight)| at(y, x) * weight).sum::<f64>();
                out.push(rows.iter().map(|&(y, weight)| row(y) * weight).sum());
            }
        }
        out
    }

    #[test]
    fn every_pixel_is_the_weighted_sum_rounded_to_the_next_byte() {
        let mut random = fastrand::Rng::with_seed(4);
        let mut resizer = Resizer::new(Kernels::best());
        let mut to = Raster::empty();
        for (from, size) in [
            ((64, 36), (50, 40)),
            ((64, 36), (51, 29)),
            ((37, 90), (20, 11)),
            ((150, 7), (8, 70)),
            ((1, 1), (9, 5)),
            ((9, 200), (1, 1)),
            ((300, 5), (299, 6)),
        ] {
            let mut from = raster(from.0, from.1, |_, _| 0);
            from.pixels.fill_with(|| random.u8(..));
            let size = Size { width: size.0, height: size.1 };
            let want = reference(&from, size);
            resizer.bring(&mut from, size, &mut to);
            assert_eq!(to.size, size);
            for (got, want) in to.pixels.iter().zip(&want) {
                // The tolerance is half a step of rounding, and the error of weights with 14 bits.
                assert!((f64::from(*got) - want).abs() < 0.55, "{:?} to {size}: {got} for {want}", from.size);
            }
        }
    }

    #[test]
    fn one_grey_stays_that_grey() {
        for grey in [0, 1, 127, 255] {
            let mut to = Raster::empty();
            Resizer::new(Kernels::best()).bring(
                &mut raster(61, 47, |_, _| grey),
                Size { width: 33, height: 70 },
                &mut to,
            );
            assert!(to.pixels.iter().all(|&pixel| pixel == grey), "{grey}");
        }
    }

    #[test]
    fn the_same_size_is_the_same_picture_in_the_same_memory() {
        let mut from = raster(20, 10, |x, y| (x * y) as u8);
        let (pixels, memory) = (from.pixels.clone(), from.pixels.as_ptr());
        let mut to = Raster::empty();
        Resizer::new(Kernels::best()).bring(&mut from, Size { width: 20, height: 10 }, &mut to);
        assert_eq!((to.pixels.as_ptr(), to.pixels), (memory, pixels));
    }

    #[test]
    fn many_sizes_do_not_fill_the_memory() {
        let mut resizer = Resizer::new(Kernels::best());
        let mut to = Raster::empty();
        for width in 1..100 {
            resizer.bring(&mut raster(30, 20, |x, _| x as u8), Size { width, height: 100 - width }, &mut to);
            assert!(resizer.known.len() <= MOST_KNOWN);
        }
    }

    #[test]
    fn colour_gets_half_the_size_whatever_it_had() {
        let mut to = Planes::empty();
        for (blue, red) in [((40, 30), (40, 30)), ((20, 15), (20, 30)), ((1, 1), (1, 1))] {
            let mut from = Planes {
                luma: raster(40, 30, |_, _| 9),
                blue: raster(blue.0, blue.1, |_, _| 100),
                red: raster(red.0, red.1, |_, _| 200),
            };
            Resizer::new(Kernels::best()).bring_planes(&mut from, Size { width: 21, height: 15 }, &mut to);
            assert_eq!([to.blue.size, to.red.size], [Size { width: 11, height: 8 }; 2]);
            assert!(to.blue.pixels.iter().all(|&p| p == 100) && to.red.pixels.iter().all(|&p| p == 200));
        }
    }
}
