//! The data that the kernels of a convolutional network work on.

/// Sixteen channels of one pixel, which are a cache line, two registers of AVX2 or four of NEON.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Cell(pub(crate) [f32; Cell::CHANNELS]);

impl Cell {
    pub(crate) const CHANNELS: usize = 16;
    pub(crate) const ZERO: Cell = Cell([0.0; Cell::CHANNELS]);

    /// Returns all channels of all pixels of a row as one slice.
    pub(crate) fn floats(cells: &[Cell]) -> &[f32] {
        // SAFETY: a cell is sixteen floats and nothing else, and lives as long as the slice does.
        unsafe { std::slice::from_raw_parts(cells.as_ptr().cast(), cells.len() * Cell::CHANNELS) }
    }
}

/// The inputs of a [`Mix`] for a row of pixels: tap `t` of strip `s` for pixel `x` is `values[s * apart + x * step + t]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inputs<'a> {
    pub(crate) values: &'a [f32],
    /// Distance from a strip to the next.
    pub(crate) apart: usize,
    /// Distance from a pixel to the next.
    pub(crate) step: usize,
}

/// A convolution in which every output channel depends on every input: a 1x1 convolution or, with strips for the rows of the
/// kernel and taps for its columns, one with a larger kernel. The outputs are one cell a pixel.
#[derive(Clone, Debug)]
pub(crate) struct Mix {
    /// Number of runs of neighbouring inputs that a pixel needs.
    pub(crate) strips: usize,
    /// Number of inputs in each run.
    pub(crate) taps: usize,
    /// Weights of each tap of each strip, one for each output.
    pub(crate) weights: Vec<Cell>,
    pub(crate) bias: Cell,
    /// Lower bound of the outputs: 0 for ReLU, minus infinity for none.
    pub(crate) least: f32,
}

impl Mix {
    /// Checks that there are weights for all inputs, and inputs for `pixels` pixels.
    ///
    /// # Panics
    /// When some are missing.
    pub(super) fn check(&self, inputs: Inputs<'_>, pixels: usize) {
        // Unsafe reads rest on this check, so nothing here may wrap.
        assert_eq!(Some(self.weights.len()), self.strips.checked_mul(self.taps), "weights of {} strips", self.strips);
        let from = |count: usize, apart: usize| count.checked_sub(1)?.checked_mul(apart);
        let reach = from(self.strips, inputs.apart)
            .zip(from(pixels, inputs.step))
            .and_then(|(strips, pixels)| strips.checked_add(pixels)?.checked_add(self.taps));
        assert!(reach.is_some_and(|reach| reach <= inputs.values.len()), "inputs for {pixels} pixels");
    }
}

/// A 3x3 depthwise convolution, which works on each channel by itself.
#[derive(Clone, Debug)]
pub(crate) struct Depthwise {
    /// Weights of the kernel, row by row.
    pub(crate) weights: [Cell; 9],
    pub(crate) bias: Cell,
    /// Lower bound of the outputs: 0 for ReLU, minus infinity for none.
    pub(crate) least: f32,
}
