use std::arch::x86_64::*;

use super::starts;
use crate::kernels::{Axis, scalar};

pub(super) fn blend_row(rows: [&[u8]; 2], shares: [f64; 2], across: &Axis, out: &mut [u8]) {
    // SAFETY: `avx2::kernels` is the only way here, and it looked for AVX2.
    unsafe { blend_row_avx2(rows, shares, across, out) }
}

#[target_feature(enable = "avx2")]
fn blend_row_avx2(rows: [&[u8]; 2], shares: [f64; 2], across: &Axis, out: &mut [u8]) {
    if out.len() < 8 {
        return scalar::resize::blend_row(rows, shares, across, out);
    }
    let shares = shares.map(|share| _mm256_set1_pd(share));
    for start in starts(out.len(), 8) {
        let [low, high] = [start, start + 4].map(|at| blend_four(rows, shares, across, at));
        let words = _mm_packs_epi32(low, high);
        // SAFETY: start + 8 <= out.len().
        unsafe { _mm_storel_epi64(out.as_mut_ptr().add(start).cast(), _mm_packus_epi16(words, words)) };
    }
}

/// Pixels `at` to `at + 4` of a row, in 32 bits each.
#[target_feature(enable = "avx2")]
fn blend_four(rows: [&[u8]; 2], shares: [__m256d; 2], across: &Axis, at: usize) -> __m128i {
    let places = at..at + 4;
    let (indices, before) = (&across.index[places.clone()], &across.before[places.clone()]);
    let after = &across.after[places];
    // SAFETY: four floats are a vector long.
    let (before, after) = unsafe { (_mm256_loadu_pd(before.as_ptr()), _mm256_loadu_pd(after.as_ptr())) };
    let (first, last) = (indices[0] as usize, indices[3] as usize);
    let pixels = if last - first <= 14 && first + 16 <= rows[1].len() {
        // SAFETY: four indices are a vector long.
        let indices = unsafe { _mm_loadu_si128(indices.as_ptr().cast()) };
        let near = _mm_sub_epi32(indices, _mm_set1_epi32(first as i32));
        rows.map(|row| near_pixels(&row[first..], near))
    } else {
        rows.map(|row| far_pixels(row, indices))
    };
    let [top, bottom] = pixels.map(|(left, right)| {
        let left = _mm256_mul_pd(before, _mm256_cvtepi32_pd(left));
        _mm256_add_pd(left, _mm256_mul_pd(after, _mm256_cvtepi32_pd(right)))
    });
    _mm256_cvttpd_epi32(_mm256_add_pd(_mm256_mul_pd(shares[0], top), _mm256_mul_pd(shares[1], bottom)))
}

/// Four pixels and their right neighbours, at places within 16 pixels.
#[target_feature(enable = "avx2")]
fn near_pixels(row: &[u8], places: __m128i) -> (__m128i, __m128i) {
    let row = &row[..16];
    // SAFETY: the slice is a vector long.
    let row = unsafe { _mm_loadu_si128(row.as_ptr().cast()) };
    // A byte of an index with its top bit set shuffles in a zero: what is left is a pixel in each 32 bits.
    let left = _mm_or_si128(places, _mm_set1_epi32(0x8080_8000_u32.cast_signed()));
    let right = _mm_add_epi32(left, _mm_set1_epi32(1));
    (_mm_shuffle_epi8(row, left), _mm_shuffle_epi8(row, right))
}

/// Four pixels and their right neighbours, anywhere in the row.
#[target_feature(enable = "avx2")]
fn far_pixels(row: &[u8], indices: &[u32]) -> (__m128i, __m128i) {
    let pixels = |next: usize| {
        let pixel = |i: usize| i32::from(row[indices[i] as usize + next]);
        _mm_setr_epi32(pixel(0), pixel(1), pixel(2), pixel(3))
    };
    (pixels(0), pixels(1))
}
