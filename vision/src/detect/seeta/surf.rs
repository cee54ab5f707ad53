//! The features that the networks look at: sums of gradients over patches of a window.
//!
//! The features are SURF descriptors as in J. Li, Y. Zhang, "Learning SURF cascade for fast and accurate object detection", CVPR
//! 2013: each patch is cut into 2×2 cells, each cell gives eight sums (see [`Kernels::surf_sums`]), and the 32 values of a patch
//! are normalized to length one.
//!
//! [`Kernels::surf_sums`]: crate::kernels::Kernels

use crate::kernels::{CHANNELS, SURF_SIDE, SurfPlane};

/// Side of a window in pixels.
pub(super) const WINDOW: usize = SURF_SIDE;
/// Number of values that a patch gives.
pub(super) const DIMENSIONS: usize = 4 * CHANNELS;

/// A rectangle in a window, in pixels. Both sides are even numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patch {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

/// Returns all patches that there are, in the order in which model files number them.
pub(super) fn pool() -> Vec<Patch> {
    /// Proportions of patches, width to height.
    const SHAPES: [(usize, usize); 5] = [(1, 1), (1, 2), (2, 1), (2, 3), (3, 2)];
    const SMALLEST: usize = 16;
    const STEP: usize = 16;
    let mut pool = Vec::new();
    for (across, down) in SHAPES {
        for height in (SMALLEST..=WINDOW).filter(|height| height % 2 == 0 && height % down == 0) {
            let width = height / down * across;
            if width % 2 != 0 || !(SMALLEST..=WINDOW).contains(&width) {
                continue;
            }
            for y in (0..=WINDOW - height).step_by(STEP) {
                for x in (0..=WINDOW - width).step_by(STEP) {
                    pool.push(Patch { x, y, width, height });
                }
            }
        }
    }
    pool
}

impl Patch {
    /// Returns the rows of the plane in which the patch's cells have corners, as a bit each.
    pub(super) fn rows(self) -> u64 {
        [0, self.height / 2, self.height].iter().fold(0, |rows, below| rows | 1 << (self.y + below))
    }

    /// Returns the sums of the patch's four cells: top left, top right, bottom left, bottom right.
    fn cells(self, plane: &SurfPlane) -> [[i32; CHANNELS]; 4] {
        let Patch { x, y, width, height } = self;
        let xs = [x, x + width / 2, x + width];
        let ys = [y, y + height / 2, y + height];
        let corners = ys.map(|y| xs.map(|x| plane.until(x, y)));
        let cell = |row: usize, column: usize| {
            let [top, bottom] = [&corners[row], &corners[row + 1]];
            std::array::from_fn(|c| bottom[column + 1][c] - bottom[column][c] - top[column + 1][c] + top[column][c])
        };
        [cell(0, 0), cell(0, 1), cell(1, 0), cell(1, 1)]
    }
}

/// Writes [`DIMENSIONS`] values for each patch of the window. A patch without any gradient gives zeros.
pub(super) fn describe(patches: &[Patch], plane: &SurfPlane, features: &mut [f32]) {
    for (patch, out) in patches.iter().zip(features.chunks_exact_mut(DIMENSIONS)) {
        let cells = patch.cells(plane);
        let values = cells.as_flattened();
        // A sum of whole numbers is exact, here and in the floats of the published detector, and integers need no order.
        let squares: i64 = values.iter().map(|&value| i64::from(value) * i64::from(value)).sum();
        let length = (squares as f64).sqrt() as f32;
        for (out, &value) in out.iter_mut().zip(values) {
            *out = if squares == 0 { 0.0 } else { value as f32 / length };
        }
    }
}
