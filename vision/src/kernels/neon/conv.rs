//! Convolutions with a cell in four registers.

use std::arch::aarch64::*;

use crate::kernels::generic::conv::{self, Row, Vector};
use crate::kernels::pieces::starts;
use crate::kernels::scalar::conv::{BLUE, GREEN_BY_BLUE, GREEN_BY_RED, RED};
use crate::kernels::{Cell, Convolve, Depthwise, Inputs, Mix, scalar};

pub(super) const CONVOLVE: Convolve = Convolve { mix, depthwise, pool, add_doubled: add_doubled, colours };

/// Registers that hold a cell.
const PARTS: usize = 4;
/// Pixels whose sums are in registers together: with four vectors of weights and five of inputs, 29 of 32.
const MIX_TILE: usize = 5;
/// Pixels whose sums are in registers together: with nine vectors of weights, 17 of 32; what is left lets loads run ahead.
const DEPTHWISE_TILE: usize = 8;
/// Number of pixels whose colours are computed together.
const PIXELS: usize = 16;

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

fn colours(luma: &[u8], blue_and_red: [&[u8]; 2], out: [&mut [f32]; 3]) {
    // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
    unsafe { colours_neon(luma, blue_and_red, out) }
}

#[target_feature(enable = "neon")]
fn colours_neon(luma: &[u8], [blue, red]: [&[u8]; 2], out: [&mut [f32]; 3]) {
    // Vectors begin at even places, because two pixels share their colour.
    let even = luma.len() & !1;
    if even < PIXELS {
        return scalar::conv::colours(luma, [blue, red], out);
    }
    let [b, g, r] = out;
    for x in starts(even, PIXELS) {
        let luma = [floats(luma, x), floats(luma, x + 8)];
        let [blue, red] = [floats(blue, x / 2), floats(red, x / 2)];
        let middle = vdupq_n_f32(128.0);
        let mut add = [[middle; 2]; 3];
        for half in 0..2 {
            let [u, v] = [vsubq_f32(blue[half], middle), vsubq_f32(red[half], middle)];
            add[0][half] = vmulq_n_f32(u, BLUE);
            add[1][half] = vsubq_f32(vmulq_n_f32(u, GREEN_BY_BLUE), vmulq_n_f32(v, GREEN_BY_RED));
            add[2][half] = vmulq_n_f32(v, RED);
        }
        add_colour(&mut b[x..], luma, add[0]);
        add_colour(&mut g[x..], luma, add[1]);
        add_colour(&mut r[x..], luma, add[2]);
    }
    let rest = [&mut b[even..], &mut g[even..], &mut r[even..]];
    scalar::conv::colours(&luma[even..], [&blue[even / 2..], &red[even / 2..]], rest);
}

/// Returns eight bytes from `at` on as floats.
#[inline]
#[target_feature(enable = "neon")]
fn floats(bytes: &[u8], at: usize) -> [float32x4_t; 2] {
    let bytes = &bytes[at..][..8];
    // SAFETY: the slice is a vector long.
    let words = vmovl_u8(unsafe { vld1_u8(bytes.as_ptr()) });
    [vcvtq_f32_u32(vmovl_u16(vget_low_u16(words))), vcvtq_f32_u32(vmovl_high_u16(words))]
}

/// Writes the sums of the brightness of sixteen pixels and the colour of each two, within the range of a byte.
#[inline]
#[target_feature(enable = "neon")]
fn add_colour(out: &mut [f32], luma: [[float32x4_t; 2]; 2], colour: [float32x4_t; 2]) {
    for ((luma, colour), out) in luma.into_iter().zip(colour).zip(out[..PIXELS].chunks_exact_mut(8)) {
        let first = vaddq_f32(luma[0], vzip1q_f32(colour, colour));
        let second = vaddq_f32(luma[1], vzip2q_f32(colour, colour));
        // SAFETY: the chunk is two vectors long.
        unsafe { vst1q_f32_x2(out.as_mut_ptr(), float32x4x2_t(clamped(first), clamped(second))) };
    }
}

/// Brings values into the range of a byte.
#[inline]
#[target_feature(enable = "neon")]
fn clamped(values: float32x4_t) -> float32x4_t {
    vminq_f32(vmaxq_f32(values, vdupq_n_f32(0.0)), vdupq_n_f32(255.0))
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
