//! The picture at all sizes at which a face may be as large as the classifiers' window.

use super::nms::Candidate;
use super::settings::Settings;
use super::surf::WINDOW;
use crate::geometry::Size;
use crate::kernels::{Axis, Kernels};

/// One picture of the pyramid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Level {
    /// Its side as a share of the picture's.
    pub(super) scale: f32,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Level {
    /// A window of this level as one of the picture.
    pub(super) fn candidate(self, x: usize, y: usize, score: f32) -> Candidate {
        let back = |place: usize| (place as f32 / self.scale + 0.5) as i32;
        let side = (WINDOW as f32 / self.scale + 0.5) as u32;
        Candidate::new(back(x), back(y), side, score.into())
    }
}

/// The levels from the largest to the smallest, in which a window just fits. In 32-bit floats, like the detector that was
/// published: its rounding decides how many pixels a level has.
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
        // The last one may lose a pixel to rounding.
        .filter(|level| level.width.min(level.height) >= WINDOW)
}

/// Resizes pictures bilinearly, from corner to corner, as SeetaFace does.
#[derive(Debug, Default)]
pub(super) struct Resizer {
    across: Axis,
    down: Axis,
}

impl Resizer {
    /// Fills `out`, rows of `width`, from `pixels`, rows of `stride` of which `from.0` pixels are used and `from.1` rows. All
    /// sides are at least 2.
    pub(super) fn resize(
        &mut self,
        kernels: &Kernels,
        pixels: &[u8],
        stride: usize,
        from: (usize, usize),
        width: usize,
        out: &mut [u8],
    ) {
        let height = out.len() / width;
        self.across.set(from.0, width);
        // A window is as high as it is wide.
        if (from.1, height) == (from.0, width) {
            self.down.clone_from(&self.across);
        } else {
            self.down.set(from.1, height);
        }
        let Axis { index, before, after } = &self.down;
        for (((out, &index), &before), &after) in out.chunks_exact_mut(width).zip(index).zip(before).zip(after) {
            // With what comes after the row: a kernel may read more than it uses.
            let row = |y: usize| &pixels[y * stride..];
            let index = index as usize;
            (kernels.blend_row)([row(index), row(index + 1)], [before, after], &self.across, out);
        }
    }
}
