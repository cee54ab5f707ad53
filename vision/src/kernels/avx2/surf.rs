use std::arch::x86_64::*;

use crate::kernels::pieces::starts;
use crate::kernels::{CHANNELS, SURF_SIDE, SurfPlane};

/// Number of words in a vector.
const LANES: usize = 16;
/// Number of vectors that hold a row of a window.
const VECTORS: usize = SURF_SIDE.div_ceil(LANES);

/// A row of pixels as words, with one more pixel at either end.
type Row = [i16; LANES * VECTORS + 2];

pub(super) fn surf_sums(window: &[u8; SURF_SIDE * SURF_SIDE], rows: u64, plane: &mut SurfPlane) {
    // SAFETY: `avx2::kernels` is the only way here, and it looked for AVX2.
    unsafe { surf_sums_avx2(window, rows, plane) }
}

#[target_feature(enable = "avx2")]
fn surf_sums_avx2(window: &[u8; SURF_SIDE * SURF_SIDE], rows: u64, plane: &mut SurfPlane) {
    const LAST: usize = SURF_SIDE - 1;
    // Rows go from -1 to 40. A missing pixel continues the slope, so that the difference at a border counts twice.
    let mut padded: [Row; SURF_SIDE + 2] = [[0; LANES * VECTORS + 2]; SURF_SIDE + 2];
    for (row, pixels) in padded[1..].iter_mut().zip(window.chunks_exact(SURF_SIDE)) {
        for x in starts(SURF_SIDE, LANES) {
            let pixels = &pixels[x..][..LANES];
            // SAFETY: the slice is half a vector long.
            let pixels = unsafe { _mm_loadu_si128(pixels.as_ptr().cast()) };
            store(&mut row[x + 1..], _mm256_cvtepu8_epi16(pixels));
        }
        row[0] = 2 * row[1] - row[2];
        row[SURF_SIDE + 1] = 2 * row[SURF_SIDE] - row[LAST];
    }
    let [above, first, second, .., last_but_one, last, below] = &mut padded;
    for x in starts(SURF_SIDE, LANES) {
        let continued = |border: &Row, inner: &Row| {
            let border = load(border, x + 1);
            _mm256_sub_epi16(_mm256_add_epi16(border, border), load(inner, x + 1))
        };
        store(&mut above[x + 1..], continued(first, second));
        store(&mut below[x + 1..], continued(last, last_but_one));
    }
    for v in 0..VECTORS {
        // Sums of each column from the top fit into 16 bits: they are at most 40 times 510, at a border.
        let mut columns = [_mm256_setzero_si256(); CHANNELS];
        for y in 0..SURF_SIDE {
            let x = LANES * v;
            let dx = _mm256_sub_epi16(load(&padded[y + 1], x + 2), load(&padded[y + 1], x));
            let dy = _mm256_sub_epi16(load(&padded[y + 2], x + 1), load(&padded[y], x + 1));
            let by_sign = [parts(dx, dy), parts(dy, dx)];
            for (sum, part) in columns.iter_mut().zip(by_sign.as_flattened()) {
                *sum = _mm256_add_epi16(*sum, *part);
            }
            if rows >> (y + 1) & 1 == 1 {
                sum_row(columns, LANES * v, y + 1, plane);
            }
        }
    }
}

/// Loads the words of a row from `x` on.
#[inline]
#[target_feature(enable = "avx2")]
fn load(row: &Row, x: usize) -> __m256i {
    let words = &row[x..][..LANES];
    // SAFETY: the slice is a vector long.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

/// Writes words to the start of `to`.
#[inline]
#[target_feature(enable = "avx2")]
fn store(to: &mut [i16], words: __m256i) {
    let to = &mut to[..LANES];
    // SAFETY: the slice is a vector long.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), words) };
}

/// Returns a gradient and its absolute value where `by` is at least 0, and both where `by` is below 0. Elsewhere they are 0.
#[target_feature(enable = "avx2")]
fn parts(gradient: __m256i, by: __m256i) -> [__m256i; 4] {
    let negative = _mm256_srai_epi16::<15>(by);
    let size = _mm256_abs_epi16(gradient);
    [
        _mm256_andnot_si256(negative, gradient),
        _mm256_andnot_si256(negative, size),
        _mm256_and_si256(negative, gradient),
        _mm256_and_si256(negative, size),
    ]
}

/// Continues a row of the plane from column `start`: adds up the sums of the columns from there on, as far as the window goes.
#[target_feature(enable = "avx2")]
fn sum_row(columns: [__m256i; CHANNELS], start: usize, y: usize, plane: &mut SurfPlane) {
    // SAFETY: an array of eight 32-bit numbers is a vector long, here and below.
    let mut sum = unsafe { _mm256_loadu_si256(plane.until(start, y).as_ptr().cast()) };
    let halves = [columns.map(|c| _mm256_castsi256_si128(c)), columns.map(|c| _mm256_extracti128_si256::<1>(c))];
    for (half, start) in halves.into_iter().zip([start, start + 8]) {
        if start == SURF_SIDE {
            break;
        }
        // Eight channels of eight columns each are turned into eight columns of eight channels.
        for (i, column) in transpose(half).into_iter().enumerate() {
            sum = _mm256_add_epi32(sum, _mm256_cvtepi16_epi32(column));
            let to = plane.at(start + i + 1, y);
            // SAFETY: as above.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), sum) };
        }
    }
}

/// Turns rows into columns.
#[target_feature(enable = "avx2")]
fn transpose(r: [__m128i; 8]) -> [__m128i; 8] {
    let words = |a, b| (_mm_unpacklo_epi16(a, b), _mm_unpackhi_epi16(a, b));
    let ((a0, a1), (a2, a3)) = (words(r[0], r[1]), words(r[2], r[3]));
    let ((a4, a5), (a6, a7)) = (words(r[4], r[5]), words(r[6], r[7]));
    let doubles = |a, b| (_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b));
    let ((b0, b1), (b2, b3)) = (doubles(a0, a2), doubles(a1, a3));
    let ((b4, b5), (b6, b7)) = (doubles(a4, a6), doubles(a5, a7));
    let quads = |a, b| [_mm_unpacklo_epi64(a, b), _mm_unpackhi_epi64(a, b)];
    let [[c0, c1], [c2, c3], [c4, c5], [c6, c7]] = [quads(b0, b4), quads(b1, b5), quads(b2, b6), quads(b3, b7)];
    [c0, c1, c2, c3, c4, c5, c6, c7]
}
