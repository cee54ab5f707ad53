//! The first level of the funnel: every window of every picture of the pyramid.

use super::boosted::Boosted;
use super::nms::Candidate;
use super::pyramid::Level;
use super::surf::WINDOW;
use crate::kernels::Kernels;

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
        self.run = width.div_ceil(step) + 32;
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
            let runs = self.codes[top * step * self.run..].chunks_exact_mut(self.run);
            for (phase, run) in runs.take(step).enumerate() {
                for (to, from) in run.iter_mut().zip(self.row[phase..].iter().step_by(step)) {
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

/// A cascade made ready for one picture of the pyramid.
#[derive(Debug, Default)]
pub(super) struct Places {
    offsets: Vec<usize>,
}

pub(super) static COUNT: [std::sync::atomic::AtomicU64; 24] = [const { std::sync::atomic::AtomicU64::new(0) }; 24];

impl Places {
    pub(super) fn scan(&mut self, cascade: &Boosted, map: &CodeMap, pixels: &[u8], level: Level, down: usize, found: &mut Vec<Candidate>) {
        self.offsets.clear();
        self.offsets.extend(cascade.weak.iter().map(|weak| map.offset(weak.x, weak.y)));
        for y in (0..=level.height - WINDOW).step_by(down) {
            let row = &map.codes[y * map.step * map.run..];
            for k in 0..=(level.width - WINDOW) / map.step {
                let Some(score) = self.sum(cascade, &row[k..]) else { continue };
                let x = k * map.step;
                if is_flat(pixels, level.width, x, y) {
                    continue;
                }
                let back = |place: usize| (place as f32 / level.scale + 0.5) as i32;
                let side = (WINDOW as f32 / level.scale + 0.5) as u32;
                found.push(Candidate::new(back(x), back(y), side, score.into()));
            }
        }
    }

    fn sum(&self, cascade: &Boosted, codes: &[u8]) -> Option<f32> {
        let mut score = 0.0;
        let groups = cascade.weak.chunks_exact(Boosted::GROUP).zip(self.offsets.chunks_exact(Boosted::GROUP));
        for (g, ((weak, offsets), threshold)) in groups.zip(&cascade.thresholds).enumerate() {
            COUNT[g].fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            for (weak, &offset) in weak.iter().zip(offsets) {
                score += weak.weights[usize::from(codes[offset])];
            }
            if score < *threshold {
                return None;
            }
        }
        Some(score)
    }
}

/// Whether a window's brightness varies by no more than a standard deviation of 10.
fn is_flat(pixels: &[u8], stride: usize, x: usize, y: usize) -> bool {
    const LEAST: f64 = 10.0;
    let (mut sum, mut squares) = (0, 0);
    for row in pixels[y * stride + x..].chunks(stride).take(WINDOW) {
        for &pixel in &row[..WINDOW] {
            sum += u32::from(pixel);
            squares += u32::from(pixel) * u32::from(pixel);
        }
    }
    let area = (WINDOW * WINDOW) as f64;
    let mean = f64::from(sum) / area;
    // Not a number, for rounding below zero, is flat too.
    !((f64::from(squares) / area - mean * mean).sqrt() > LEAST)
}
