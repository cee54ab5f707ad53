//! The two passes of [`scalar::weigh`](crate::kernels::scalar::weigh), 16 pixels or 8 results at a time.

use std::arch::aarch64::*;

use crate::kernels::generic::weigh::{self, Weigh};
use crate::kernels::pieces::starts;
use crate::kernels::scalar;
use crate::kernels::scalar::weigh::{COLUMNS_SHIFT, ROWS_SHIFT};
use crate::kernels::weights::{Far, GROUP, Near, Weights};

/// Number of pixels of a row that are worked on together.
const LANES: usize = 16;

pub(super) fn weigh_rows(rows: &[u8], stride: usize, weights: &[i16], out: &mut [i16]) {
    // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
    unsafe { weigh_rows_neon(rows, stride, weights, out) }
}

#[target_feature(enable = "neon")]
fn weigh_rows_neon(rows: &[u8], stride: usize, weights: &[i16], out: &mut [i16]) {
    if out.len() < LANES {
        return scalar::weigh::weigh_rows(rows, stride, weights, out);
    }
    for x in starts(out.len(), LANES) {
        let mut sums = [vdupq_n_s32(0); 4];
        for (y, &weight) in weights.iter().enumerate() {
            let pixels: &[u8; LANES] = rows[y * stride + x..].first_chunk().expect("rows are as long as the results");
            // SAFETY: the array is a vector long.
            let pixels = unsafe { vld1q_u8(pixels.as_ptr()) };
            let low = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(pixels)));
            let high = vreinterpretq_s16_u16(vmovl_high_u8(pixels));
            sums = [
                vmlal_n_s16(sums[0], vget_low_s16(low), weight),
                vmlal_high_n_s16(sums[1], low, weight),
                vmlal_n_s16(sums[2], vget_low_s16(high), weight),
                vmlal_high_n_s16(sums[3], high, weight),
            ];
        }
        let rounded = |low, high| {
            const SHIFT: i32 = ROWS_SHIFT as i32;
            vrshrn_high_n_s32::<SHIFT>(vrshrn_n_s32::<SHIFT>(low), high)
        };
        let results = int16x8x2_t(rounded(sums[0], sums[1]), rounded(sums[2], sums[3]));
        // SAFETY: x + 16 <= out.len().
        unsafe { vst1q_s16_x2(out.as_mut_ptr().add(x), results) };
    }
}

pub(super) fn weigh_columns(row: &[i16], weights: &Weights, out: &mut [u8]) {
    // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
    unsafe { weigh_columns_neon(row, weights, out) }
}

#[target_feature(enable = "neon")]
fn weigh_columns_neon(row: &[i16], weights: &Weights, out: &mut [u8]) {
    // SAFETY: the attribute says that there is NEON.
    unsafe { weigh::weigh_columns::<Neon>(row, weights, out) }
}

struct Neon;

/// Eight sums in two vectors.
type Sums = [int32x4_t; 2];

impl Weigh for Neon {
    type Sums = Sums;

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn near(row: *const i16, group: &Near) -> Sums {
        [0, 1].map(|half| {
            // SAFETY: promised by the caller.
            let values = vreinterpretq_u8_s16(unsafe { vld1q_s16(row.add(group.firsts[half] as usize)) });
            let [first, second] = [0, 1].map(|pair| {
                let (bytes, weights) = (&group.bytes[pair][half], &group.weights[pair][half]);
                // SAFETY: both are a vector long.
                let (bytes, weights) = unsafe { (vld1q_u8(bytes.as_ptr()), vld1q_s16(weights.as_ptr())) };
                (vreinterpretq_s16_u8(vqtbl1q_u8(values, bytes)), weights)
            });
            add_pairs(add_products(add_products([vdupq_n_s32(0); 2], first), second))
        })
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn far(row: *const i16, group: &Far) -> Sums {
        let mut sums = [[vdupq_n_s32(0); 2]; GROUP];
        for (at, weights) in group.weights.iter().enumerate() {
            for (i, sums) in sums.iter_mut().enumerate() {
                // SAFETY: promised by the caller; and an eight of weights is a vector long.
                let products = unsafe {
                    (vld1q_s16(row.add(group.firsts[i] as usize + at * 8)), vld1q_s16(weights[i % 4][i / 4].as_ptr()))
                };
                *sums = add_products(*sums, products);
            }
        }
        let [a, b, c, d, e, f, g, h] = sums.map(|[low, high]| vaddq_s32(low, high));
        [add_pairs([add_pairs([a, b]), add_pairs([c, d])]), add_pairs([add_pairs([e, f]), add_pairs([g, h])])]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn round(sums: Sums) -> [u8; GROUP] {
        let [low, high] = sums.map(|sums| vreinterpretq_u16_s32(vrshrq_n_s32::<{ COLUMNS_SHIFT as i32 }>(sums)));
        let mut results = [0; GROUP];
        // SAFETY: the array is a vector long.
        unsafe { vst1_u8(results.as_mut_ptr(), vmovn_u16(vuzp1q_u16(low, high))) };
        results
    }
}

/// Adds the products of eight values and their weights.
#[inline]
#[target_feature(enable = "neon")]
fn add_products([low, high]: Sums, (values, weights): (int16x8_t, int16x8_t)) -> Sums {
    [vmlal_s16(low, vget_low_s16(values), vget_low_s16(weights)), vmlal_high_s16(high, values, weights)]
}

/// Adds each two neighbours.
#[inline]
#[target_feature(enable = "neon")]
fn add_pairs([low, high]: Sums) -> int32x4_t {
    vpaddq_s32(low, high)
}
