//! The first level of the funnel: every window of every picture of the pyramid.

use super::boosted::Boosted;
use super::nms::Candidate;
use super::pyramid::Level;
use super::surf::WINDOW;
use crate::kernels::{Kernels, Sieve};

/// Local binary codes of a picture, ordered for windows that are `step` pixels apart: the codes of every `step`-th pixel of a
/// row stand side by side, so that the codes at one place of all windows of a row do.
#[derive(Debug, Default)]
pub(super) struct CodeMap {
    codes: Vec<u8>,
    step: usize,
    /// Length of a run of codes that stand side by side, with room behind it for a vector that begins inside.
    run: usize,
    sums: Vec<u16>,
    row: Vec<u8>,
}

/// Pixels that a code covers each way.
const CODE: usize = 9;
/// Pixels that a sum covers each way.
const BOX: usize = 3;

impl CodeMap {
    /// Works out the codes of a picture.
    pub(super) fn fill(&mut self, kernels: &Kernels, pixels: &[u8], level: Level, step: usize) {
        let Level { width, height, .. } = level;
        self.step = step;
        self.run = width.div_ceil(step) + Sieve::BLOCK;
        self.codes.resize(height * step * self.run, 0);
        // Sums of rows y to y + 6 are needed for the codes of row y: seven rows are kept.
        const KEPT: usize = CODE - BOX + 1;
        let sums = width - BOX + 1;
        self.sums.resize(KEPT * sums, 0);
        self.row.resize(width - CODE + 1, 0);
        for y in 0..=height - BOX {
            let row = |y: usize| &pixels[y * width..][..width];
            let slot = y % KEPT;
            (kernels.box_row)([row(y), row(y + 1), row(y + 2)], &mut self.sums[slot * sums..][..sums]);
            let Some(top) = y.checked_sub(CODE - BOX) else { continue };
            let sums = |y: usize| &self.sums[y % KEPT * sums..][..sums];
            (kernels.code_row)([sums(top), sums(top + BOX), sums(top + 2 * BOX)], &mut self.row);
            let mut runs = self.codes[top * step * self.run..].chunks_exact_mut(self.run);
            if step == 4 {
                let runs = [(); 4].map(|()| runs.next().expect("a row has as many runs as a step has pixels"));
                (kernels.split4)(&self.row, runs);
                continue;
            }
            for (phase, run) in runs.take(step).enumerate() {
                for (to, from) in run.iter_mut().zip(self.row.iter().skip(phase).step_by(step)) {
                    *to = *from;
                }
            }
        }
    }

    /// Where the code at a place of the window is, counted from that of the window's corner.
    fn offset(&self, x: u8, y: u8) -> usize {
        let (x, y) = (usize::from(x), usize::from(y));
        (y * self.step + x % self.step) * self.run + x / self.step
    }
}

/// Looks at all windows of a picture.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// Where each weak classifier of a cascade finds its code.
    offsets: Vec<u32>,
}

impl Scanner {
    /// Adds the windows that pass `cascade` to `found`, in pixels of the whole picture: those at every `map.step`-th place to
    /// the right and every `down`-th down.
    pub(super) fn scan(
        &mut self,
        kernels: &Kernels,
        cascade: &Boosted,
        (pixels, level, map): (&[u8], Level, &CodeMap),
        down: usize,
        found: &mut Vec<Candidate>,
    ) {
        self.offsets.clear();
        self.offsets.extend(cascade.places.iter().map(|&(x, y)| map.offset(x, y) as u32));
        let windows = (level.width - WINDOW) / map.step + 1;
        let mut sums = [0; Sieve::BLOCK];
        for y in (0..=level.height - WINDOW).step_by(down) {
            let row = &map.codes[y * map.step * map.run..];
            for block in (0..windows).step_by(Sieve::BLOCK) {
                let codes = &row[block..];
                let left = (kernels.sift)(&cascade.sieve, codes, &self.offsets, &mut sums);
                for k in bits(left).take_while(|k| block + k < windows) {
                    let x = (block + k) * map.step;
                    let codes = &codes[k..];
                    if !cascade.may_pass(sums[k], codes, &self.offsets)
                        || is_flat(kernels, &pixels[y * level.width + x..], level.width)
                    {
                        continue;
                    }
                    if let Some(score) = cascade.score(codes, &self.offsets) {
                        found.push(level.candidate(x, y, score));
                    }
                }
            }
        }
    }
}

/// The numbers of the bits that are set.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(lowest)
    })
}

/// Whether the brightness of a window, from its corner on, varies by no more than a standard deviation of 10.
fn is_flat(kernels: &Kernels, pixels: &[u8], stride: usize) -> bool {
    const LEAST: f64 = 10.0;
    let (sum, squares) = (kernels.moments)(pixels, stride);
    let area = (WINDOW * WINDOW) as f64;
    let mean = f64::from(sum) / area;
    let deviation = (f64::from(squares) / area - mean * mean).sqrt();
    // Rounding below zero makes a deviation that is not a number; it is that of a flat window.
    deviation.is_nan() || deviation <= LEAST
}
