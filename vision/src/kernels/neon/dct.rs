//! The transforms of [`scalar::dct`](crate::kernels::scalar::dct), eight columns at a time.

use std::arch::aarch64::*;

use super::{bits, transposed};
use crate::kernels::block::{Block, Pair, Quantiser};
use crate::kernels::scalar::dct::{
    FORWARD_BETWEEN_BITS, FORWARD_BITS, FORWARD_EVEN, FORWARD_ODD, INVERSE_EVEN, INVERSE_ODD, INVERSE_ROUNDS,
    INVERSE_SHIFTS,
};

pub(super) fn inverse_dct(coefficients: &Block, factors: &Block, out: &mut [u8], stride: usize) {
    // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
    unsafe { inverse_neon(coefficients, factors, out, stride) }
}

pub(super) fn forward_dct(pixels: &[u8], stride: usize, quantiser: &Quantiser, out: &mut Pair) {
    let Pair { blocks, nonzero } = out;
    for (side, (block, nonzero)) in blocks.iter_mut().zip(nonzero).enumerate() {
        // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
        *nonzero = unsafe { forward_neon(&pixels[8 * side..], stride, quantiser, block) };
    }
}

/// Eight 32-bit sums in two vectors.
type Sums = [int32x4_t; 2];

#[target_feature(enable = "neon")]
fn inverse_neon(coefficients: &Block, factors: &Block, out: &mut [u8], stride: usize) {
    let [[r0, r4], [r1, r5], [r2, r6], [r3, r7]] = [0, 16, 32, 48].map(|at| {
        // Rows 4 apart lie beside each other, and this load takes them apart.
        // SAFETY: a block is eight vectors long.
        let (coefficients, factors) =
            unsafe { (vld2q_s16(coefficients.0.as_ptr().add(at)), vld2q_s16(factors.0.as_ptr().add(at))) };
        [vmulq_s16(coefficients.0, factors.0), vmulq_s16(coefficients.1, factors.1)]
    });
    let rows = inverse_pass([r0, r1, r2, r3, r4, r5, r6, r7], INVERSE_ROUNDS[0]).map(|[low, high]| {
        const SHIFT: i32 = INVERSE_SHIFTS[0] as i32;
        vqshrn_high_n_s32::<SHIFT>(vqshrn_n_s32::<SHIFT>(low), high)
    });
    // Columns 4 apart lie beside each other too.
    let [c0, c4, c1, c5, c2, c6, c3, c7] = transposed(rows);
    let columns = inverse_pass([c0, c1, c2, c3, c4, c5, c6, c7], INVERSE_ROUNDS[1]);
    // The shift takes two steps: the upper halves of the sums, and then the part of the shift beyond 16 bits.
    let columns = columns.map(|[low, high]| vshrn_high_n_s32::<16>(vshrn_n_s32::<16>(low), high));
    let pair = |left, right| {
        const SHIFT: i32 = INVERSE_SHIFTS[1] as i32 - 16;
        vqshrun_high_n_s16::<SHIFT>(vqshrun_n_s16::<SHIFT>(left), right)
    };
    let [c0, c1, c2, c3, c4, c5, c6, c7] = columns;
    let columns = uint8x16x4_t(pair(c0, c1), pair(c2, c3), pair(c4, c5), pair(c6, c7));
    // SAFETY: the array is a vector long.
    let first_rows = unsafe { vld1q_u8([0, 8, 16, 24, 32, 40, 48, 56, 1, 9, 17, 25, 33, 41, 49, 57].as_ptr()) };
    let mut lines = out.chunks_mut(stride);
    for row in (0..8).step_by(2) {
        let rows = vqtbl4q_u8(columns, vaddq_u8(first_rows, vdupq_n_u8(row)));
        for half in [vget_low_u8(rows), vget_high_u8(rows)] {
            let line: &mut [u8; 8] =
                lines.next().and_then(<[u8]>::first_chunk_mut).expect("eight rows of eight pixels");
            // SAFETY: the line is a vector long.
            unsafe { vst1_u8(line.as_mut_ptr(), half) };
        }
    }
}

/// Runs a pass of the inverse on eight rows or columns of numbers, without the shift at its end.
#[inline]
#[target_feature(enable = "neon")]
fn inverse_pass(s: [int16x8_t; 8], round: i32) -> [Sums; 8] {
    let plus = |a: Sums, b: Sums| [vaddq_s32(a[0], b[0]), vaddq_s32(a[1], b[1])];
    let minus = |a: Sums, b: Sums| [vsubq_s32(a[0], b[0]), vsubq_s32(a[1], b[1])];
    let round = [vdupq_n_s32(round); 2];
    let [e0, e1] = [0, 1].map(|i| add_products(round, [s[0], s[4]], INVERSE_EVEN[i]));
    let [e2, e3] = [2, 3].map(|i| products([s[2], s[6]], INVERSE_EVEN[i]));
    let even = [plus(e0, e2), plus(e1, e3), minus(e1, e3), minus(e0, e2)];
    let odd = INVERSE_ODD.map(|[a, b]| add_products(products([s[1], s[5]], a), [s[3], s[7]], b));
    std::array::from_fn(|i| if i < 4 { plus(even[i], odd[i]) } else { minus(even[7 - i], odd[7 - i]) })
}

/// Transforms and quantises one block. Returns a bit for each coefficient that is not zero.
#[target_feature(enable = "neon")]
fn forward_neon(pixels: &[u8], stride: usize, quantiser: &Quantiser, out: &mut [i16; 64]) -> u64 {
    const BETWEEN: i32 = FORWARD_BETWEEN_BITS as i32;
    const BITS: i32 = FORWARD_BITS as i32;
    let rows = std::array::from_fn(|i| {
        let line: &[u8; 8] = pixels[i * stride..].first_chunk().expect("a block is eight pixels wide");
        // SAFETY: the line is a vector long.
        vreinterpretq_s16_u16(vsubl_u8(unsafe { vld1_u8(line.as_ptr()) }, vdup_n_u8(128)))
    });
    let (even, [y1, y2, y3, y5, y6, y7]) = forward_pass::<{ BITS - BETWEEN }>(rows);
    let [y0, y4] = even.map(|sum| vshlq_n_s16::<BETWEEN>(sum));
    let columns = transposed([y0, y1, y2, y3, y4, y5, y6, y7]);
    let (even, [y1, y2, y3, y5, y6, y7]) = forward_pass::<{ BITS + BETWEEN }>(columns);
    let [y0, y4] = even.map(|sum| vrshrq_n_s16::<BETWEEN>(sum));

    let mut nonzero = [vdupq_n_u16(0); 8];
    for (i, column) in [y0, y1, y2, y3, y4, y5, y6, y7].into_iter().enumerate() {
        // SAFETY: the tables have eight times eight numbers.
        let constants = |table: &[u16; 64]| unsafe { vld1q_u16(table.as_ptr().add(8 * i)) };
        let sum = vaddq_u16(vreinterpretq_u16_s16(vabsq_s16(column)), constants(&quantiser.half));
        let quotient = upper_half(upper_half(sum, constants(&quantiser.reciprocal)), constants(&quantiser.scale));
        nonzero[i] = vtstq_u16(quotient, quotient);
        // Inverting and adding one makes the quotient negative where the dividend was.
        let sign = vshrq_n_s16::<15>(column);
        let quotient = vsubq_s16(veorq_s16(vreinterpretq_s16_u16(quotient), sign), sign);
        // SAFETY: the block has eight times eight numbers.
        unsafe { vst1q_s16(out.as_mut_ptr().add(8 * i), quotient) };
    }
    let pair = |i| vuzp1q_u8(vreinterpretq_u8_u16(nonzero[i]), vreinterpretq_u8_u16(nonzero[i + 1]));
    bits([pair(0), pair(2), pair(4), pair(6)])
}

/// Runs a pass of the forward transform. Returns rows 0 and 4 as they are, and rows 1, 2, 3, 5, 6 and 7 rounded by `SHIFT`.
#[inline]
#[target_feature(enable = "neon")]
fn forward_pass<const SHIFT: i32>(x: [int16x8_t; 8]) -> ([int16x8_t; 2], [int16x8_t; 6]) {
    let sums: [_; 4] = std::array::from_fn(|i| vaddq_s16(x[i], x[7 - i]));
    let gaps: [_; 4] = std::array::from_fn(|i| vsubq_s16(x[i], x[7 - i]));
    let (outer, inner) = (vaddq_s16(sums[0], sums[3]), vaddq_s16(sums[1], sums[2]));
    let rounded = |[low, high]: Sums| vrshrn_high_n_s32::<SHIFT>(vrshrn_n_s32::<SHIFT>(low), high);
    let even_gaps = [vsubq_s16(sums[0], sums[3]), vsubq_s16(sums[1], sums[2])];
    let even = FORWARD_EVEN.map(|factors| rounded(products(even_gaps, factors)));
    let odd = FORWARD_ODD.map(|[a, b]| rounded(add_products(products([gaps[0], gaps[1]], a), [gaps[2], gaps[3]], b)));
    ([vaddq_s16(outer, inner), vsubq_s16(outer, inner)], [odd[0], even[0], odd[1], odd[2], even[1], odd[3]])
}

/// Returns the sum of the products of two vectors with two factors.
#[inline]
#[target_feature(enable = "neon")]
fn products([a, b]: [int16x8_t; 2], factors: [i16; 2]) -> Sums {
    let low = vmull_n_s16(vget_low_s16(a), factors[0]);
    let high = vmull_high_n_s16(a, factors[0]);
    [vmlal_n_s16(low, vget_low_s16(b), factors[1]), vmlal_high_n_s16(high, b, factors[1])]
}

#[inline]
#[target_feature(enable = "neon")]
fn add_products(sums: Sums, [a, b]: [int16x8_t; 2], factors: [i16; 2]) -> Sums {
    let low = vmlal_n_s16(sums[0], vget_low_s16(a), factors[0]);
    let high = vmlal_high_n_s16(sums[1], a, factors[0]);
    [vmlal_n_s16(low, vget_low_s16(b), factors[1]), vmlal_high_n_s16(high, b, factors[1])]
}

/// Returns the upper 16 bits of each product.
#[inline]
#[target_feature(enable = "neon")]
fn upper_half(a: uint16x8_t, b: uint16x8_t) -> uint16x8_t {
    let low = vmull_u16(vget_low_u16(a), vget_low_u16(b));
    vuzp2q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(vmull_high_u16(a, b)))
}
