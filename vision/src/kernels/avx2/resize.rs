use std::arch::x86_64::*;

use crate::kernels::{Axis, scalar};

pub(super) fn blend_row(top: &[u8], bottom: &[u8], across: &Axis, down: f64, out: &mut [u8]) {
    // SAFETY: `avx2::kernels` is the only way here, and it looked for AVX2.
    unsafe { blend_row_avx2(top, bottom, across, down, out) }
}

#[target_feature(enable = "avx2")]
fn blend_row_avx2(top: &[u8], bottom: &[u8], across: &Axis, down: f64, out: &mut [u8]) {
    let top = &top[..bottom.len()];
    let (one, below) = (_mm256_set1_pd(1.0), _mm256_set1_pd(down));
    let above = _mm256_sub_pd(one, below);
    let vectors = out.len() / 4 * 4;
    let groups = across.index.chunks_exact(4).zip(across.weight.chunks_exact(4));
    for ((indices, weights), out) in groups.zip(out.chunks_exact_mut(4)) {
        // SAFETY: a chunk of four floats is a vector long.
        let right = unsafe { _mm256_loadu_pd(weights.as_ptr()) };
        let left = _mm256_sub_pd(one, right);
        let between = |(left_pixels, right_pixels): (__m128i, __m128i)| {
            let from_left = _mm256_mul_pd(left, _mm256_cvtepi32_pd(left_pixels));
            _mm256_add_pd(from_left, _mm256_mul_pd(right, _mm256_cvtepi32_pd(right_pixels)))
        };
        let (first, last) = (indices[0] as usize, indices[3] as usize);
        let (top, bottom) = if last - first <= 14 && first + 16 <= top.len() {
            // SAFETY: a chunk of four indices is a vector long.
            let indices = unsafe { _mm_loadu_si128(indices.as_ptr().cast()) };
            let near = _mm_sub_epi32(indices, _mm_set1_epi32(first as i32));
            (near_pixels(&top[first..], near), near_pixels(&bottom[first..], near))
        } else {
            (far_pixels(top, indices), far_pixels(bottom, indices))
        };
        let blended = _mm256_add_pd(_mm256_mul_pd(above, between(top)), _mm256_mul_pd(below, between(bottom)));
        let blended = _mm256_cvttpd_epi32(blended);
        let bytes = _mm_packus_epi16(_mm_packs_epi32(blended, blended), _mm_setzero_si128());
        out.copy_from_slice(&_mm_cvtsi128_si32(bytes).to_le_bytes());
    }
    let rest = Axis { index: across.index[vectors..].to_vec(), weight: across.weight[vectors..].to_vec() };
    scalar::resize::blend_row(top, bottom, &rest, down, &mut out[vectors..]);
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
