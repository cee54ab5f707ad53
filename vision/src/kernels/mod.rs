//! The inner loops of this crate, once for each instruction set.
//!
//! [`scalar`] is plain Rust, runs everywhere, and is what the others are tested against: every kernel of every table gives
//! the same bits for the same input, so a face does not depend on the machine that found it. Those of [`Convolve`] are the
//! exception: sums of hundreds of products, where fused steps are worth more than the last bits. A table of another
//! instruction set exists only where the processor was asked and has it, which is what makes its functions safe to call.
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

/// Two rows, the share of each, where the pixels are, and what becomes of them.
pub(crate) type BlendRow = fn([&[u8]; 2], [f64; 2], &Axis, &mut [u8]);

/// One function for each inner loop, all for the same instruction set.
#[derive(Clone, Copy)]
pub struct Kernels {
    pub(crate) name: &'static str,
    /// One row of a picture resized bilinearly, at the places of an axis: `shares[0]` of the upper row and `shares[1]` of the
    /// lower, each of `before` of a pixel and `after` of the next. In 64-bit floats without fused steps, rounded down.
    /// There may be more of the rows than is needed.
    pub(crate) blend_row: BlendRow,
    /// Sums of 3x3 pixels, one for each of the rows' pixels but the last two.
    pub(crate) box_row: fn(rows: [&[u8]; 3], out: &mut [u16]),
    /// Local binary codes (LAB) from sums of 3x3 pixels. The three rows of sums are 3 pixels apart, and so are the eight
    /// sums around a middle one; a bit is set where the middle is at least as bright, the highest for the top left one and
    /// on row by row. One code for each sum of a row but the last six; it stands where its top left sum does.
    pub(crate) code_row: fn(sums: [&[u16]; 3], out: &mut [u8]),
    /// Deals the bytes of a row out to four runs in turn. Run `i` has room for those from byte `i` on.
    pub(crate) split4: fn(row: &[u8], runs: [&mut [u8]; 4]),
    /// Sifts windows that stand side by side: bit `k` of the result is window `k` of a block, and set if its
    /// sum reaches every threshold of the sieve. The code of window `k` for weak classifier
    /// `i` is `codes[offsets[i] + k]`, and must be there for all windows of a block.
    /// `sums` are those of the windows that are left; what the others have there is not defined.
    pub(crate) sift: fn(sieve: &Sieve, codes: &[u8], offsets: &[u32], sums: &mut [u16; Sieve::BLOCK]) -> u64,
    /// The sum of a window's pixels, and of their squares. The window begins where `pixels` do, in rows of `stride`.
    pub(crate) moments: fn(pixels: &[u8], stride: usize) -> (u32, u32),
    /// Sums of the eight SURF gradients of a window: of dx where dy >= 0, of |dx| there, the same where dy < 0, and then with
    /// x and y exchanged. A gradient is the next pixel less the one before, or twice the difference to the only
    /// neighbour at a border. Row `y` of the plane is filled if bit `y` of `rows` is set.
    pub(crate) surf_sums: fn(window: &[u8; SURF_SIDE * SURF_SIDE], rows: u64, plane: &mut SurfPlane),
    /// A layer of a network before its activation, all blocks of outputs. Adds up input by input from zero, without fused
    /// steps, and the bias last.
    pub(crate) dense: fn(layer: &Dense, inputs: &[f32], outputs: &mut [f32]),
    /// Coefficients times factors, back to 8 rows of 8 pixels that are `stride` apart in `out`.
    pub(crate) inverse_dct: fn(coefficients: &Block, factors: &Block, out: &mut [u8], stride: usize),
    /// Transforms and quantises the two blocks of pixels that stand side by side where `pixels` begin, rows `stride` apart.
    pub(crate) forward_dct: fn(pixels: &[u8], stride: usize, quantiser: &Quantiser, out: &mut Pair),
    /// For each of `out`, the sum of the pixels above each other in `rows`, which begin `stride` bytes apart, times the
    /// rows' weights, as the first pass of a resize has it.
    pub(crate) weigh_rows: fn(rows: &[u8], stride: usize, weights: &[i16], out: &mut [i16]),
    /// The second pass: a row of results from a row of sums, which is as long as [`Weights::reach`] says.
    pub(crate) weigh_columns: fn(row: &[i16], weights: &Weights, out: &mut [u8]),
    pub(crate) convolve: Convolve,
}

/// A row's brightness, how blue and red it is, and the three colours that makes.
pub(crate) type Colours = fn(&[u8], [&[u8]; 2], [&mut [f32]; 3]);

/// The inner loops of a convolutional network, for a row of pixels each. A sum may be added up in any order, with fused
/// steps: it is off by no more than the rounding of each step allows.
#[derive(Clone, Copy)]
pub(crate) struct Convolve {
    /// One cell for each of `out` from the inputs of its pixel.
    pub(crate) mix: fn(layer: &Mix, inputs: Inputs<'_>, out: &mut [Cell]),
    /// Each of `out` from the three cells of each row that begin at its place: rows have two cells more than `out`.
    pub(crate) depthwise: fn(layer: &Depthwise, rows: [&[Cell]; 3], out: &mut [Cell]),
    /// The largest of each two by two cells, channel by channel.
    pub(crate) pool: fn(rows: [&[Cell]; 2], out: &mut [Cell]),
    /// Adds each coarse cell to two fine ones.
    pub(crate) add_doubled: fn(coarse: &[Cell], fine: &mut [Cell]),
    /// Blue, green and red, 0 to 255, of a row as JPEG has it: brightness, and for two pixels each how blue and red they are.
    /// These are the same bits in every table.
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
    /// All tables that this processor can run, the fastest first and plain Rust last.
    pub fn supported() -> &'static [Kernels] {
        &SUPPORTED
    }

    /// The fastest.
    pub fn best() -> &'static Kernels {
        &SUPPORTED[0]
    }

    /// Plain Rust: the table that the others are measured and tested against.
    pub fn scalar() -> &'static Kernels {
        &SUPPORTED[SUPPORTED.len() - 1]
    }

    /// Architecture and instruction set, such as `x86_64-avx2`; `scalar` for plain Rust.
    pub fn name(&self) -> &'static str {
        self.name
    }
}
