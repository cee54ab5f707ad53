//! The later tiers of the funnel: networks that look at single windows and move them.

use super::SAME_WINDOW;
use super::mlp::{Activations, Mlp, Verdict};
use super::model::Branch;
use super::nms::{self, Candidate};
use super::pyramid::Resizer;
use super::surf::{self, DIMENSIONS, WINDOW};
use crate::detect::PictureView;
use crate::kernels::{Kernels, SurfPlane};

/// Intersection over union above which windows mean the same face in the end.
const SAME_FACE: f32 = 0.3;

/// Buffers for looking at windows.
#[derive(Debug)]
pub(super) struct Refiner {
    resizer: Resizer,
    /// Rows of a window that reaches beyond the picture's border, with black outside.
    padded: Vec<u8>,
    window: Box<[u8; WINDOW * WINDOW]>,
    plane: SurfPlane,
    activations: Activations,
    /// Lists that the next tier will read.
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

    /// Runs one tier: turns the lists of the tier before into the lists of this tier.
    pub(super) fn refine(
        &mut self,
        kernels: &Kernels,
        branches: &[Branch],
        is_last: bool,
        picture: PictureView<'_>,
        lists: &mut Vec<Vec<Candidate>>,
    ) {
        let mut next = std::mem::take(&mut self.next);
        nms::grow(&mut next, branches.len());
        for (branch, list) in branches.iter().zip(&mut next) {
            list.clear();
            for &source in &branch.sources {
                list.extend_from_slice(&lists[source]);
            }
            list.truncate(nms::MOST);
            let stages = branch.stages.len();
            for (stage, network) in branch.stages.iter().enumerate() {
                list.retain_mut(|candidate| self.look(kernels, network, picture, candidate));
                if stage + 1 < stages {
                    nms::merge(list, SAME_WINDOW);
                } else if is_last {
                    nms::merge(list, SAME_FACE);
                }
            }
        }
        self.next = std::mem::replace(lists, next);
    }

    /// Looks at one window and moves it to its face. Returns false when there is no face.
    fn look(&mut self, kernels: &Kernels, network: &Mlp, picture: PictureView<'_>, candidate: &mut Candidate) -> bool {
        if !self.cut(kernels, picture, *candidate) {
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
        let is_face = score > network.threshold;
        if !is_face {
            return false;
        }
        let Candidate { x, y, side, .. } = *candidate;
        let (x, y, side) = (x as f32, y as f32, side as f32);
        let larger = ((larger * 2.0 - 1.0) * side + side + 0.5).floor();
        let place = |moved: f32, from: f32| ((moved * 2.0 - 1.0) * side + from + (side - larger) * 0.5 + 0.5).floor();
        *candidate = Candidate::new(place(right, x) as i32, place(down, y) as i32, larger as u32, score.into());
        true
    }

    /// Brings a window to 40x40 pixels, with black where it reaches beyond the picture's border. Returns false for a window that
    /// lies outside of the picture or is empty.
    fn cut(&mut self, kernels: &Kernels, picture: PictureView<'_>, Candidate { x, y, side, .. }: Candidate) -> bool {
        let size = picture.size();
        // The part of the window that is in the picture.
        let end = |from: i32, length: u32| (i64::from(from) + i64::from(side)).clamp(0, length.into()) as usize;
        let columns = x.max(0) as usize..end(x, size.width);
        let rows = y.max(0) as usize..end(y, size.height);
        // Networks may double a window each time. A window much larger than the picture is no face, and would take memory.
        let most = 4 * size.width.max(size.height);
        if !(2..=most).contains(&side) || columns.is_empty() || rows.is_empty() {
            return false;
        }
        let side = side as usize;
        self.resizer.prepare((side, side), (WINDOW, WINDOW));
        let width = size.width as usize;
        if (columns.len(), rows.len()) == (side, side) {
            let pixels = &picture.luma()[rows.start * width + columns.start..];
            self.resizer.fill(kernels, |_, y| [&pixels[y * width..], &pixels[(y + 1) * width..]], &mut self.window[..]);
            return true;
        }
        // Only the rows that are needed are copied, as a window may be larger than the picture.
        let left = x.min(0).unsigned_abs() as usize;
        self.padded.clear();
        self.padded.resize(2 * WINDOW * side, 0);
        let wanted = self.resizer.upper_rows().flat_map(|upper| [upper, upper + 1]);
        for (target, row) in self.padded.chunks_exact_mut(side).zip(wanted) {
            let row = i64::from(y) + row as i64;
            if let Some(row) = usize::try_from(row).ok().filter(|row| rows.contains(row)) {
                let source = &picture.luma()[row * width..][columns.clone()];
                target[left..left + source.len()].copy_from_slice(source);
            }
        }
        let pair = |i: usize| &self.padded[2 * i * side..];
        self.resizer.fill(kernels, |i, _| [pair(i), &pair(i)[side..]], &mut self.window[..]);
        true
    }
}
