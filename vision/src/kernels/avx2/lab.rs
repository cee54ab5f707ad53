use std::arch::x86_64::*;

use crate::kernels::pieces::starts;
use crate::kernels::scalar;

pub(super) fn box_row(rows: [&[u8]; 3], out: &mut [u16]) {
    // SAFETY: `avx2::kernels` is the only way here, and it looked for AVX2.
    unsafe { box_row_avx2(rows, out) }
}

#[target_feature(enable = "avx2")]
fn box_row_avx2(rows: [&[u8]; 3], out: &mut [u16]) {
    let [top, middle, bottom] = rows.map(|row| &row[..out.len() + 2]);
    if out.len() < 16 {
        return scalar::lab::box_row(rows, out);
    }
    for x in starts(out.len(), 16) {
        let mut sum = _mm256_setzero_si256();
        for row in [top, middle, bottom] {
            for shift in 0..3 {
                // SAFETY: x + 16 <= out.len(), and a row is 2 longer than that.
                let pixels = unsafe { _mm_loadu_si128(row.as_ptr().add(x + shift).cast()) };
                sum = _mm256_add_epi16(sum, _mm256_cvtepu8_epi16(pixels));
            }
        }
        // SAFETY: x + 16 <= out.len().
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().add(x).cast(), sum) };
    }
}

pub(super) fn code_row(sums: [&[u16]; 3], out: &mut [u8]) {
    // SAFETY: `avx2::kernels` is the only way here, and it looked for AVX2.
    unsafe { code_row_avx2(sums, out) }
}

#[target_feature(enable = "avx2")]
fn code_row_avx2(sums: [&[u16]; 3], out: &mut [u8]) {
    let [top, middle, bottom] = sums.map(|row| &row[..out.len() + 6]);
    let around = [(top, 0), (top, 3), (top, 6), (middle, 0), (middle, 6), (bottom, 0), (bottom, 3), (bottom, 6)];
    if out.len() < 32 {
        return scalar::lab::code_row(sums, out);
    }
    for x in starts(out.len(), 32) {
        let load = |row: &[u16], shift: usize| {
            let start = row[x + shift..x + shift + 32].as_ptr();
            // SAFETY: the slice is two vectors long.
            unsafe { (_mm256_loadu_si256(start.cast()), _mm256_loadu_si256(start.add(16).cast())) }
        };
        let centre = load(middle, 3);
        // Collects the bits of the sums that are greater. Sums are below 2^15, so signed comparisons are right.
        let mut greater = _mm256_setzero_si256();
        for (row, shift) in around {
            let sum = load(row, shift);
            let is_greater = (_mm256_cmpgt_epi16(sum.0, centre.0), _mm256_cmpgt_epi16(sum.1, centre.1));
            let is_greater = _mm256_packs_epi16(is_greater.0, is_greater.1);
            greater = _mm256_sub_epi8(_mm256_add_epi8(greater, greater), is_greater);
        }
        // Packing works on halves of a vector; the middle quarters have to change places.
        let greater = _mm256_permute4x64_epi64::<0b11_01_10_00>(greater);
        let codes = _mm256_xor_si256(greater, _mm256_set1_epi8(-1));
        // SAFETY: x + 32 <= out.len().
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().add(x).cast(), codes) };
    }
}

pub(super) fn split4(row: &[u8], runs: [&mut [u8]; 4]) {
    // SAFETY: `avx2::kernels` is the only way here, and it looked for AVX2.
    unsafe { split4_avx2(row, runs) }
}

#[target_feature(enable = "avx2")]
fn split4_avx2(row: &[u8], mut runs: [&mut [u8]; 4]) {
    if row.len() < 32 {
        return scalar::lab::split4(row, runs);
    }
    // The last vector begins at a byte of the first run, so that every vector is dealt out alike.
    let dealt = row.len() / 4 * 4;
    let by_phase = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    let halves = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    for start in starts(dealt, 32) {
        let codes = &row[start..start + 32];
        // SAFETY: the slice is 32 bytes long.
        let codes = unsafe { _mm256_loadu_si256(codes.as_ptr().cast()) };
        let sorted = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(codes, by_phase), halves);
        let mut eights = [0_u64; 4];
        // SAFETY: the array is 32 bytes long.
        unsafe { _mm256_storeu_si256(eights.as_mut_ptr().cast(), sorted) };
        for (run, eight) in runs.iter_mut().zip(eights) {
            run[start / 4..][..8].copy_from_slice(&eight.to_le_bytes());
        }
    }
    scalar::lab::split4(&row[dealt..], runs.map(|run| &mut run[dealt / 4..]));
}
