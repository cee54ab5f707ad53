use std::arch::x86_64::*;

use crate::kernels::pieces::starts;
use crate::kernels::{Axis, scalar};

pub(in crate::kernels) fn blend_row(rows: [&[u8]; 2], shares: [f64; 2], across: &Axis, out: &mut [u8]) {
    // SAFETY: `avx2::kernels` is the only way here, and it looked for AVX2.
    unsafe { blend_row_avx2(rows, shares, across, out) }
}

#[target_feature(enable = "avx2")]
fn blend_row_avx2(rows: [&[u8]; 2], shares: [f64; 2], across: &Axis, out: &mut [u8]) {
    let length = out.len();
    if length < 8 {
        return scalar::resize::blend_row(rows, shares, across, out);
    }
    let Axis { index, before, after } = across;
    let (index, before, after) = (&index[..length], &before[..length], &after[..length]);
    let [upper, lower] = shares.map(|share| _mm256_set1_pd(share));
    // Computes pixels `at` to `at + 4`, in 32 bits each.
    let blend_four = |at: usize| {
        // SAFETY: at + 4 <= length, which is that of all three.
        let (indices, before, after) = unsafe {
            (
                _mm_loadu_si128(index.as_ptr().add(at).cast()),
                _mm256_loadu_pd(before.as_ptr().add(at)),
                _mm256_loadu_pd(after.as_ptr().add(at)),
            )
        };
        let (first, last) = (index[at] as usize, index[at + 3] as usize);
        let [top, bottom] = if last - first <= 14 && first + 16 <= rows[1].len() {
            let near = _mm_sub_epi32(indices, _mm_set1_epi32(first as i32));
            rows.map(|row| near_pixels(&row[first..], near))
        } else {
            rows.map(|row| far_pixels(row, &index[at..at + 4]))
        };
        let between = |(left, right)| {
            let left = _mm256_mul_pd(before, _mm256_cvtepi32_pd(left));
            _mm256_add_pd(left, _mm256_mul_pd(after, _mm256_cvtepi32_pd(right)))
        };
        let blended = _mm256_add_pd(_mm256_mul_pd(upper, between(top)), _mm256_mul_pd(lower, between(bottom)));
        _mm256_cvttpd_epi32(blended)
    };
    for start in starts(length, 8) {
        let words = _mm_packs_epi32(blend_four(start), blend_four(start + 4));
        // SAFETY: start + 8 <= length.
        unsafe { _mm_storel_epi64(out.as_mut_ptr().add(start).cast(), _mm_packus_epi16(words, words)) };
    }
}

/// Returns four pixels and their right neighbours, at places within 16 pixels.
#[inline]
#[target_feature(enable = "avx2")]
fn near_pixels(row: &[u8], places: __m128i) -> (__m128i, __m128i) {
    let row = &row[..16];
    // SAFETY: the slice is a vector long.
    let row = unsafe { _mm_loadu_si128(row.as_ptr().cast()) };
    // A byte of an index with its top bit set shuffles in a zero, which leaves one pixel in each 32 bits.
    let left = _mm_or_si128(places, _mm_set1_epi32(0x8080_8000_u32.cast_signed()));
    let right = _mm_add_epi32(left, _mm_set1_epi32(1));
    (_mm_shuffle_epi8(row, left), _mm_shuffle_epi8(row, right))
}

/// Returns four pixels and their right neighbours, anywhere in the row.
#[cold]
#[target_feature(enable = "avx2")]
fn far_pixels(row: &[u8], indices: &[u32]) -> (__m128i, __m128i) {
    let pixels = |next: usize| {
        let pixel = |i: usize| i32::from(row[indices[i] as usize + next]);
        _mm_setr_epi32(pixel(0), pixel(1), pixel(2), pixel(3))
    };
    (pixels(0), pixels(1))
}
