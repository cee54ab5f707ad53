//! The one kind of layer that YuNet is made of: a 1x1 convolution, then a 3x3 depthwise one.
//!
//! Sixteen output channels are worked out at a time, row by row, and at most three rows are kept between the two convolutions, so
//! that they stay in the first cache.

use super::map::Map;
use crate::kernels::{Cell, Depthwise, Inputs, Kernels, Mix};

#[derive(Debug)]
pub(super) struct Layer {
    /// The two convolutions for each sixteen output channels.
    pub(super) blocks: Vec<(Mix, Depthwise)>,
}

/// The last three rows between the two convolutions, with a cell of zero padding at either end.
#[derive(Debug, Default)]
pub(super) struct Ring {
    rows: [Vec<Cell>; 3],
    /// Zero padding above the first row and below the last.
    padding: Vec<Cell>,
}

/// The input of a layer.
pub(super) trait Source {
    /// Returns all channels of row `y`. The layer asks for every row from the top, once for each sixteen output channels.
    fn inputs(&mut self, y: usize) -> Inputs<'_>;
}

/// The output of a layer.
pub(super) trait Sink {
    /// Returns the place for row `y` of a block of sixteen channels.
    fn row(&mut self, block: usize, y: usize) -> &mut [Cell];
    /// Takes note that the row is filled.
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
                    let row = |y: usize| if y < height { &ring.rows[y % 3][..] } else { &ring.padding };
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
        if self.padding.len() != width + 2 {
            for row in self.rows.iter_mut().chain([&mut self.padding]) {
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

/// Two rows of which each two by two cells become one.
pub(super) type Pair = [Vec<Cell>; 2];

/// A sink that halves each side of the picture on its way: of each four cells it keeps the largest value of every channel.
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
