use std::arch::aarch64::*;

use crate::kernels::pieces::starts;
use crate::kernels::scalar;

/// Number of results that are computed together.
const LANES: usize = 16;

pub(super) fn box_row(rows: [&[u8]; 3], out: &mut [u16]) {
    // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
    unsafe { box_row_neon(rows, out) }
}

#[target_feature(enable = "neon")]
fn box_row_neon(rows: [&[u8]; 3], out: &mut [u16]) {
    if out.len() < LANES {
        return scalar::lab::box_row(rows, out);
    }
    let rows = rows.map(|row| &row[..out.len() + 2]);
    for x in starts(out.len(), LANES) {
        // Sums of three pixels, one below the other, in 16 columns.
        let columns = |shift: usize| {
            // SAFETY: `shift` is 2 at most, x + 16 <= out.len(), and a row is 2 longer than that.
            let [top, middle, bottom] = rows.map(|row| unsafe { vld1q_u8(row.as_ptr().add(x + shift)) });
            let low = vaddl_u8(vget_low_u8(top), vget_low_u8(middle));
            let high = vaddl_high_u8(top, middle);
            [vaddw_u8(low, vget_low_u8(bottom)), vaddw_high_u8(high, bottom)]
        };
        let [left, right] = [columns(0), columns(2)];
        // The columns in between are known too: one after the first, and seven after the third.
        let middle = [vextq_u16::<1>(left[0], left[1]), vextq_u16::<7>(right[0], right[1])];
        let [low, high] = [0, 1].map(|i| vaddq_u16(vaddq_u16(left[i], middle[i]), right[i]));
        // SAFETY: x + 16 <= out.len().
        unsafe { vst1q_u16_x2(out.as_mut_ptr().add(x), uint16x8x2_t(low, high)) };
    }
}

pub(super) fn code_row(sums: [&[u16]; 3], out: &mut [u8]) {
    // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
    unsafe { code_row_neon(sums, out) }
}

#[target_feature(enable = "neon")]
fn code_row_neon(sums: [&[u16]; 3], out: &mut [u8]) {
    if out.len() < LANES {
        return scalar::lab::code_row(sums, out);
    }
    let [top, middle, bottom] = sums.map(|row| &row[..out.len() + 6]);
    for x in starts(out.len(), LANES) {
        let load = |row: &[u16], shift: usize| {
            // SAFETY: `shift` is 6 at most, x + 16 <= out.len(), and a row is 6 longer than that.
            unsafe { vld1q_u16_x2(row.as_ptr().add(x + shift)) }
        };
        let centre = load(middle, 3);
        // All bits of a byte are set where the middle is at least as bright.
        let mask = |row: &[u16], shift: usize| {
            let sum = load(row, shift);
            let [low, high] = [vcgeq_u16(centre.0, sum.0), vcgeq_u16(centre.1, sum.1)];
            vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high))
        };
        // Each mask is inserted below the bits of the masks before it.
        let codes = mask(top, 0);
        let codes = vsriq_n_u8::<1>(codes, mask(top, 3));
        let codes = vsriq_n_u8::<2>(codes, mask(top, 6));
        let codes = vsriq_n_u8::<3>(codes, mask(middle, 0));
        let codes = vsriq_n_u8::<4>(codes, mask(middle, 6));
        let codes = vsriq_n_u8::<5>(codes, mask(bottom, 0));
        let codes = vsriq_n_u8::<6>(codes, mask(bottom, 3));
        let codes = vsriq_n_u8::<7>(codes, mask(bottom, 6));
        // SAFETY: x + 16 <= out.len().
        unsafe { vst1q_u8(out.as_mut_ptr().add(x), codes) };
    }
}

pub(super) fn split4(row: &[u8], runs: [&mut [u8]; 4]) {
    // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
    unsafe { split4_neon(row, runs) }
}

#[target_feature(enable = "neon")]
fn split4_neon(row: &[u8], mut runs: [&mut [u8]; 4]) {
    let fours = row.len() / 4;
    if fours < LANES {
        return scalar::lab::split4(row, runs);
    }
    for i in starts(fours, LANES) {
        // SAFETY: i + 16 <= row.len() / 4.
        let uint8x16x4_t(a, b, c, d) = unsafe { vld4q_u8(row.as_ptr().add(4 * i)) };
        for (run, dealt) in runs.iter_mut().zip([a, b, c, d]) {
            let to = &mut run[i..][..LANES];
            // SAFETY: the slice is a vector long.
            unsafe { vst1q_u8(to.as_mut_ptr(), dealt) };
        }
    }
    scalar::lab::split4(&row[4 * fours..], runs.map(|run| &mut run[fours..]));
}
