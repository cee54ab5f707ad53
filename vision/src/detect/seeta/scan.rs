//! The first tier of the funnel, which looks at every window of every picture of the pyramid.

use super::boosted::Boosted;
use super::nms::Candidate;
use super::pyramid::Level;
use super::surf::WINDOW;
use crate::kernels::{Kernels, Sieve};

/// The local binary codes of a picture, in an order that suits windows that are some pixels apart: there is a plane for each
/// place that a pixel can have between two windows. So the codes at one place of all windows stand side by side, row after row.
#[derive(Debug, Default)]
pub(super) struct CodeMap {
    codes: Vec<u8>,
    /// Distance from a window to the next, in pixels, right and down.
    step: (usize, usize),
    /// Codes in a row of a plane.
    columns: usize,
    /// Length of a plane: its codes, and room for a block of windows that begins with the last one.
    plane: usize,
    /// Sums of 3x3 pixels, of which only the last rows are kept.
    sums: Vec<u16>,
    row: Vec<u8>,
}

/// Side of the square of pixels that a code covers.
const CODE: usize = 9;
/// Side of the square of pixels that a sum covers.
const BOX: usize = 3;

impl CodeMap {
    /// Computes the codes of a picture.
    pub(super) fn fill(&mut self, kernels: &Kernels, pixels: &[u8], level: Level, step: (usize, usize)) {
        let Level { width, height, .. } = level;
        self.step = step;
        self.columns = width.div_ceil(step.0);
        self.plane = self.columns * height.div_ceil(step.1) + Sieve::BLOCK;
        self.codes.resize(self.plane * step.0 * step.1, 0);
        // A code needs the sums of its own row and of the rows 3 and 6 below.
        const KEPT: usize = CODE - BOX + 1;
        let sums = width - BOX + 1;
        self.sums.resize(KEPT * sums, 0);
        self.row.resize(width - CODE + 1, 0);
        for y in 0..=height - BOX {
            let row = |y: usize| &pixels[y * width..][..width];
            (kernels.box_row)([row(y), row(y + 1), row(y + 2)], &mut self.sums[y % KEPT * sums..][..sums]);
            let Some(top) = y.checked_sub(CODE - BOX) else { continue };
            let sums = |y: usize| &self.sums[y % KEPT * sums..][..sums];
            (kernels.code_row)([sums(top), sums(top + BOX), sums(top + 2 * BOX)], &mut self.row);
            self.deal(kernels, top);
        }
    }

    /// Distributes the codes of row `y` to their planes.
    fn deal(&mut self, kernels: &Kernels, y: usize) {
        let (across, down) = self.step;
        let start = y / down * self.columns;
        let planes = self.codes[y % down * across * self.plane..].chunks_exact_mut(self.plane);
        let mut runs = planes.map(|plane| &mut plane[start..start + self.columns]);
        if across == 4 {
            let runs = [(); 4].map(|()| runs.next().expect("there are `across` planes for each of `down` rows"));
            return (kernels.split4)(&self.row, runs);
        }
        for (phase, run) in runs.take(across).enumerate() {
            for (to, from) in run.iter_mut().zip(self.row.iter().skip(phase).step_by(across)) {
                *to = *from;
            }
        }
    }

    /// Returns where the code at place (`x`, `y`) of the first window is. The code of window `i` is `i` further.
    fn offset(&self, x: u8, y: u8) -> usize {
        let ((x, y), (across, down)) = ((usize::from(x), usize::from(y)), self.step);
        (y % down * across + x % across) * self.plane + y / down * self.columns + x / across
    }
}

/// Looks at all windows of a picture.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// Places of the codes that the weak classifiers of a cascade look at.
    offsets: Vec<u32>,
}

impl Scanner {
    /// Adds the windows that pass `cascade` to `found`, in pixels of the whole picture.
    pub(super) fn scan(
        &mut self,
        kernels: &Kernels,
        cascade: &Boosted,
        (pixels, level, map): (&[u8], Level, &CodeMap),
        found: &mut Vec<Candidate>,
    ) {
        self.offsets.clear();
        let offset = |&(x, y)| u32::try_from(map.offset(x, y)).expect("a picture of gigapixels does not come this far");
        self.offsets.extend(cascade.places.iter().map(offset));
        let columns = (level.width - WINDOW) / map.step.0 + 1;
        let rows = (level.height - WINDOW) / map.step.1 + 1;
        let windows = (rows - 1) * map.columns + columns;
        let mut sums = [0; Sieve::BLOCK];
        for block in (0..windows).step_by(Sieve::BLOCK) {
            let codes = &map.codes[block..];
            let left = (kernels.sift)(&cascade.sieve, codes, &self.offsets, &mut sums);
            for k in bits(left) {
                let (row, column) = ((block + k) / map.columns, (block + k) % map.columns);
                // A block continues beyond the end of a row, where there is no window.
                if column >= columns || row >= rows || !cascade.may_pass(sums[k], &codes[k..], &self.offsets) {
                    continue;
                }
                let (x, y) = (column * map.step.0, row * map.step.1);
                if is_flat(kernels, &pixels[y * level.width + x..], level.width) {
                    continue;
                }
                if let Some(score) = cascade.score(&codes[k..], &self.offsets) {
                    found.push(level.candidate(x, y, score));
                }
            }
        }
    }
}

/// Yields the numbers of the bits that are set, from the lowest.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(lowest)
    })
}

/// Returns whether a window is too flat to be a face: the standard deviation of its brightness is at most 10. `pixels` begin at
/// the window's corner.
fn is_flat(kernels: &Kernels, pixels: &[u8], stride: usize) -> bool {
    const LEAST: f64 = 10.0;
    let (sum, squares) = (kernels.moments)(pixels, stride);
    let area = (WINDOW * WINDOW) as f64;
    let mean = f64::from(sum) / area;
    let deviation = (f64::from(squares) / area - mean * mean).sqrt();
    // Rounding below zero gives NaN as the deviation, which is that of a flat window.
    deviation.is_nan() || deviation <= LEAST
}
