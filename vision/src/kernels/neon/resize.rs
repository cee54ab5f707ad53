use std::arch::aarch64::*;

use super::starts;
use crate::kernels::{Axis, scalar};

/// Results that are worked out together.
const LANES: usize = 8;

pub(super) fn blend_row(rows: [&[u8]; 2], shares: [f64; 2], across: &Axis, out: &mut [u8]) {
    // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
    unsafe { blend_row_neon(rows, shares, across, out) }
}

#[target_feature(enable = "neon")]
fn blend_row_neon(rows: [&[u8]; 2], shares: [f64; 2], across: &Axis, out: &mut [u8]) {
    if out.len() < LANES {
        return scalar::resize::blend_row(rows, shares, across, out);
    }
    let length = rows[0].len().min(rows[1].len());
    for start in starts(out.len(), LANES) {
        let indices: &[u32; LANES] = across.index[start..].first_chunk().expect("a place for each result");
        let span = (indices[LANES - 1] - indices[0]) as usize + 2;
        // The narrowest table that holds all pixels; where the row ends, it begins before the first of them.
        let pixels = match span.next_power_of_two().max(16) {
            16 if length >= 16 => near_pixels::<1>(rows, indices, length),
            32 if length >= 32 => near_pixels::<2>(rows, indices, length),
            64 if length >= 64 => near_pixels::<4>(rows, indices, length),
            _ => far_pixels(rows, indices),
        };
        let [low, high] = [0, 1].map(|half| {
            let at = start + half * LANES / 2;
            let shares_across = [&across.before, &across.after].map(|shares| {
                let shares: &[f64; 4] = shares[at..].first_chunk().expect("a share for each result");
                // SAFETY: four floats are two vectors long.
                let float64x2x2_t(low, high) = unsafe { vld1q_f64_x2(shares.as_ptr()) };
                [low, high]
            });
            blend_four(pixels.map(|row| row[half]), shares_across, shares)
        });
        let words = vuzp1q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high));
        // SAFETY: start + 8 <= out.len().
        unsafe { vst1_u8(out.as_mut_ptr().add(start), vqmovn_u16(words)) };
    }
}

/// Four pixels and their right neighbours, in 32 bits each.
type Four = [uint32x4_t; 2];

/// Four results, not above 1,000.
#[inline]
#[target_feature(enable = "neon")]
fn blend_four(rows: [Four; 2], across: [[float64x2_t; 2]; 2], shares: [f64; 2]) -> uint32x4_t {
    let wide = |pixels: uint32x4_t| {
        let pixels = vcvtq_f32_u32(pixels);
        [vcvt_f64_f32(vget_low_f32(pixels)), vcvt_high_f64_f32(pixels)]
    };
    let rows = rows.map(|pixels| pixels.map(wide));
    let [low, high] = [0, 1].map(|half| {
        let [top, bottom] = rows.map(|[left, right]| {
            vaddq_f64(vmulq_f64(across[0][half], left[half]), vmulq_f64(across[1][half], right[half]))
        });
        let sum = vaddq_f64(vmulq_n_f64(top, shares[0]), vmulq_n_f64(bottom, shares[1]));
        vreinterpretq_u32_u64(vcvtq_u64_f64(sum))
    });
    vuzp1q_u32(low, high)
}

/// The pixels at `indices` and behind, none of which are more than `16 * V` apart.
#[inline]
#[target_feature(enable = "neon")]
fn near_pixels<const V: usize>(rows: [&[u8]; 2], indices: &[u32; LANES], length: usize) -> [[Four; 2]; 2] {
    let first = (indices[0] as usize).min(length - 16 * V);
    let tables = rows.map(|row| {
        let table = &row[first..][..16 * V];
        // SAFETY: the slice is V vectors long.
        std::array::from_fn::<_, V, _>(|v| unsafe { vld1q_u8(table.as_ptr().add(16 * v)) })
    });
    // The upper three bytes of each index lie beyond every table, which gives zero.
    let beyond = vdupq_n_u32(first as u32 + 0x100);
    let near = [0, 4].map(|at| {
        // SAFETY: at + 4 <= 8.
        let left = vsubq_u32(unsafe { vld1q_u32(indices.as_ptr().add(at)) }, beyond);
        [left, vaddq_u32(left, vdupq_n_u32(1))]
    });
    tables.map(|table| near.map(|indices| indices.map(|index| look_up(table, index))))
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

/// The pixels at `indices` and behind, anywhere in their row.
#[inline]
#[target_feature(enable = "neon")]
fn far_pixels(rows: [&[u8]; 2], indices: &[u32; LANES]) -> [[Four; 2]; 2] {
    rows.map(|row| {
        [0, 4].map(|at| {
            [0, 1].map(|next| {
                let pixels: [u32; 4] = std::array::from_fn(|i| u32::from(row[indices[at + i] as usize + next]));
                // SAFETY: the array is a vector long.
                unsafe { vld1q_u32(pixels.as_ptr()) }
            })
        })
    })
}
