//! Edges, for the `Canny` call.

use image::{GrayImage, Luma};
use imageproc::kernel::Kernel;

/// Hysteresis thresholds on the Sobel gradient's length: below the first is no edge, above the second always is one.
const THRESHOLDS: (f32, f32) = (50.0, 150.0);

/// The 3x3 binomial approximation of a Gaussian, in sixteenths.
const GAUSSIAN: Kernel<'static, u32> = Kernel::new(&[1, 2, 1, 2, 4, 2, 1, 2, 1], 3, 3);

/// The edge map of `luma`: 255 on edges, 0 elsewhere.
///
/// J. Canny, "A Computational Approach to Edge Detection", 1986, as `imageproc` has it, after a 3x3 Gaussian.
pub(crate) fn edges(luma: &GrayImage) -> GrayImage {
    let smooth: GrayImage =
        imageproc::filter::filter::<Luma<u8>, u32, _, Luma<u8>>(luma, GAUSSIAN, |sum| ((sum + 8) / 16) as u8);
    imageproc::edges::canny(&smooth, THRESHOLDS.0, THRESHOLDS.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_one_line_and_flat_is_nothing() {
        let step = GrayImage::from_fn(64, 48, |x, _| Luma([if x < 32 { 40 } else { 200 }]));
        let map = edges(&step);
        for y in 4..44 {
            let line: Vec<u32> = (0..64).filter(|&x| map.get_pixel(x, y)[0] == 255).collect();
            assert!(!line.is_empty() && line.iter().all(|x| (30..=33).contains(x)), "row {y}: {line:?}");
        }
        let flat = GrayImage::from_pixel(64, 48, Luma([90]));
        assert!(edges(&flat).pixels().all(|p| p[0] == 0));
    }
}
