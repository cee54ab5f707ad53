//! The inner loops of this crate, in a version for each instruction set.
//!
//! [`scalar`] is plain Rust, runs everywhere, and is what the other tables are tested against. Every kernel of every table gives
//! the same bits for the same input, so a face does not depend on the machine that found it. The kernels of [`Convolve`] are the
//! exception: they add up hundreds of products, where fused multiply-adds are worth more than the last bits. A table for an
//! instruction set exists only after the processor was asked whether it has the instructions, which makes its functions safe to
//! call.
#![allow(
    unsafe_code,
    reason = "vector instructions; every function behind a table is reached only after a feature check"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod block;
mod cells;
#[cfg(test)]
mod conv_tests;
mod data;
#[cfg(test)]
mod frame_tests;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod generic;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod pieces;
mod scalar;
#[cfg(test)]
mod tests;
mod weights;

use std::fmt;
use std::sync::LazyLock;

pub(crate) use block::{Block, Pair, Quantiser};
pub(crate) use cells::{Cell, Depthwise, Inputs, Mix};
pub(crate) use data::{Axis, CHANNELS, Dense, SURF_SIDE, Sieve, SurfPlane};
pub(crate) use weights::Weights;

/// A function that takes two rows, the share of each, the places in them, and the row of results.
pub(crate) type BlendRow = fn([&[u8]; 2], [f64; 2], &Axis, &mut [u8]);

/// A table of functions, one for each inner loop, that all use the same instruction set.
#[derive(Clone, Copy)]
pub struct Kernels {
    pub(crate) name: &'static str,
    /// Computes one row of a bilinearly resized picture at the places of an axis, with the share `shares[0]` of the upper row and
    /// `shares[1]` of the lower. The arithmetic is in 64-bit floats without fused steps, and the results are rounded down. The
    /// rows may be longer than is needed.
    pub(crate) blend_row: BlendRow,
    /// Computes the sums of 3x3 pixels, one for each pixel of a row but the last two.
    pub(crate) box_row: fn(rows: [&[u8]; 3], out: &mut [u16]),
    /// Computes local binary codes (LAB) from sums of 3x3 pixels. The three rows of sums are 3 pixels apart, and so are the eight
    /// sums around a middle one. A bit of a code is set where the middle sum is at least as large as the one around it; the
    /// highest bit stands for the top left, and the others follow row by row. There is a code for each sum of a row but the last
    /// six, at the place of its top left sum.
    pub(crate) code_row: fn(sums: [&[u16]; 3], out: &mut [u8]),
    /// Distributes the bytes of a row to four runs in turn. Run `i` has room for the bytes that it gets, beginning with byte `i`.
    pub(crate) split4: fn(row: &[u8], runs: [&mut [u8]; 4]),
    /// Sifts a block of windows that stand side by side. Bit `k` of the result is set if the sum of window `k` reaches every
    /// threshold of the sieve. The code of window `k` for weak classifier `i` is `codes[offsets[i] + k]`, and must exist for all
    /// windows of the block. `sums` receives the sums of the windows that pass; the others are undefined.
    pub(crate) sift: fn(sieve: &Sieve, codes: &[u8], offsets: &[u32], sums: &mut [u16; Sieve::BLOCK]) -> u64,
    /// Returns the sum of a window's pixels, and the sum of their squares. The window begins at the start of `pixels`, in rows of
    /// `stride`.
    pub(crate) moments: fn(pixels: &[u8], stride: usize) -> (u32, u32),
    /// Computes the sums of the eight SURF gradients of a window: of dx where dy >= 0, of |dx| where dy >= 0, of dx and |dx|
    /// where dy < 0, and then of dy and |dy| by the sign of dx. A gradient is the next pixel minus the one before, or at a border
    /// twice the difference to the only neighbour. Row `y` of the plane is filled if bit `y` of `rows` is set.
    pub(crate) surf_sums: fn(window: &[u8; SURF_SIDE * SURF_SIDE], rows: u64, plane: &mut SurfPlane),
    /// Computes all blocks of outputs of a layer, before its activation. The sums go input by input from zero, without fused
    /// steps, and the bias is added last.
    pub(crate) dense: fn(layer: &Dense, inputs: &[f32], outputs: &mut [f32]),
    /// Multiplies coefficients by factors and transforms them back to 8 rows of 8 pixels, which are `stride` apart in `out`.
    pub(crate) inverse_dct: fn(coefficients: &Block, factors: &Block, out: &mut [u8], stride: usize),
    /// Transforms and quantises the two neighbouring blocks of pixels at the start of `pixels`, whose rows are `stride` apart.
    pub(crate) forward_dct: fn(pixels: &[u8], stride: usize, quantiser: &Quantiser, out: &mut Pair),
    /// Runs the first pass of a resize: each of `out` is the sum of the pixels above each other in `rows`, which begin `stride`
    /// bytes apart, times the weights of the rows.
    pub(crate) weigh_rows: fn(rows: &[u8], stride: usize, weights: &[i16], out: &mut [i16]),
    /// Runs the second pass of a resize: makes a row of results from a row of sums, which must be as long as [`Weights::reach`]
    /// says.
    pub(crate) weigh_columns: fn(row: &[i16], weights: &Weights, out: &mut [u8]),
    pub(crate) convolve: Convolve,
}

/// A function that takes a row's brightness and its blue and red differences, and fills a row of blue, green and red.
pub(crate) type Colours = fn(&[u8], [&[u8]; 2], [&mut [f32]; 3]);

/// The inner loops of a convolutional network, each for a row of pixels. The products of a sum may be added up in any order, with
/// fused steps, so a result differs from the scalar one by no more than the rounding of each step.
#[derive(Clone, Copy)]
pub(crate) struct Convolve {
    /// Computes one cell for each of `out` from the inputs of its pixel.
    pub(crate) mix: fn(layer: &Mix, inputs: Inputs<'_>, out: &mut [Cell]),
    /// Computes each of `out` from three cells of each row, the first of them at the same place. Rows have two cells more than
    /// `out`.
    pub(crate) depthwise: fn(layer: &Depthwise, rows: [&[Cell]; 3], out: &mut [Cell]),
    /// Keeps the largest of each two by two cells, channel by channel.
    pub(crate) pool: fn(rows: [&[Cell]; 2], out: &mut [Cell]),
    /// Adds each coarse cell to two fine ones.
    pub(crate) add_doubled: fn(coarse: &[Cell], fine: &mut [Cell]),
    /// Converts a row from the form that a JPEG has (brightness, and blue and red differences for each two pixels) to blue, green
    /// and red, 0 to 255. The results have the same bits in every table.
    pub(crate) colours: Colours,
}

static SUPPORTED: LazyLock<Vec<Kernels>> = LazyLock::new(|| {
    let vectors: [Option<Kernels>; _] = [
        #[cfg(target_arch = "x86_64")]
        avx512::kernels(),
        #[cfg(target_arch = "x86_64")]
        avx2::kernels(),
        #[cfg(target_arch = "aarch64")]
        neon::kernels(),
    ];
    vectors.into_iter().flatten().chain([scalar::kernels()]).collect()
});

impl fmt::Debug for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kernels").field(&self.name).finish()
    }
}

impl Kernels {
    /// Returns all tables that this processor can run, the fastest first and plain Rust last.
    pub fn supported() -> &'static [Kernels] {
        &SUPPORTED
    }

    /// Returns the fastest table that this processor can run.
    pub fn best() -> &'static Kernels {
        &SUPPORTED[0]
    }

    /// Returns the table in plain Rust, which the others are measured and tested against.
    pub fn scalar() -> &'static Kernels {
        &SUPPORTED[SUPPORTED.len() - 1]
    }

    /// Returns architecture and instruction set, such as `x86_64-avx2`, or `scalar` for plain Rust.
    pub fn name(&self) -> &'static str {
        self.name
    }
}
