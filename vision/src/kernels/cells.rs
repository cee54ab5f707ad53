//! What the kernels of a convolutional network work on.

/// Sixteen channels of one pixel: a cache line, two registers of AVX2, four of NEON.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Cell(pub(crate) [f32; Cell::CHANNELS]);

impl Cell {
    pub(crate) const CHANNELS: usize = 16;
    pub(crate) const ZERO: Cell = Cell([0.0; Cell::CHANNELS]);

    /// All channels of all pixels in a row.
    pub(crate) fn floats(cells: &[Cell]) -> &[f32] {
        // SAFETY: a cell is sixteen floats and nothing else, and lives as long as the slice does.
        unsafe { std::slice::from_raw_parts(cells.as_ptr().cast(), cells.len() * Cell::CHANNELS) }
    }
}

/// Where a [`Mix`] finds the inputs of a row of pixels: tap `t` of strip `s` for pixel `x` is
/// `values[s * apart + x * step + t]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inputs<'a> {
    pub(crate) values: &'a [f32],
    /// From a strip to the next.
    pub(crate) apart: usize,
    /// From a pixel to the next.
    pub(crate) step: usize,
}

/// Every output channel from every input: a 1x1 convolution, or, with strips for the rows and taps for the columns, one
/// with a larger kernel. The outputs are one cell a pixel.
#[derive(Clone, Debug)]
pub(crate) struct Mix {
    /// Runs of inputs that stand beside each other.
    pub(crate) strips: usize,
    /// Inputs of a run.
    pub(crate) taps: usize,
    /// For each tap of each strip, its share in each output.
    pub(crate) weights: Vec<Cell>,
    pub(crate) bias: Cell,
    /// No output is below: 0 for ReLU, minus infinity for none.
    pub(crate) least: f32,
}

impl Mix {
    /// Makes sure that there are weights for all inputs, and inputs for all of so many pixels.
    ///
    /// # Panics
    /// When there are not.
    pub(super) fn check(&self, inputs: Inputs<'_>, pixels: usize) {
        // What is read rests on this, so nothing here may wrap.
        assert_eq!(Some(self.weights.len()), self.strips.checked_mul(self.taps), "weights of {} strips", self.strips);
        let from = |count: usize, apart: usize| count.checked_sub(1)?.checked_mul(apart);
        let reach = from(self.strips, inputs.apart)
            .zip(from(pixels, inputs.step))
            .and_then(|(strips, pixels)| strips.checked_add(pixels)?.checked_add(self.taps));
        assert!(reach.is_some_and(|reach| reach <= inputs.values.len()), "inputs for {pixels} pixels");
    }
}

/// A 3x3 convolution of each channel by itself.
#[derive(Clone, Debug)]
pub(crate) struct Depthwise {
    /// Row by row.
    pub(crate) weights: [Cell; 9],
    pub(crate) bias: Cell,
    /// No output is below: 0 for ReLU, minus infinity for none.
    pub(crate) least: f32,
}
