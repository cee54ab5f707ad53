//! The later levels of the funnel: networks that look at single windows and move them.

use super::SAME_WINDOW;
use super::mlp::{Activations, Mlp, Verdict};
use super::model::Branch;
use super::nms::{self, Candidate};
use super::pyramid::Resizer;
use super::surf::{self, DIMENSIONS, WINDOW};
use crate::detect::LumaView;
use crate::kernels::{Kernels, SurfPlane};

/// Overlap above which windows are the same face in the end.
const SAME_FACE: f32 = 0.3;

/// Buffers for looking at windows.
#[derive(Debug)]
pub(super) struct Refiner {
    resizer: Resizer,
    /// A window that reaches out of the picture, with black around it.
    padded: Vec<u8>,
    window: Box<[u8; WINDOW * WINDOW]>,
    plane: SurfPlane,
    activations: Activations,
    /// Lists that the next level will read.
    next: Vec<Vec<Candidate>>,
}

impl Refiner {
    pub(super) fn new() -> Refiner {
        Refiner {
            resizer: Resizer::default(),
            padded: Vec::new(),
            window: Box::new([0; WINDOW * WINDOW]),
            plane: SurfPlane::new(),
            activations: Activations::default(),
            next: Vec::new(),
        }
    }

    /// Takes the lists of one level to the next.
    pub(super) fn refine(
        &mut self,
        kernels: &Kernels,
        branches: &[Branch],
        is_last: bool,
        luma: LumaView<'_>,
        lists: &mut Vec<Vec<Candidate>>,
    ) {
        let mut next = std::mem::take(&mut self.next);
        next.resize_with(branches.len(), Vec::new);
        for (branch, list) in branches.iter().zip(&mut next) {
            list.clear();
            for &source in &branch.sources {
                list.extend_from_slice(&lists[source]);
            }
            let stages = branch.stages.len();
            for (stage, network) in branch.stages.iter().enumerate() {
                list.retain_mut(|candidate| self.look(kernels, network, luma, candidate));
                if stage + 1 < stages {
                    nms::merge(list, SAME_WINDOW);
                } else if is_last {
                    nms::merge(list, SAME_FACE);
                }
            }
        }
        self.next = std::mem::replace(lists, next);
    }

    /// Looks at one window and moves it to its face. False when there is none.
    fn look(&mut self, kernels: &Kernels, network: &Mlp, luma: LumaView<'_>, candidate: &mut Candidate) -> bool {
        if !self.cut(kernels, luma, *candidate) {
            return false;
        }
        // The published detector forgets how far a window reached out of the picture to the left and the top.
        candidate.x = candidate.x.max(0);
        candidate.y = candidate.y.max(0);
        (kernels.surf_sums)(&self.window, network.rows, &mut self.plane);
        let features = &mut self.activations.now;
        features.resize(network.patches.len() * DIMENSIONS, 0.0);
        surf::describe(&network.patches, &self.plane, features);
        let Verdict { score, right, down, larger } = network.judge(kernels, &mut self.activations);
        if score <= network.threshold {
            return false;
        }
        let Candidate { x, y, side, .. } = *candidate;
        let (x, y, side) = (x as f32, y as f32, side as f32);
        let larger = ((larger * 2.0 - 1.0) * side + side + 0.5).floor();
        let place = |moved: f32, from: f32| ((moved * 2.0 - 1.0) * side + from + (side - larger) * 0.5 + 0.5).floor();
        *candidate = Candidate::new(place(right, x) as i32, place(down, y) as i32, larger as u32, score.into());
        true
    }

    /// Brings a window to 40x40 pixels. False for one that lies outside the picture or has no inside.
    fn cut(&mut self, kernels: &Kernels, luma: LumaView<'_>, candidate: Candidate) -> bool {
        let (width, height) = (luma.size().width as usize, luma.size().height as usize);
        let side = candidate.side as usize;
        let inside = |from: i32, length: usize| {
            let before = usize::try_from(-i64::from(from)).unwrap_or(0).min(side);
            let from = usize::try_from(from).unwrap_or(0).min(length);
            let count = (side - before).min(length - from);
            (before, from, count)
        };
        let (left, x, columns) = inside(candidate.x, width);
        let (above, y, rows) = inside(candidate.y, height);
        if side < 2 || columns == 0 || rows == 0 {
            return false;
        }
        let corner = &luma.pixels()[y * width + x..];
        let (pixels, stride) = if (columns, rows) == (side, side) {
            (corner, width)
        } else {
            self.padded.clear();
            self.padded.resize(side * side, 0);
            let targets = self.padded[above * side..].chunks_exact_mut(side);
            for (target, source) in targets.zip(corner.chunks(width)).take(rows) {
                target[left..left + columns].copy_from_slice(&source[..columns]);
            }
            (&self.padded[..], side)
        };
        if side == WINDOW {
            for (target, source) in self.window.chunks_exact_mut(WINDOW).zip(pixels.chunks(stride)) {
                target.copy_from_slice(&source[..WINDOW]);
            }
        } else {
            self.resizer.resize(kernels, pixels, stride, (side, side), WINDOW, &mut self.window[..]);
        }
        true
    }
}
