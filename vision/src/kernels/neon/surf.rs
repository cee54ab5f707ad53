use std::arch::aarch64::*;

use super::transposed;
use crate::kernels::{CHANNELS, SURF_SIDE, SurfPlane};

type Window = [u8; SURF_SIDE * SURF_SIDE];

/// Number of columns that are worked on together.
const LANES: usize = 8;
const LAST: usize = SURF_SIDE - 1;

pub(super) fn surf_sums(window: &Window, rows: u64, plane: &mut SurfPlane) {
    // Columns go from left to right, and each call continues from the sums of the one before.
    for columns in [columns::<0>, columns::<8>, columns::<16>, columns::<24>, columns::<32>] {
        // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
        unsafe { columns(window, rows, plane) };
    }
}

/// Computes the part of the plane that the columns from `X` on add.
#[target_feature(enable = "neon")]
fn columns<const X: usize>(window: &Window, rows: u64, plane: &mut SurfPlane) {
    // Sums of each column from the top fit into 16 bits: they are at most 40 times 510, at a border.
    let mut sums = [vdupq_n_s16(0); CHANNELS];
    // A gradient is what the steps from the pixel above and to the one below add up to. At a border there is one, which
    // counts twice.
    let mut here = load(window, X, 0);
    let mut step = signed(vsubl_u8(load(window, X, 1), here));
    for y in 0..SURF_SIDE {
        let dx = across::<X>(window, y);
        let above = step;
        if y < LAST {
            let below = load(window, X, y + 1);
            step = signed(vsubl_u8(below, here));
            here = below;
        }
        let dy = vaddq_s16(above, step);
        add(&mut sums, 0, dx, dy);
        add(&mut sums, 4, dy, dx);
        if rows >> (y + 1) & 1 == 1 {
            sum_row::<X>(sums, y + 1, plane);
        }
    }
}

/// Loads eight pixels of a row.
#[inline]
#[target_feature(enable = "neon")]
fn load(window: &Window, x: usize, y: usize) -> uint8x8_t {
    let pixels = &window[y * SURF_SIDE + x..][..LANES];
    // SAFETY: the slice is a vector long.
    unsafe { vld1_u8(pixels.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn signed(difference: uint16x8_t) -> int16x8_t {
    vreinterpretq_s16_u16(difference)
}

/// Returns the horizontal gradients at eight pixels from `X` on.
#[inline]
#[target_feature(enable = "neon")]
fn across<const X: usize>(window: &Window, y: usize) -> int16x8_t {
    let (first, last) = (X == 0, X + LANES == SURF_SIDE);
    // A pixel at a border stands in for its missing neighbour, and the difference is added twice.
    let here = load(window, X, y);
    let left = if first { vtbl1_u8(here, vcreate_u8(0x06_05_04_03_02_01_00_00)) } else { load(window, X - 1, y) };
    let right = if last { vtbl1_u8(here, vcreate_u8(0x07_07_06_05_04_03_02_01)) } else { load(window, X + 1, y) };
    let dx = signed(vsubl_u8(right, left));
    let border = match (first, last) {
        (true, _) => vsetq_lane_s16::<0>(-1, vdupq_n_s16(0)),
        (_, true) => vsetq_lane_s16::<7>(-1, vdupq_n_s16(0)),
        _ => return dx,
    };
    vaddq_s16(dx, vandq_s16(dx, border))
}

/// Adds a gradient and its absolute value to two of four channels, which the sign of the other gradient chooses.
#[inline]
#[target_feature(enable = "neon")]
fn add(sums: &mut [int16x8_t; CHANNELS], channel: usize, gradient: int16x8_t, other: int16x8_t) {
    let masks = [vcgezq_s16(other), vcltzq_s16(other)].map(|mask| vreinterpretq_s16_u16(mask));
    let size = vabsq_s16(gradient);
    for (sums, mask) in sums[channel..].chunks_exact_mut(2).zip(masks) {
        // A mask is -1 or 0, so subtracting the product adds the gradient or nothing.
        sums[0] = vmlsq_s16(sums[0], gradient, mask);
        sums[1] = vmlsq_s16(sums[1], size, mask);
    }
}

/// Adds up the columns from left to right into a row of the plane.
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
