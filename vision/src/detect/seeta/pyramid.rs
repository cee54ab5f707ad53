//! The picture at all sizes at which a face may be as large as the classifiers' window.

use super::nms::Candidate;
use super::settings::Settings;
use super::surf::WINDOW;
use crate::geometry::Size;
use crate::kernels::{Axis, Kernels};

/// One picture of the pyramid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Level {
    /// Side of this picture as a share of the source picture's side.
    pub(super) scale: f32,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Level {
    /// Returns a window of this level as a window of the source picture.
    pub(super) fn candidate(self, x: usize, y: usize, score: f32) -> Candidate {
        let back = |place: usize| (place as f32 / self.scale + 0.5) as i32;
        let side = (WINDOW as f32 / self.scale + 0.5) as u32;
        Candidate::new(back(x), back(y), side, score.into())
    }
}

/// Yields the levels from the largest to the smallest in which a window still fits. The arithmetic is in 32-bit floats, as in the
/// published detector, because rounding decides how many pixels a level has.
pub(super) fn levels(size: Size, settings: &Settings) -> impl Iterator<Item = Level> {
    let window = WINDOW as f32;
    let largest = settings.max_face.unwrap_or(f32::INFINITY).min(size.width.min(size.height) as f32);
    let smallest_scale = window / largest;
    let factor = settings.pyramid_factor;
    std::iter::successors(Some(window / settings.min_face), move |scale| Some(scale * factor))
        .take_while(move |&scale| scale >= smallest_scale)
        .map(move |scale| Level {
            scale,
            width: (size.width as f32 * scale) as usize,
            height: (size.height as f32 * scale) as usize,
        })
        // The last level may lose a pixel to rounding.
        .filter(|level| level.width.min(level.height) >= WINDOW)
}

/// Resizes pictures bilinearly, from corner to corner, as SeetaFace does.
#[derive(Debug, Default)]
pub(super) struct Resizer {
    across: Axis,
    down: Axis,
}

impl Resizer {
    /// Prepares to resize pictures of a width and height to another width and height, all of them at least 2.
    pub(super) fn prepare(&mut self, from: (usize, usize), to: (usize, usize)) {
        self.across.set(from.0, to.0);
        // A window is as high as it is wide.
        if (from.1, to.1) == (from.0, to.0) {
            self.down.copy(&self.across);
        } else {
            self.down.set(from.1, to.1);
        }
    }

    /// Yields, for each row of the result, the upper one of the two rows that it lies between.
    pub(super) fn upper_rows(&self) -> impl Iterator<Item = usize> {
        self.down.index.iter().map(|&index| index as usize)
    }

    /// Fills `out`. For each row of the result, `rows` is given its number and the number of the upper source row, and returns
    /// that source row and the next. Both must be at least as long as the picture is wide; a kernel may read beyond the pixels
    /// that it uses.
    pub(super) fn fill<'a>(&self, kernels: &Kernels, rows: impl Fn(usize, usize) -> [&'a [u8]; 2], out: &mut [u8]) {
        let shares = self.down.before.iter().zip(&self.down.after);
        let out = out.chunks_exact_mut(self.across.index.len());
        for (i, ((out, upper), (&before, &after))) in out.zip(self.upper_rows()).zip(shares).enumerate() {
            (kernels.blend_row)(rows(i, upper), [before, after], &self.across, out);
        }
    }
}
