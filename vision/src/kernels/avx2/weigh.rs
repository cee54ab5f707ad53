//! The two passes of [`scalar::weigh`](crate::kernels::scalar::weigh), 16 pixels or 8 results at a time.

use std::arch::x86_64::*;

use crate::kernels::generic::weigh::{self, Weigh};
use crate::kernels::scalar::weigh::{COLUMNS_SHIFT, ROWS_SHIFT, weigh_rows as weigh_rows_scalar};
use crate::kernels::weights::{Far, GROUP, Near, Weights};

pub(super) fn weigh_rows(rows: &[u8], stride: usize, weights: &[i16], out: &mut [i16]) {
    // SAFETY: this function is reached only through the table that `kernels()` makes after it checked for AVX2.
    unsafe { weigh_rows_avx2(rows, stride, weights, out) }
}

pub(super) fn weigh_columns(row: &[i16], weights: &Weights, out: &mut [u8]) {
    // SAFETY: this function is reached only through the table that `kernels()` makes after it checked for AVX2.
    unsafe { weigh_columns_avx2(row, weights, out) }
}

/// Number of pixels that one step works on.
const STEP: usize = 16;

#[target_feature(enable = "avx2")]
fn weigh_rows_avx2(rows: &[u8], stride: usize, weights: &[i16], out: &mut [i16]) {
    let (steps, tail) = out.as_chunks_mut::<STEP>();
    let done = steps.len() * STEP;
    let load = |row: usize, x: usize| {
        let pixels: &[u8; STEP] = rows[row * stride + x..].first_chunk().expect("rows are as long as the results");
        // SAFETY: an array of 16 bytes is readable.
        unsafe { _mm_loadu_si128(pixels.as_ptr().cast()) }
    };
    let (pairs, last) = weights.as_chunks::<2>();
    for (step, out) in steps.iter_mut().enumerate() {
        let x = step * STEP;
        let mut sums = [_mm256_set1_epi32(1 << (ROWS_SHIFT - 1)); 2];
        for (i, &pair) in pairs.iter().enumerate() {
            add_rows(&mut sums, load(2 * i, x), load(2 * i + 1, x), pair);
        }
        if let &[weight] = last {
            add_rows(&mut sums, load(weights.len() - 1, x), _mm_setzero_si128(), [weight, 0]);
        }
        let [low, high] = sums.map(|sum| _mm256_srai_epi32::<{ ROWS_SHIFT as i32 }>(sum));
        let sums = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(low, high));
        // SAFETY: the step is 16 numbers long.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), sums) }
    }
    weigh_rows_scalar(&rows[done.min(rows.len())..], stride, weights, tail);
}

#[inline]
#[target_feature(enable = "avx2")]
fn add_rows(sums: &mut [__m256i; 2], upper: __m128i, lower: __m128i, weights: [i16; 2]) {
    let weights = _mm256_set1_epi32(i32::from(weights[0]) & 0xFFFF | i32::from(weights[1]) << 16);
    let halves = [_mm_unpacklo_epi8(upper, lower), _mm_unpackhi_epi8(upper, lower)];
    for (sum, pairs) in sums.iter_mut().zip(halves) {
        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(_mm256_cvtepu8_epi16(pairs), weights));
    }
}

#[target_feature(enable = "avx2")]
fn weigh_columns_avx2(row: &[i16], weights: &Weights, out: &mut [u8]) {
    // SAFETY: the attribute says that there is AVX2.
    unsafe { weigh::weigh_columns::<Avx2>(row, weights, out) }
}

struct Avx2;

impl Weigh for Avx2 {
    type Sums = __m256i;

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn near(row: *const i16, group: &Near) -> __m256i {
        // SAFETY: promised by the caller.
        let values = unsafe {
            let [low, high] = group.firsts.map(|first| row.add(first as usize).cast());
            _mm256_loadu2_m128i(high, low)
        };
        let mut sum = _mm256_setzero_si256();
        for (bytes, weights) in group.bytes.iter().zip(&group.weights) {
            // SAFETY: both are 32 bytes long.
            let (bytes, weights) =
                unsafe { (_mm256_loadu_si256(bytes.as_ptr().cast()), _mm256_loadu_si256(weights.as_ptr().cast())) };
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(values, bytes), weights));
        }
        sum
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn far(row: *const i16, group: &Far) -> __m256i {
        let mut sums = [_mm256_setzero_si256(); 4];
        for (at, weights) in group.weights.iter().enumerate() {
            for i in 0..4 {
                // SAFETY: promised by the caller; a pair of eights is 32 bytes long.
                let (values, weights) = unsafe {
                    let [low, high] = [i, i + 4].map(|i| row.add(group.firsts[i] as usize + at * 8).cast());
                    (_mm256_loadu2_m128i(high, low), _mm256_loadu_si256(weights[i].as_ptr().cast()))
                };
                sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(values, weights));
            }
        }
        let [a, b, c, d] = sums;
        _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn round(sums: __m256i) -> [u8; GROUP] {
        let rounded = _mm256_add_epi32(sums, _mm256_set1_epi32(1 << (COLUMNS_SHIFT - 1)));
        let results = _mm256_srai_epi32::<{ COLUMNS_SHIFT as i32 }>(rounded);
        let words = _mm_packs_epi32(_mm256_castsi256_si128(results), _mm256_extracti128_si256::<1>(results));
        _mm_cvtsi128_si64(_mm_packus_epi16(words, words)).to_le_bytes()
    }
}
