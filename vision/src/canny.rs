//! Edge detection, for the `Canny` call.

use image::{GrayImage, Luma};
use imageproc::kernel::Kernel;

use crate::raster::Raster;

/// Hysteresis thresholds on the length of the Sobel gradient: below the first nothing is an edge, above the second everything is.
const THRESHOLDS: (f32, f32) = (50.0, 150.0);

/// The 3x3 binomial approximation of a Gaussian, in sixteenths.
const GAUSSIAN: Kernel<'static, u32> = Kernel::new(&[1, 2, 1, 2, 4, 2, 1, 2, 1], 3, 3);

/// Returns the edge map of `luma`, 255 on edges and 0 elsewhere. `luma` is left as it was.
///
/// Uses the Canny edge detector of `imageproc` (J. Canny, "A Computational Approach to Edge Detection", 1986) after a 3x3
/// Gaussian blur.
pub(crate) fn edges(luma: &mut Raster) -> Raster {
    let size = luma.size;
    let picture = GrayImage::from_raw(size.width, size.height, std::mem::take(&mut luma.pixels))
        .expect("a raster is as long as its size says");
    let smooth: GrayImage =
        imageproc::filter::filter::<Luma<u8>, u32, _, Luma<u8>>(&picture, GAUSSIAN, |sum| ((sum + 8) / 16) as u8);
    luma.pixels = picture.into_raw();
    Raster { size, pixels: imageproc::edges::canny(&smooth, THRESHOLDS.0, THRESHOLDS.1).into_raw() }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::geometry::Size;

    #[test]
    fn a_step_is_one_line_and_flat_is_nothing() {
        let size = Size { width: 64, height: 48 };
        let pixels: Vec<u8> = (0..64 * 48).map(|at| if at % 64 < 32 { 40 } else { 200 }).collect();
        let mut step = Raster { size, pixels: pixels.clone() };
        let map = edges(&mut step);
        assert!(step.pixels == pixels && map.size == size);
        for y in 4..44 {
            let line: Vec<usize> = (0..64).filter(|x| map.pixels[y * 64 + x] == 255).collect();
            assert!(!line.is_empty() && line.iter().all(|x| (30..=33).contains(x)), "row {y}: {line:?}");
        }
        let mut flat = Raster { size, pixels: vec![90; 64 * 48] };
        assert!(edges(&mut flat).pixels.iter().all(|p| *p == 0));
    }
}
