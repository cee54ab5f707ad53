use std::arch::aarch64::*;

use super::bits;
use crate::kernels::{SURF_SIDE, Sieve};

/// Number of vectors of 16 codes in a block.
const VECTORS: usize = Sieve::BLOCK / 16;

/// The sums of 16 windows for each vector of codes.
type Sums = [[uint16x8_t; 2]; VECTORS];

pub(super) fn sift(sieve: &Sieve, codes: &[u8], offsets: &[u32], sums: &mut [u16; Sieve::BLOCK]) -> u64 {
    // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
    unsafe { sift_neon(sieve, codes, offsets, sums) }
}

#[target_feature(enable = "neon")]
fn sift_neon(sieve: &Sieve, codes: &[u8], offsets: &[u32], out: &mut [u16; Sieve::BLOCK]) -> u64 {
    let mut sums = [[vdupq_n_u16(0); 2]; VECTORS];
    let mut left = u64::MAX;
    let groups = sieve.tables.chunks_exact(Sieve::GROUP).zip(offsets.chunks_exact(Sieve::GROUP));
    for ((tables, offsets), &least) in groups.zip(&sieve.least) {
        for (table, &offset) in tables.iter().zip(offsets) {
            let codes = codes[offset as usize..].first_chunk().expect("codes are there for all windows of a block");
            add_weights(&mut sums, table, codes);
        }
        let least = vdupq_n_u16(least);
        left &= bits(sums.map(|sums| {
            let [low, high] = sums.map(|sum| vreinterpretq_u8_u16(vcgeq_u16(sum, least)));
            vuzp1q_u8(low, high)
        }));
        if left == 0 {
            return 0;
        }
    }
    for (out, [low, high]) in out.chunks_exact_mut(16).zip(sums) {
        // SAFETY: the chunk is two vectors long.
        unsafe { vst1q_u16_x2(out.as_mut_ptr(), uint16x8x2_t(low, high)) };
    }
    left
}

/// Adds `table[code]` to the sums for 64 codes.
#[inline]
#[target_feature(enable = "neon")]
fn add_weights(sums: &mut Sums, table: &[u8; 256], codes: &[u8; Sieve::BLOCK]) {
    // SAFETY: the table is four times four vectors long.
    let quarters = [0, 64, 128, 192].map(|at| unsafe { vld1q_u8_x4(table.as_ptr().add(at)) });
    let quarter = vdupq_n_u8(64);
    for (sums, codes) in sums.iter_mut().zip(codes.chunks_exact(16)) {
        // SAFETY: the chunk is a vector long.
        let codes = unsafe { vld1q_u8(codes.as_ptr()) };
        // A code that is not in this quarter of the table gets zero, or keeps what it got from another.
        let weights = vqtbl4q_u8(quarters[0], codes);
        let codes = vsubq_u8(codes, quarter);
        let weights = vqtbx4q_u8(weights, quarters[1], codes);
        let codes = vsubq_u8(codes, quarter);
        let weights = vqtbx4q_u8(weights, quarters[2], codes);
        let codes = vsubq_u8(codes, quarter);
        let weights = vqtbx4q_u8(weights, quarters[3], codes);
        *sums = [vaddw_u8(sums[0], vget_low_u8(weights)), vaddw_high_u8(sums[1], weights)];
    }
}

pub(super) fn moments(pixels: &[u8], stride: usize) -> (u32, u32) {
    // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
    unsafe { moments_neon(pixels, stride) }
}

#[target_feature(enable = "neon")]
fn moments_neon(pixels: &[u8], stride: usize) -> (u32, u32) {
    // Each lane of `sum` adds up 5 pixels of each of 40 rows, which fit into 16 bits.
    let (mut sum, mut squares) = (vdupq_n_u16(0), vdupq_n_u32(0));
    for row in pixels.chunks(stride).take(SURF_SIDE) {
        let row: &[u8; SURF_SIDE] = row.first_chunk().expect("a window is that wide");
        // SAFETY: a row is two vectors and a half long.
        let (uint8x16x2_t(a, b), c) = unsafe { (vld1q_u8_x2(row.as_ptr()), vld1_u8(row.as_ptr().add(32))) };
        sum = vaddw_u8(vpadalq_u8(vpadalq_u8(sum, a), b), c);
        for products in [
            vmull_u8(vget_low_u8(a), vget_low_u8(a)),
            vmull_high_u8(a, a),
            vmull_u8(vget_low_u8(b), vget_low_u8(b)),
            vmull_high_u8(b, b),
            vmull_u8(c, c),
        ] {
            squares = vpadalq_u16(squares, products);
        }
    }
    (vaddlvq_u16(sum), vaddvq_u32(squares))
}
