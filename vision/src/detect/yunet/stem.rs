//! The first convolution, from a picture to sixteen channels at half its size.

use super::layer::Source;
use super::weights::COLOURS;
use crate::kernels::{Cell, Inputs, Kernels, Mix};

/// Three rows of a picture as floats, colour by colour, and the row of cells that the convolution makes of them.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The three colours of each of three rows, with a black pixel in front of each.
    values: Vec<f32>,
    /// Length of one colour of a row.
    length: usize,
    cells: Vec<Cell>,
}

/// A picture whose rows go through the first convolution when the next layer asks for them.
pub(super) struct Stem<'a, F> {
    kernels: &'static Kernels,
    layer: &'a Mix,
    rows: &'a mut Rows,
    /// Width and height of the picture. Everything to the right of the picture and below it is black.
    size: (usize, usize),
    row: F,
}

impl<'a, F: FnMut(usize, [&mut [f32]; COLOURS])> Stem<'a, F> {
    /// Wraps a picture of `size` for a network that is `padded` pixels wide. `row` fills the slices that it is given with blue,
    /// green and red of a row.
    pub(super) fn new(
        kernels: &'static Kernels,
        layer: &'a Mix,
        rows: &'a mut Rows,
        size: (usize, usize),
        padded: usize,
        row: F,
    ) -> Self {
        rows.length = padded + 1;
        rows.values.clear();
        rows.values.resize(3 * COLOURS * rows.length, 0.0);
        rows.cells.resize(padded / 2, Cell::ZERO);
        Stem { kernels, layer, rows, size, row }
    }

    /// Puts row `y` of the picture at `place`, 0 to 2, of the three rows.
    fn fill(&mut self, place: usize, y: usize) {
        let (width, height) = self.size;
        let Rows { values, length, .. } = &mut *self.rows;
        let row = &mut values[place * COLOURS * *length..][..COLOURS * *length];
        if y < height {
            let mut colours = row.chunks_exact_mut(*length).map(|colour| &mut colour[1..=width]);
            (self.row)(y, std::array::from_fn(|_| colours.next().expect("a row has this many colours")));
        } else {
            row.fill(0.0);
        }
    }
}

impl<F: FnMut(usize, [&mut [f32]; COLOURS])> Source for Stem<'_, F> {
    fn inputs(&mut self, y: usize) -> Inputs<'_> {
        // The row above is the last row of the previous call, or black.
        let row = COLOURS * self.rows.length;
        self.rows.values.copy_within(2 * row.., 0);
        self.fill(1, 2 * y);
        self.fill(2, 2 * y + 1);
        let Rows { values, length, cells } = &mut *self.rows;
        (self.kernels.convolve.mix)(self.layer, Inputs { values, apart: *length, step: 2 }, cells);
        Inputs { values: Cell::floats(cells), apart: 0, step: Cell::CHANNELS }
    }
}
