//! The pictures that go from layer to layer.

use crate::kernels::{Cell, Inputs};

/// All channels of a picture, sixteen at a time. A block holds a cell for each pixel, row by row, and one block follows another.
#[derive(Debug, Default)]
pub(super) struct Map {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) blocks: usize,
    cells: Vec<Cell>,
}

impl Map {
    /// Makes room for a picture. The values of its cells are then undefined.
    pub(super) fn reshape(&mut self, width: usize, height: usize, blocks: usize) {
        (self.width, self.height, self.blocks) = (width, height, blocks);
        self.cells.resize(width * height * blocks, Cell::ZERO);
    }

    pub(super) fn row(&self, block: usize, y: usize) -> &[Cell] {
        &self.cells[(block * self.height + y) * self.width..][..self.width]
    }

    pub(super) fn row_mut(&mut self, block: usize, y: usize) -> &mut [Cell] {
        &mut self.cells[(block * self.height + y) * self.width..][..self.width]
    }

    /// Returns all channels of a row in the form that a 1x1 convolution takes.
    pub(super) fn inputs(&self, y: usize) -> Inputs<'_> {
        Inputs {
            values: Cell::floats(&self.cells[y * self.width..]),
            apart: self.height * self.width * Cell::CHANNELS,
            step: Cell::CHANNELS,
        }
    }
}
