use std::arch::x86_64::*;

use crate::kernels::pieces::starts;
use crate::kernels::{Axis, avx2};

/// Number of results that are computed together.
const LANES: usize = 8;

pub(super) fn blend_row(rows: [&[u8]; 2], shares: [f64; 2], across: &Axis, out: &mut [u8]) {
    // SAFETY: `avx512::kernels` is the only way here, and it looked for these.
    let done = unsafe { blend_row_avx512(rows, shares, across, out) };
    if !done {
        avx2::resize::blend_row(rows, shares, across, out);
    }
}

/// Computes a row. Returns false, with nothing useful in `out`, when eight results need pixels that lie too far apart, or when
/// there are fewer than eight.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn blend_row_avx512(rows: [&[u8]; 2], shares: [f64; 2], across: &Axis, out: &mut [u8]) -> bool {
    let length = out.len();
    if length < LANES {
        return false;
    }
    let Axis { index, before, after } = across;
    let (index, before, after) = (&index[..length], &before[..length], &after[..length]);
    let [upper, lower] = shares.map(|share| _mm512_set1_pd(share));
    for start in starts(length, LANES) {
        let (first, last) = (index[start] as usize, index[start + LANES - 1] as usize);
        assert!(rows.iter().all(|row| last + 1 < row.len()), "the rows end before the last pixel");
        // A vector holds 64 pixels, and the right neighbour of the last one is needed too.
        if last - first > 62 {
            return false;
        }
        // SAFETY: start + LANES <= length, which is that of all three.
        let (places, before, after) = unsafe {
            (
                _mm256_loadu_si256(index.as_ptr().add(start).cast()),
                _mm512_loadu_pd(before.as_ptr().add(start)),
                _mm512_loadu_pd(after.as_ptr().add(start)),
            )
        };
        let left = _mm256_sub_epi32(places, _mm256_set1_epi32(first as i32));
        let right = _mm256_add_epi32(left, _mm256_set1_epi32(1));
        let places = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(left), right);
        let top = between(&rows[0][first..], places, before, after);
        let bottom = between(&rows[1][first..], places, before, after);
        let blended = _mm512_add_pd(_mm512_mul_pd(upper, top), _mm512_mul_pd(lower, bottom));
        let blended = _mm512_castsi256_si512(_mm512_cvttpd_epi32(blended));
        let bytes = _mm512_cvtusepi32_epi8(_mm512_max_epi32(blended, _mm512_setzero_si512()));
        // SAFETY: start + LANES <= length.
        unsafe { _mm_storel_epi64(out.as_mut_ptr().add(start).cast(), bytes) };
    }
    true
}

/// Returns eight results between pixels of one row. `places` has the left pixel of each pair in its lower half, and the right one
/// in the upper.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn between(row: &[u8], places: __m512i, before: __m512d, after: __m512d) -> __m512d {
    let there = u64::MAX >> (64 - row.len().clamp(1, 64));
    // SAFETY: the caller has seen that the row is not empty, and no byte past its end is read.
    let row = unsafe { _mm512_maskz_loadu_epi8(there, row.as_ptr().cast()) };
    // Moves each pixel into the lowest byte of 32 bits, with zeros above.
    let pixels = _mm512_maskz_permutexvar_epi8(0x1111_1111_1111_1111, places, row);
    let left = _mm512_cvtepi32_pd(_mm512_castsi512_si256(pixels));
    let right = _mm512_cvtepi32_pd(_mm512_extracti64x4_epi64::<1>(pixels));
    _mm512_add_pd(_mm512_mul_pd(before, left), _mm512_mul_pd(after, right))
}
