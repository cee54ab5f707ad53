use std::arch::aarch64::*;

use super::transposed;
use crate::kernels::{CHANNELS, SURF_SIDE, SurfPlane};

type Window = [u8; SURF_SIDE * SURF_SIDE];

/// Columns that are worked on together.
const LANES: usize = 8;
const LAST: usize = SURF_SIDE - 1;

pub(super) fn surf_sums(window: &Window, rows: u64, plane: &mut SurfPlane) {
    // From left to right: each goes on from what the one before has summed.
    for columns in [columns::<0>, columns::<8>, columns::<16>, columns::<24>, columns::<32>] {
        // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
        unsafe { columns(window, rows, plane) };
    }
}

/// The sums over the columns from `X` on.
#[target_feature(enable = "neon")]
fn columns<const X: usize>(window: &Window, rows: u64, plane: &mut SurfPlane) {
    let load = |x: usize, y: usize| {
        let pixels = &window[y * SURF_SIDE + x..][..LANES];
        // SAFETY: the slice is a vector long.
        unsafe { vld1_u8(pixels.as_ptr()) }
    };
    // No row below the last one that is wanted.
    let end = (u64::BITS - rows.leading_zeros()) as usize;
    // Sums of each column from the top, which fit: 38 times 255 and twice 510 at most.
    let mut sums = [vdupq_n_s16(0); CHANNELS];
    let mut above = load(X, 0);
    let mut here = above;
    for y in 0..end.saturating_sub(1).min(SURF_SIDE) {
        let below = load(X, (y + 1).min(LAST));
        // A pixel stands in for a neighbour that is missing, and the difference counts twice.
        let left = if X == 0 { vext_u8::<7>(vdup_lane_u8::<0>(here), here) } else { load(X - 1, y) };
        let right = if X + LANES > LAST { vext_u8::<1>(here, vdup_lane_u8::<7>(here)) } else { load(X + 1, y) };
        let mut dx = vreinterpretq_s16_u16(vsubl_u8(right, left));
        let mut dy = vreinterpretq_s16_u16(vsubl_u8(below, above));
        if X == 0 {
            dx = vsetq_lane_s16::<0>(2 * vgetq_lane_s16::<0>(dx), dx);
        }
        if X + LANES > LAST {
            dx = vsetq_lane_s16::<7>(2 * vgetq_lane_s16::<7>(dx), dx);
        }
        if y == 0 || y == LAST {
            dy = vaddq_s16(dy, dy);
        }
        add(&mut sums, 0, dx, dy);
        add(&mut sums, 4, dy, dx);
        if rows >> (y + 1) & 1 == 1 {
            sum_row::<X>(sums, y + 1, plane);
        }
        (above, here) = (here, below);
    }
}

/// Adds a gradient and its size to two of four channels, which depend on the sign of the other gradient.
#[inline]
#[target_feature(enable = "neon")]
fn add(sums: &mut [int16x8_t; CHANNELS], channel: usize, gradient: int16x8_t, other: int16x8_t) {
    let masks = [vcgezq_s16(other), vcltzq_s16(other)].map(|mask| vreinterpretq_s16_u16(mask));
    let size = vabsq_s16(gradient);
    for (sums, mask) in sums[channel..].chunks_exact_mut(2).zip(masks) {
        // A mask is -1 or 0: what is subtracted is the negative, or nothing.
        sums[0] = vmlsq_s16(sums[0], gradient, mask);
        sums[1] = vmlsq_s16(sums[1], size, mask);
    }
}

/// Adds the columns from left to right into a row of the plane.
#[inline]
#[target_feature(enable = "neon")]
fn sum_row<const X: usize>(sums: [int16x8_t; CHANNELS], y: usize, plane: &mut SurfPlane) {
    let row = &mut plane.0[y * SurfPlane::SIDE + X..][..LANES + 1];
    let (before, row) = row.split_first_mut().expect("a column and those of a vector");
    // SAFETY: an array of eight 32-bit numbers is two vectors long.
    let int32x4x2_t(mut low, mut high) = unsafe { vld1q_s32_x2(before.as_ptr()) };
    for (channels, to) in transposed(sums).into_iter().zip(row) {
        low = vaddw_s16(low, vget_low_s16(channels));
        high = vaddw_high_s16(high, channels);
        // SAFETY: an array of eight 32-bit numbers is two vectors long.
        unsafe { vst1q_s32_x2(to.as_mut_ptr(), int32x4x2_t(low, high)) };
    }
}
