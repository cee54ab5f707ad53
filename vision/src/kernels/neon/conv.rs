//! Convolutions with a cell in four registers.

use std::arch::aarch64::*;

use crate::kernels::generic::conv::{self, Row, Vector};
use crate::kernels::{Cell, Convolve, Depthwise, Inputs, Mix, scalar};

pub(super) const CONVOLVE: Convolve =
    Convolve { mix, depthwise, pool, add_doubled: add_doubled, colours: scalar::conv::colours };

/// Registers that hold a cell.
const PARTS: usize = 4;
/// Pixels whose sums are in registers together: with four vectors of weights and five of inputs, 29 of 32.
const MIX_TILE: usize = 5;
/// Pixels whose sums are in registers together: with nine vectors of weights, 17 of 32; what is left lets loads run ahead.
const DEPTHWISE_TILE: usize = 8;

fn mix(layer: &Mix, inputs: Inputs<'_>, out: &mut [Cell]) {
    // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
    unsafe { conv::mix::<float32x4_t, PARTS, MIX_TILE>(layer, inputs, out) }
}

fn depthwise(layer: &Depthwise, rows: [&[Cell]; 3], out: &mut [Cell]) {
    // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
    unsafe { conv::depthwise::<float32x4_t, PARTS, DEPTHWISE_TILE>(layer, rows, out) }
}

fn pool(rows: [&[Cell]; 2], out: &mut [Cell]) {
    // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
    unsafe { pool_neon(rows, out) }
}

#[target_feature(enable = "neon")]
fn pool_neon(rows: [&[Cell]; 2], out: &mut [Cell]) {
    // SAFETY: the attribute says that there is NEON.
    unsafe { conv::pool::<float32x4_t, PARTS>(rows, out) }
}

fn add_doubled(coarse: &[Cell], fine: &mut [Cell]) {
    // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
    unsafe { add_doubled_neon(coarse, fine) }
}

#[target_feature(enable = "neon")]
fn add_doubled_neon(coarse: &[Cell], fine: &mut [Cell]) {
    // SAFETY: the attribute says that there is NEON.
    unsafe { conv::add_doubled::<float32x4_t, PARTS>(coarse, fine) }
}

impl Vector for float32x4_t {
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn load(cell: &Cell, part: usize) -> Self {
        // SAFETY: a quarter of a cell is a vector long.
        unsafe { vld1q_f32(cell.0[4 * part..][..4].as_ptr()) }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn store(self, cell: &mut Cell, part: usize) {
        // SAFETY: a quarter of a cell is a vector long.
        unsafe { vst1q_f32(cell.0[4 * part..][..4].as_mut_ptr(), self) }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn splat(value: f32) -> Self {
        vdupq_n_f32(value)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
        vfmaq_f32(sum, self, factor)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn add(self, other: Self) -> Self {
        vaddq_f32(self, other)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn max(self, other: Self) -> Self {
        vmaxq_f32(self, other)
    }

    #[target_feature(enable = "neon")]
    unsafe fn tile<R: Row, const PARTS: usize, const N: usize>(row: &mut R, first: usize) {
        // SAFETY: promised by the caller.
        unsafe { row.tile::<Self, PARTS, N>(first) }
    }

    /// Loads the inputs of four taps at once and multiplies by one lane of them after the other.
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn add_strip<const PARTS: usize, const N: usize>(
        sums: &mut [[Self; PARTS]; N],
        weights: &[Cell],
        values: *const f32,
        step: usize,
    ) {
        let (fours, rest) = weights.as_chunks::<4>();
        let mut values: [*const f32; N] = std::array::from_fn(|x| values.wrapping_add(x * step));
        // SAFETY: promised by the caller.
        unsafe {
            for [w0, w1, w2, w3] in fours {
                let mut inputs = [vdupq_n_f32(0.0); N];
                for (inputs, values) in inputs.iter_mut().zip(&mut values) {
                    *inputs = vld1q_f32(*values);
                    *values = values.add(4);
                }
                add_lane::<0, PARTS, N>(sums, w0, inputs);
                add_lane::<1, PARTS, N>(sums, w1, inputs);
                add_lane::<2, PARTS, N>(sums, w2, inputs);
                add_lane::<3, PARTS, N>(sums, w3, inputs);
            }
            conv::add_strip(sums, rest, values[0], step);
        }
    }
}

/// Adds the weights times lane `LANE` of each pixel's inputs.
#[inline]
#[target_feature(enable = "neon")]
fn add_lane<const LANE: i32, const PARTS: usize, const N: usize>(
    sums: &mut [[float32x4_t; PARTS]; N],
    weights: &Cell,
    inputs: [float32x4_t; N],
) {
    // SAFETY: there is NEON.
    let weights: [float32x4_t; PARTS] = unsafe { conv::load(weights) };
    for (sums, inputs) in sums.iter_mut().zip(inputs) {
        for (sum, weights) in sums.iter_mut().zip(weights) {
            *sum = vfmaq_laneq_f32::<LANE>(*sum, weights, inputs);
        }
    }
}
