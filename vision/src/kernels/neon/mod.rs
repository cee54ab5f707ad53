//! Kernels for NEON, which every 64-bit Arm processor has.
//!
//! A function with `#[target_feature]` may run only where the processor has NEON. The functions in the table call such functions
//! without checking, because the table exists only after [`kernels`] has checked.

mod conv;
mod dct;
mod lab;
mod mlp;
mod resize;
mod sift;
mod surf;
mod weigh;

use std::arch::aarch64::*;
use std::arch::is_aarch64_feature_detected;

use super::Kernels;

pub(super) fn kernels() -> Option<Kernels> {
    is_aarch64_feature_detected!("neon").then_some(Kernels {
        name: "aarch64-neon",
        blend_row: resize::blend_row,
        box_row: lab::box_row,
        code_row: lab::code_row,
        split4: lab::split4,
        sift: sift::sift,
        moments: sift::moments,
        surf_sums: surf::surf_sums,
        dense: mlp::dense,
        inverse_dct: dct::inverse_dct,
        forward_dct: dct::forward_dct,
        weigh_rows: weigh::weigh_rows,
        weigh_columns: weigh::weigh_columns,
        convolve: conv::CONVOLVE,
    })
}

/// Turns rows into columns.
#[inline]
#[target_feature(enable = "neon")]
fn transposed(rows: [int16x8_t; 8]) -> [int16x8_t; 8] {
    // First squares of two by two numbers are transposed, then squares of such squares, and so on.
    let ones = |a, b| [vtrn1q_s16(a, b), vtrn2q_s16(a, b)].map(|v| vreinterpretq_s32_s16(v));
    let twos = |a, b| [vtrn1q_s32(a, b), vtrn2q_s32(a, b)].map(|v| vreinterpretq_s64_s32(v));
    let fours = |a, b| [vtrn1q_s64(a, b), vtrn2q_s64(a, b)].map(|v| vreinterpretq_s16_s64(v));
    let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
    let ([a0, a1], [a2, a3], [a4, a5], [a6, a7]) = (ones(r0, r1), ones(r2, r3), ones(r4, r5), ones(r6, r7));
    let ([b0, b2], [b1, b3], [b4, b6], [b5, b7]) = (twos(a0, a2), twos(a1, a3), twos(a4, a6), twos(a5, a7));
    let ([c0, c4], [c1, c5], [c2, c6], [c3, c7]) = (fours(b0, b4), fours(b1, b5), fours(b2, b6), fours(b3, b7));
    [c0, c1, c2, c3, c4, c5, c6, c7]
}

/// Returns a bit for each byte, the first byte in the lowest bit. All bits of a byte must be the same.
#[inline]
#[target_feature(enable = "neon")]
fn bits(masks: [uint8x16_t; 4]) -> u64 {
    // SAFETY: the array is a vector long.
    let own = unsafe { vld1q_u8([1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128].as_ptr()) };
    let [a, b, c, d] = masks.map(|mask| vandq_u8(mask, own));
    // Adding neighbours three times gathers the bits of eight bytes in one.
    let gathered = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
    vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(gathered, gathered)))
}
