//! The one kind of layer that YuNet is made of: a 1x1 convolution, then a 3x3 one of each channel by itself.
//!
//! Sixteen output channels are worked out at a time, row by row, and of what is between the two convolutions there are never
//! more than three rows: they stay in the processor's nearest memory.

use super::map::Map;
use crate::kernels::{Cell, Depthwise, Inputs, Kernels, Mix};

#[derive(Debug)]
pub(super) struct Layer {
    /// For each sixteen channels.
    pub(super) blocks: Vec<(Mix, Depthwise)>,
}

/// The rows between the two convolutions, with a cell of nothing at either end.
#[derive(Debug, Default)]
pub(super) struct Ring {
    rows: [Vec<Cell>; 3],
    /// Above the first row and below the last.
    nothing: Vec<Cell>,
}

/// Where a layer's input comes from.
pub(super) trait Source {
    /// All channels of a row. Each row is asked for once for each sixteen outputs, from the top.
    fn inputs(&mut self, y: usize) -> Inputs<'_>;
}

/// Where a layer's output goes to.
pub(super) trait Sink {
    /// Where the row is to be put.
    fn row(&mut self, block: usize, y: usize) -> &mut [Cell];
    /// It has been put there.
    fn done(&mut self, block: usize, y: usize);
}

impl Layer {
    /// Runs the layer on a picture of `height` rows of `width` pixels.
    pub(super) fn run(
        &self,
        kernels: &Kernels,
        (width, height): (usize, usize),
        source: &mut impl Source,
        ring: &mut Ring,
        sink: &mut impl Sink,
    ) {
        ring.reshape(width);
        for (block, (mix, depthwise)) in self.blocks.iter().enumerate() {
            for below in 0..=height {
                if below < height {
                    (kernels.convolve.mix)(mix, source.inputs(below), &mut ring.rows[below % 3][1..=width]);
                }
                if let Some(y) = below.checked_sub(1) {
                    let row = |y: usize| if y < height { &ring.rows[y % 3][..] } else { &ring.nothing };
                    let rows = [row(y.wrapping_sub(1)), row(y), row(below)];
                    (kernels.convolve.depthwise)(depthwise, rows, sink.row(block, y));
                    sink.done(block, y);
                }
            }
        }
    }
}

impl Ring {
    fn reshape(&mut self, width: usize) {
        if self.nothing.len() != width + 2 {
            for row in self.rows.iter_mut().chain([&mut self.nothing]) {
                row.clear();
                row.resize(width + 2, Cell::ZERO);
            }
        }
    }
}

impl Source for &Map {
    fn inputs(&mut self, y: usize) -> Inputs<'_> {
        Map::inputs(self, y)
    }
}

impl Sink for Map {
    fn row(&mut self, block: usize, y: usize) -> &mut [Cell] {
        self.row_mut(block, y)
    }

    fn done(&mut self, _: usize, _: usize) {}
}

/// Two rows of what is to be halved.
pub(super) type Pair = [Vec<Cell>; 2];

/// Halves each side of a picture on its way: the largest of each four pixels is left.
pub(super) struct Pool<'a> {
    kernels: &'static Kernels,
    pair: &'a mut Pair,
    out: &'a mut Map,
}

impl<'a> Pool<'a> {
    pub(super) fn new(kernels: &'static Kernels, pair: &'a mut Pair, out: &'a mut Map) -> Self {
        pair.iter_mut().for_each(|row| row.resize(2 * out.width, Cell::ZERO));
        Pool { kernels, pair, out }
    }
}

impl Sink for Pool<'_> {
    fn row(&mut self, _: usize, y: usize) -> &mut [Cell] {
        &mut self.pair[y % 2]
    }

    fn done(&mut self, block: usize, y: usize) {
        if y % 2 == 1 {
            let rows = self.pair.each_ref().map(|row| &row[..]);
            (self.kernels.convolve.pool)(rows, self.out.row_mut(block, y / 2));
        }
    }
}
