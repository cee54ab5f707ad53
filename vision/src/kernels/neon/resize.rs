use std::arch::aarch64::*;

use crate::kernels::pieces::starts;
use crate::kernels::{Axis, scalar};

/// Number of results that are computed together.
const LANES: usize = 8;

pub(super) fn blend_row(rows: [&[u8]; 2], shares: [f64; 2], across: &Axis, out: &mut [u8]) {
    // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
    unsafe { blend_row_neon(rows, shares, across, out) }
}

#[target_feature(enable = "neon")]
fn blend_row_neon(rows: [&[u8]; 2], shares: [f64; 2], across: &Axis, out: &mut [u8]) {
    let count = out.len();
    if count < LANES {
        return scalar::resize::blend_row(rows, shares, across, out);
    }
    let Axis { index, before, after } = across;
    let (index, before, after) = (&index[..count], &before[..count], &after[..count]);
    let length = rows[0].len().min(rows[1].len());
    for start in starts(count, LANES) {
        let indices = index[start..].first_chunk().expect("start + 8 <= count");
        // Chooses the smallest table that holds all pixels.
        let span = (indices[LANES - 1] - indices[0]) as usize + 2;
        let [upper, lower] = if span <= 16 && length >= 16 {
            near_pixels::<1>(rows, length, indices)
        } else if span <= 32 && length >= 32 {
            near_pixels::<2>(rows, length, indices)
        } else if span <= 64 && length >= 64 {
            near_pixels::<4>(rows, length, indices)
        } else {
            [far_pixels(rows[0], indices), far_pixels(rows[1], indices)]
        };
        let four = |half: usize| {
            let at = start + 4 * half;
            // SAFETY: at + 4 <= count, which is the length of both.
            let (before, after) =
                unsafe { (vld1q_f64_x2(before.as_ptr().add(at)), vld1q_f64_x2(after.as_ptr().add(at))) };
            let upper = between(upper[0][half], before, upper[1][half], after);
            let lower = between(lower[0][half], before, lower[1][half], after);
            let sum = |upper, lower| {
                let sum = vaddq_f64(vmulq_n_f64(upper, shares[0]), vmulq_n_f64(lower, shares[1]));
                vreinterpretq_u32_u64(vcvtq_u64_f64(sum))
            };
            vreinterpretq_u16_u32(vuzp1q_u32(sum(upper.0, lower.0), sum(upper.1, lower.1)))
        };
        let words = vuzp1q_u16(four(0), four(1));
        // SAFETY: start + 8 <= count.
        unsafe { vst1_u8(out.as_mut_ptr().add(start), vqmovn_u16(words)) };
    }
}

/// Eight pixels, each in 32 bits.
type Eight = [uint32x4_t; 2];

/// Returns four results on one row, from the pixels to their left and right and the share of each.
#[inline]
#[target_feature(enable = "neon")]
fn between(left: uint32x4_t, before: float64x2x2_t, right: uint32x4_t, after: float64x2x2_t) -> float64x2x2_t {
    let (left, right) = (vcvtq_f32_u32(left), vcvtq_f32_u32(right));
    let low = vmulq_f64(before.0, vcvt_f64_f32(vget_low_f32(left)));
    let high = vmulq_f64(before.1, vcvt_high_f64_f32(left));
    float64x2x2_t(
        vaddq_f64(low, vmulq_f64(after.0, vcvt_f64_f32(vget_low_f32(right)))),
        vaddq_f64(high, vmulq_f64(after.1, vcvt_high_f64_f32(right))),
    )
}

/// Returns the pixels at `indices` and those to their right, for each of the two rows. All of them must lie within `16 * V`
/// pixels.
#[inline]
#[target_feature(enable = "neon")]
fn near_pixels<const V: usize>(rows: [&[u8]; 2], length: usize, indices: &[u32; LANES]) -> [[Eight; 2]; 2] {
    // At the end of the row the table begins before the first pixel that is needed.
    let first = (indices[0] as usize).min(length - 16 * V);
    let (upper, lower) = (table::<V>(&rows[0][first..]), table::<V>(&rows[1][first..]));
    // The upper bytes of these indices lie beyond every table, which gives zero.
    let beyond = vdupq_n_u32(first as u32 + 0x100);
    // SAFETY: eight indices are two vectors long.
    let uint32x4x2_t(low, high) = unsafe { vld1q_u32_x2(indices.as_ptr()) };
    let left = [vsubq_u32(low, beyond), vsubq_u32(high, beyond)];
    let one = vdupq_n_u32(1);
    let right = [vaddq_u32(left[0], one), vaddq_u32(left[1], one)];
    let look_up = |table, indices: Eight| [look_up(table, indices[0]), look_up(table, indices[1])];
    [[look_up(upper, left), look_up(upper, right)], [look_up(lower, left), look_up(lower, right)]]
}

#[inline]
#[target_feature(enable = "neon")]
fn table<const V: usize>(pixels: &[u8]) -> [uint8x16_t; V] {
    let pixels = &pixels[..16 * V];
    let mut table = [vdupq_n_u8(0); V];
    for (vector, pixels) in table.iter_mut().zip(pixels.chunks_exact(16)) {
        // SAFETY: the chunk is a vector long.
        *vector = unsafe { vld1q_u8(pixels.as_ptr()) };
    }
    table
}

#[inline]
#[target_feature(enable = "neon")]
fn look_up<const V: usize>(table: [uint8x16_t; V], index: uint32x4_t) -> uint32x4_t {
    let index = vreinterpretq_u8_u32(index);
    vreinterpretq_u32_u8(match table[..] {
        [a] => vqtbl1q_u8(a, index),
        [a, b] => vqtbl2q_u8(uint8x16x2_t(a, b), index),
        [a, b, c, d] => vqtbl4q_u8(uint8x16x4_t(a, b, c, d), index),
        _ => unreachable!("tables have 16, 32 or 64 bytes"),
    })
}

/// Returns the pixels at `indices` and those to their right, anywhere in their row.
#[cold]
#[target_feature(enable = "neon")]
fn far_pixels(row: &[u8], indices: &[u32; LANES]) -> [Eight; 2] {
    let pixels = |next: usize| {
        let pixels: [u32; LANES] = indices.map(|index| u32::from(row[index as usize + next]));
        // SAFETY: the array is two vectors long.
        let uint32x4x2_t(low, high) = unsafe { vld1q_u32_x2(pixels.as_ptr()) };
        [low, high]
    };
    [pixels(0), pixels(1)]
}
