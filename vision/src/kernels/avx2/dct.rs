//! The transforms of [`scalar::dct`](crate::kernels::scalar::dct): eight columns at a time for the inverse, two blocks at a time
//! for the forward transform.

use std::arch::x86_64::*;

use crate::kernels::block::{Block, Pair, Quantiser};
use crate::kernels::scalar::dct::{
    FORWARD_BETWEEN_BITS, FORWARD_BITS, FORWARD_EVEN, FORWARD_ODD, INVERSE_EVEN, INVERSE_ODD, INVERSE_ROUNDS,
    INVERSE_SHIFTS,
};

pub(super) fn inverse_dct(coefficients: &Block, factors: &Block, out: &mut [u8], stride: usize) {
    // SAFETY: this function is reached only through the table that `kernels()` makes after it checked for AVX2.
    unsafe { inverse_avx2(coefficients, factors, out, stride) }
}

pub(super) fn forward_dct(pixels: &[u8], stride: usize, quantiser: &Quantiser, out: &mut Pair) {
    // SAFETY: this function is reached only through the table that `kernels()` makes after it checked for AVX2.
    unsafe { forward_avx2(pixels, stride, quantiser, out) }
}

#[target_feature(enable = "avx2")]
fn inverse_avx2(coefficients: &Block, factors: &Block, out: &mut [u8], stride: usize) {
    let pairs = std::array::from_fn(|i| {
        // SAFETY: a block is four vectors long.
        let (coefficient, factor) =
            unsafe { (load(coefficients.0.as_ptr().add(16 * i)), load(factors.0.as_ptr().add(16 * i))) };
        _mm256_mullo_epi16(coefficient, factor)
    });
    let [r0, r1, r2, r3, r4, r5, r6, r7] = inverse_pass::<{ INVERSE_SHIFTS[0] as i32 }>(pairs, INVERSE_ROUNDS[0]);
    // A pair of columns 4 apart is 32 bits, and the pairs of all rows are put side by side.
    let [a, b, c, d] = [
        _mm256_packs_epi32(r0, r1),
        _mm256_packs_epi32(r2, r3),
        _mm256_packs_epi32(r4, r5),
        _mm256_packs_epi32(r6, r7),
    ];
    let [even_ab, even_cd] = [select::<0b10_00_10_00>(a, b), select::<0b10_00_10_00>(c, d)];
    let [odd_ab, odd_cd] = [select::<0b11_01_11_01>(a, b), select::<0b11_01_11_01>(c, d)];
    let pairs = [
        _mm256_permute2x128_si256::<0x20>(even_ab, even_cd),
        _mm256_permute2x128_si256::<0x20>(odd_ab, odd_cd),
        _mm256_permute2x128_si256::<0x31>(even_ab, even_cd),
        _mm256_permute2x128_si256::<0x31>(odd_ab, odd_cd),
    ];
    let [c0, c1, c2, c3, c4, c5, c6, c7] = inverse_pass::<{ INVERSE_SHIFTS[1] as i32 }>(pairs, INVERSE_ROUNDS[1]);
    let left = _mm256_packus_epi16(_mm256_packs_epi32(c0, c1), _mm256_packs_epi32(c2, c3));
    let right = _mm256_packus_epi16(_mm256_packs_epi32(c4, c5), _mm256_packs_epi32(c6, c7));
    let four_by_four = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    let left = _mm256_shuffle_epi8(left, four_by_four);
    let right = _mm256_shuffle_epi8(right, four_by_four);
    // Rows 0, 1, 4 and 5; rows 2, 3, 6 and 7.
    let [upper, lower] = [_mm256_unpacklo_epi32(left, right), _mm256_unpackhi_epi32(left, right)];
    let pairs = [
        _mm256_castsi256_si128(upper),
        _mm256_castsi256_si128(lower),
        _mm256_extracti128_si256::<1>(upper),
        _mm256_extracti128_si256::<1>(lower),
    ];
    let end = stride.checked_mul(7).and_then(|last_row| last_row.checked_add(8));
    assert!(end.is_some_and(|end| end <= out.len()), "{} bytes are too few for 8 rows {stride} apart", out.len());
    for (i, pair) in pairs.into_iter().enumerate() {
        // SAFETY: row 7, the last one, has room for 8 pixels by the assertion.
        unsafe {
            _mm_storel_epi64(out.as_mut_ptr().add(2 * i * stride).cast(), pair);
            _mm_storeh_pd(out.as_mut_ptr().add((2 * i + 1) * stride).cast(), _mm_castsi128_pd(pair));
        }
    }
}

/// Runs a pass of the inverse: eight results from four vectors of pairs, 0 and 4, 1 and 5, 2 and 6, 3 and 7.
#[inline]
#[target_feature(enable = "avx2")]
fn inverse_pass<const SHIFT: i32>([p04, p15, p26, p37]: [__m256i; 4], round: i32) -> [__m256i; 8] {
    let round = _mm256_set1_epi32(round);
    let e0 = _mm256_add_epi32(products(p04, INVERSE_EVEN[0]), round);
    let e1 = _mm256_add_epi32(products(p04, INVERSE_EVEN[1]), round);
    let e2 = products(p26, INVERSE_EVEN[2]);
    let e3 = products(p26, INVERSE_EVEN[3]);
    let even = [_mm256_add_epi32(e0, e2), _mm256_add_epi32(e1, e3), _mm256_sub_epi32(e1, e3), _mm256_sub_epi32(e0, e2)];
    let odd = INVERSE_ODD.map(|[a, b]| _mm256_add_epi32(products(p15, a), products(p37, b)));
    std::array::from_fn(|i| {
        let sum = match i {
            0..4 => _mm256_add_epi32(even[i], odd[i]),
            _ => _mm256_sub_epi32(even[7 - i], odd[7 - i]),
        };
        _mm256_srai_epi32::<SHIFT>(sum)
    })
}

/// Transforms two blocks, the left one in the lower half of each vector and the right one in the upper.
#[target_feature(enable = "avx2")]
fn forward_avx2(pixels: &[u8], stride: usize, quantiser: &Quantiser, out: &mut Pair) {
    let middle = _mm256_set1_epi16(128);
    let rows: [__m256i; 8] = std::array::from_fn(|i| {
        let line: &[u8; 16] = pixels[i * stride..].first_chunk().expect("two blocks are 16 pixels wide");
        // SAFETY: the line is 16 bytes long.
        let line = unsafe { _mm_loadu_si128(line.as_ptr().cast()) };
        _mm256_sub_epi16(_mm256_cvtepu8_epi16(line), middle)
    });
    let (even, mut rows) = forward_pass::<{ (FORWARD_BITS - FORWARD_BETWEEN_BITS) as i32 }>(rows);
    rows[0] = _mm256_slli_epi16::<{ FORWARD_BETWEEN_BITS as i32 }>(even[0]);
    rows[4] = _mm256_slli_epi16::<{ FORWARD_BETWEEN_BITS as i32 }>(even[1]);
    let columns = transposed(rows);
    let (even, mut columns) = forward_pass::<{ (FORWARD_BITS + FORWARD_BETWEEN_BITS) as i32 }>(columns);
    let half = _mm256_set1_epi16(1 << (FORWARD_BETWEEN_BITS - 1));
    let rounded = even.map(|sum| _mm256_srai_epi16::<{ FORWARD_BETWEEN_BITS as i32 }>(_mm256_add_epi16(sum, half)));
    [columns[0], columns[4]] = rounded;

    let mut quotients = [_mm256_setzero_si256(); 8];
    for (i, column) in columns.into_iter().enumerate() {
        let constants = |table: &[u16; 64]| {
            // SAFETY: the tables have eight times eight numbers.
            _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().add(8 * i).cast()) })
        };
        let sum = _mm256_add_epi16(_mm256_abs_epi16(column), constants(&quantiser.half));
        let product = _mm256_mulhi_epu16(sum, constants(&quantiser.reciprocal));
        let quotient = _mm256_mulhi_epu16(product, constants(&quantiser.scale));
        quotients[i] = _mm256_sign_epi16(quotient, column);
        let [left, right] = &mut out.blocks;
        // SAFETY: both blocks have eight times eight numbers.
        unsafe {
            _mm_storeu_si128(left.as_mut_ptr().add(8 * i).cast(), _mm256_castsi256_si128(quotients[i]));
            _mm_storeu_si128(right.as_mut_ptr().add(8 * i).cast(), _mm256_extracti128_si256::<1>(quotients[i]));
        }
    }
    let [mut left, mut right] = [0; 2];
    for (i, pair) in quotients.chunks_exact(2).enumerate() {
        let zero = _mm256_cmpeq_epi8(_mm256_packs_epi16(pair[0], pair[1]), _mm256_setzero_si256());
        let nonzero = !_mm256_movemask_epi8(zero).cast_unsigned();
        left |= u64::from(nonzero & 0xFFFF) << (16 * i);
        right |= u64::from(nonzero >> 16) << (16 * i);
    }
    out.nonzero = [left, right];
}

/// Runs a pass of the forward transform. Returns rows 0 and 4 as they are, and the other rows rounded by `SHIFT`.
#[inline]
#[target_feature(enable = "avx2")]
fn forward_pass<const SHIFT: i32>(x: [__m256i; 8]) -> ([__m256i; 2], [__m256i; 8]) {
    let sums: [__m256i; 4] = std::array::from_fn(|i| _mm256_add_epi16(x[i], x[7 - i]));
    let gaps: [__m256i; 4] = std::array::from_fn(|i| _mm256_sub_epi16(x[i], x[7 - i]));
    let (outer, inner) = (_mm256_add_epi16(sums[0], sums[3]), _mm256_add_epi16(sums[1], sums[2]));
    let outer_gap = _mm256_sub_epi16(sums[0], sums[3]);
    let inner_gap = _mm256_sub_epi16(sums[1], sums[2]);
    let even = interleaved(outer_gap, inner_gap);
    let [odd_a, odd_b] = [interleaved(gaps[0], gaps[1]), interleaved(gaps[2], gaps[3])];
    let zero = _mm256_setzero_si256();
    let y = [
        zero,
        rounded::<SHIFT>(sum_of_products(odd_a, odd_b, FORWARD_ODD[0])),
        rounded::<SHIFT>(both_products(even, FORWARD_EVEN[0])),
        rounded::<SHIFT>(sum_of_products(odd_a, odd_b, FORWARD_ODD[1])),
        zero,
        rounded::<SHIFT>(sum_of_products(odd_a, odd_b, FORWARD_ODD[2])),
        rounded::<SHIFT>(both_products(even, FORWARD_EVEN[1])),
        rounded::<SHIFT>(sum_of_products(odd_a, odd_b, FORWARD_ODD[3])),
    ];
    ([_mm256_add_epi16(outer, inner), _mm256_sub_epi16(outer, inner)], y)
}

/// Rounds two vectors of 32-bit sums into one of 16-bit numbers.
#[inline]
#[target_feature(enable = "avx2")]
fn rounded<const SHIFT: i32>([low, high]: [__m256i; 2]) -> __m256i {
    let half = _mm256_set1_epi32(1 << (SHIFT - 1));
    let low = _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(low, half));
    let high = _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(high, half));
    _mm256_packs_epi32(low, high)
}

#[inline]
#[target_feature(enable = "avx2")]
fn both_products([low, high]: [__m256i; 2], factors: [i16; 2]) -> [__m256i; 2] {
    [products(low, factors), products(high, factors)]
}

#[inline]
#[target_feature(enable = "avx2")]
fn sum_of_products(a: [__m256i; 2], b: [__m256i; 2], factors: [[i16; 2]; 2]) -> [__m256i; 2] {
    let (a, b) = (both_products(a, factors[0]), both_products(b, factors[1]));
    [_mm256_add_epi32(a[0], b[0]), _mm256_add_epi32(a[1], b[1])]
}

/// Turns rows into columns, in each half 8x8 numbers.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed(rows: [__m256i; 8]) -> [__m256i; 8] {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
    let [[a0, a1], [b0, b1]] = [interleaved(r0, r4), interleaved(r2, r6)];
    let [[c0, c1], [d0, d1]] = [interleaved(r1, r5), interleaved(r3, r7)];
    let [[e0, e1], [e2, e3]] = [interleaved(a0, b0), interleaved(a1, b1)];
    let [[f0, f1], [f2, f3]] = [interleaved(c0, d0), interleaved(c1, d1)];
    let [[g0, g1], [g2, g3]] = [interleaved(e0, f0), interleaved(e1, f1)];
    let [[g4, g5], [g6, g7]] = [interleaved(e2, f2), interleaved(e3, f3)];
    [g0, g1, g2, g3, g4, g5, g6, g7]
}

/// Interleaves the numbers of two vectors: first those from the lower quarter of each half, then those from the upper.
#[inline]
#[target_feature(enable = "avx2")]
fn interleaved(a: __m256i, b: __m256i) -> [__m256i; 2] {
    [_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)]
}

/// Returns the sum of the products of each pair of numbers with `factors`.
#[inline]
#[target_feature(enable = "avx2")]
fn products(pairs: __m256i, [first, second]: [i16; 2]) -> __m256i {
    let both = i32::from(first) & 0xFFFF | i32::from(second) << 16;
    _mm256_madd_epi16(pairs, _mm256_set1_epi32(both))
}

/// Returns two of the four 32-bit numbers in each half of `a`, followed by two of `b`.
#[inline]
#[target_feature(enable = "avx2")]
fn select<const WHICH: i32>(a: __m256i, b: __m256i) -> __m256i {
    _mm256_castps_si256(_mm256_shuffle_ps::<WHICH>(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b)))
}

/// # Safety
/// 32 bytes are readable at `from`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load(from: *const i16) -> __m256i {
    // SAFETY: promised by the caller.
    unsafe { _mm256_loadu_si256(from.cast()) }
}
