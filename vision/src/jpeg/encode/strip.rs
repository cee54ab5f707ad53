//! A few lines of a plane, extended to whole pairs of blocks.

use crate::kernels::{Kernels, Pair, Quantiser};
use crate::raster::Raster;

/// Width of two blocks, which are transformed together.
const WIDTH: usize = 16;

/// The lines of one row of MCUs.
pub(super) struct Strip {
    pixels: Vec<u8>,
    stride: usize,
}

impl Strip {
    pub(super) const fn new() -> Self {
        Strip { pixels: Vec::new(), stride: 0 }
    }

    /// Copies `lines` lines of `plane` from `top` on. Pixels outside of the plane repeat the nearest one inside: the last pixel
    /// of a line, or the last line.
    pub(super) fn fill(&mut self, plane: &Raster, top: usize, lines: usize) {
        let width = plane.size.width as usize;
        self.stride = width.next_multiple_of(WIDTH);
        self.pixels.resize(self.stride * lines, 0);
        let last = plane.size.height as usize - 1;
        for (y, to) in self.pixels.chunks_exact_mut(self.stride).enumerate() {
            let from = &plane.pixels[(top + y).min(last) * width..][..width];
            let (inside, outside) = to.split_at_mut(width);
            inside.copy_from_slice(from);
            outside.fill(from[width - 1]);
        }
    }

    /// Transforms and quantises pair number `pair` of blocks from the left, from line `top` on.
    pub(super) fn transform(&self, kernels: &Kernels, quantiser: &Quantiser, pair: usize, top: usize, out: &mut Pair) {
        let pixels = &self.pixels[top * self.stride + pair * WIDTH..];
        (kernels.forward_dct)(pixels, self.stride, quantiser, out);
    }
}
