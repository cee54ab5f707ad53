//! The network as a whole.
//!
//! The design is that of W. Wu, H. Peng, S. Yu, "YuNet: a tiny millisecond-level face detector", Machine Intelligence Research
//! 20, 2023. Each stage of the backbone halves the picture. The outputs of the last three, at an eighth, a sixteenth and a
//! thirty-second of the picture's size, are added up from the coarsest to the finest; and at each of these sizes four heads say
//! for every cell whether there is a face, and where.

use std::sync::Arc;

use super::layer::{Layer, Pair, Pool, Ring, Source};
use super::map::Map;
use super::stem::{Rows, Stem};
use super::weights::{COLOURS, Weights};
use crate::kernels::Kernels;
use crate::raster::GIVE_BACK;

/// Pixels of the picture from a cell to the next, for each of the heads' outputs.
pub(super) const STRIDES: [usize; 3] = [8, 16, 32];

/// Returns a side of the picture padded for the network: both sides of what the network sees are a multiple of the largest
/// stride.
pub(super) fn padded(length: usize) -> usize {
    length.next_multiple_of(STRIDES[2])
}

/// The layers, and memory for the pictures that go between them.
#[derive(Debug)]
pub(super) struct Network {
    weights: Arc<Weights>,
    tools: Tools,
    /// Pixels of the largest picture for which there is memory.
    largest: usize,
    rows: Rows,
    /// Pictures that the layers of a chain read and write in turn.
    turns: [Map; 2],
    /// Outputs of stages 3 to 5. Later the coarser outputs are added to the finer ones.
    seen: [Map; 3],
    /// Outputs of the necks, which are layers between the stages and the heads.
    necks: [Map; 3],
    /// Outputs of the heads, with a cell for each place in the picture: class, objectness, box (4), landmarks (10).
    heads: [Map; 3],
}

/// Kernels and buffers that every layer uses.
#[derive(Debug)]
struct Tools {
    kernels: &'static Kernels,
    ring: Ring,
    pair: Pair,
}

impl Tools {
    fn apply(&mut self, layer: &Layer, from: &Map, to: &mut Map) {
        to.reshape(from.width, from.height, layer.blocks.len());
        layer.run(self.kernels, (from.width, from.height), &mut &*from, &mut self.ring, to);
    }

    /// Runs a layer and halves its output on the way, so that the full size is never stored.
    fn apply_halved(&mut self, layer: &Layer, (width, height): (usize, usize), from: &mut impl Source, to: &mut Map) {
        to.reshape(width / 2, height / 2, layer.blocks.len());
        let mut pool = Pool::new(self.kernels, &mut self.pair, to);
        layer.run(self.kernels, (width, height), from, &mut self.ring, &mut pool);
    }

    fn halve(&self, from: &Map, to: &mut Map) {
        to.reshape(from.width / 2, from.height / 2, from.blocks);
        for block in 0..to.blocks {
            for y in 0..to.height {
                let rows = [2 * y, 2 * y + 1].map(|y| from.row(block, y));
                (self.kernels.convolve.pool)(rows, to.row_mut(block, y));
            }
        }
    }

    fn add_doubled(&self, coarse: &Map, fine: &mut Map) {
        for block in 0..fine.blocks {
            for y in 0..fine.height {
                (self.kernels.convolve.add_doubled)(coarse.row(block, y / 2), fine.row_mut(block, y));
            }
        }
    }
}

impl Network {
    pub(super) fn new(weights: Arc<Weights>, kernels: &'static Kernels) -> Network {
        Network {
            weights,
            largest: 0,
            tools: Tools { kernels, ring: Ring::default(), pair: Pair::default() },
            rows: Rows::default(),
            turns: Default::default(),
            seen: Default::default(),
            necks: Default::default(),
            heads: Default::default(),
        }
    }

    /// Runs the network on a picture of `width` times `height` pixels, neither of them zero, and returns a map for each of
    /// [`STRIDES`]. `row` is called for every row from the top, and fills the slices that it is given with blue, green and red, 0
    /// to 255.
    pub(super) fn run(
        &mut self,
        (width, height): (usize, usize),
        row: impl FnMut(usize, [&mut [f32]; COLOURS]),
    ) -> &[Map; 3] {
        let size = (padded(width), padded(height));
        if self.largest / GIVE_BACK > size.0 * size.1 {
            *self = Network::new(Arc::clone(&self.weights), self.tools.kernels);
        }
        self.largest = self.largest.max(size.0 * size.1);
        let Network { weights, tools, rows, turns: [a, b], seen, necks, heads, .. } = self;
        let mut stem = Stem::new(tools.kernels, &weights.stem, rows, (width, height), size.0, row);
        let [stage0, stage1a, stage1b, stage2a, stage2b] = &weights.fine;
        tools.apply_halved(stage0, (size.0 / 2, size.1 / 2), &mut stem, a);
        tools.apply(stage1a, a, b);
        tools.apply(stage1b, b, a);
        tools.apply(stage2a, a, b);
        tools.apply_halved(stage2b, (b.width, b.height), &mut &*b, a);
        for (level, [first, second]) in weights.coarse.iter().enumerate() {
            tools.apply(first, a, b);
            tools.apply(second, b, &mut seen[level]);
            if level + 1 < seen.len() {
                tools.halve(&seen[level], a);
            }
        }
        for (level, neck) in (0..necks.len()).rev().zip(&weights.necks) {
            if let Some(coarser) = necks.get(level + 1) {
                tools.add_doubled(coarser, &mut seen[level]);
            }
            tools.apply(neck, &seen[level], &mut necks[level]);
        }
        for ((layer, neck), head) in weights.heads.iter().zip(&*necks).zip(&mut *heads) {
            tools.apply(layer, neck, head);
        }
        heads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_huge_picture_does_not_hold_its_memory() {
        let mut network = Network::new(Weights::published().unwrap(), Kernels::best());
        let mut largest = |side| {
            network.run((side, side), |_, _| ());
            network.largest
        };
        assert_eq!(largest(512), 512 * 512);
        assert_eq!(largest(128), 512 * 512, "kept for the next");
        assert_eq!(largest(96), 96 * 96, "given back");
    }
}
