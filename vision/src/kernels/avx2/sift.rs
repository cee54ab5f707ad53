use std::arch::x86_64::*;

use crate::kernels::{SURF_SIDE, Sieve};

pub(super) fn sift(sieve: &Sieve, codes: &[u8], offsets: &[u32], kept: &mut [u16; Sieve::BLOCK]) -> u64 {
    // SAFETY: `avx2::kernels` is the only way here, and it looked for AVX2.
    unsafe { sift_avx2(sieve, codes, offsets, kept) }
}

#[target_feature(enable = "avx2")]
fn sift_avx2(sieve: &Sieve, codes: &[u8], offsets: &[u32], kept: &mut [u16; Sieve::BLOCK]) -> u64 {
    // Sums of 16 windows each. Unpacking bytes to words works on halves of a vector, so windows are in the order
    // 0 to 7 and 16 to 23, then 8 to 15 and 24 to 31; packing puts that right again.
    let mut sums = [_mm256_setzero_si256(); 4];
    let mut left = u64::MAX;
    let groups = sieve.tables.chunks_exact(Sieve::GROUP).zip(offsets.chunks_exact(Sieve::GROUP));
    for ((tables, offsets), &least) in groups.zip(&sieve.least) {
        for (table, &offset) in tables.iter().zip(offsets) {
            let codes = &codes[offset as usize..][..Sieve::BLOCK];
            // SAFETY: the slice is two vectors long.
            let codes = unsafe { [0, 32].map(|at| _mm256_loadu_si256(codes.as_ptr().add(at).cast())) };
            let weights = look_up(table, codes);
            let zero = _mm256_setzero_si256();
            sums[0] = _mm256_add_epi16(sums[0], _mm256_unpacklo_epi8(weights[0], zero));
            sums[1] = _mm256_add_epi16(sums[1], _mm256_unpackhi_epi8(weights[0], zero));
            sums[2] = _mm256_add_epi16(sums[2], _mm256_unpacklo_epi8(weights[1], zero));
            sums[3] = _mm256_add_epi16(sums[3], _mm256_unpackhi_epi8(weights[1], zero));
        }
        // Sums are unsigned: at least `least` is where subtracting it does not saturate below.
        let least = _mm256_set1_epi16(least.cast_signed());
        let enough = sums.map(|sum| _mm256_cmpeq_epi16(_mm256_max_epu16(sum, least), sum));
        let low = _mm256_movemask_epi8(_mm256_packs_epi16(enough[0], enough[1])).cast_unsigned();
        let high = _mm256_movemask_epi8(_mm256_packs_epi16(enough[2], enough[3])).cast_unsigned();
        left &= u64::from(low) | u64::from(high) << 32;
        if left == 0 {
            return 0;
        }
    }
    let in_order = [
        _mm256_permute2x128_si256::<0x20>(sums[0], sums[1]),
        _mm256_permute2x128_si256::<0x31>(sums[0], sums[1]),
        _mm256_permute2x128_si256::<0x20>(sums[2], sums[3]),
        _mm256_permute2x128_si256::<0x31>(sums[2], sums[3]),
    ];
    for (to, sums) in kept.chunks_exact_mut(16).zip(in_order) {
        // SAFETY: a chunk of 16 words is a vector long.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), sums) };
    }
    left
}

/// Looks up `table[code]` for 64 codes.
///
/// A shuffle looks up 4 bits in 16 bytes, so sixteen shuffles look up the low half of a code in each row of the table. The bits
/// of the high half, each moved to where a blend reads it, then halve the sixteen answers four times.
#[target_feature(enable = "avx2")]
fn look_up(table: &[u8; 256], codes: [__m256i; 2]) -> [__m256i; 2] {
    let low = codes.map(|codes| _mm256_and_si256(codes, _mm256_set1_epi8(0x0F)));
    // Bits 4, 5 and 6 at the top of their byte; bit 7 is there already. What a shift of words brings in from the
    // neighbour stays below.
    let bit4 = codes.map(|codes| _mm256_slli_epi16::<3>(codes));
    let bit5 = codes.map(|codes| _mm256_slli_epi16::<2>(codes));
    let bit6 = codes.map(|codes| _mm256_slli_epi16::<1>(codes));
    let row = |r: usize| {
        // SAFETY: a row is 16 bytes long.
        let row = unsafe { _mm_loadu_si128(table.as_ptr().add(16 * r).cast()) };
        _mm256_broadcastsi128_si256(row)
    };
    let pair = |r: usize| {
        let (even, odd) = (row(r), row(r + 1));
        [0, 1].map(|v| _mm256_blendv_epi8(_mm256_shuffle_epi8(even, low[v]), _mm256_shuffle_epi8(odd, low[v]), bit4[v]))
    };
    let blend = |zero: [__m256i; 2], one: [__m256i; 2], bit: [__m256i; 2]| {
        [0, 1].map(|v| _mm256_blendv_epi8(zero[v], one[v], bit[v]))
    };
    let four = |r: usize| blend(pair(r), pair(r + 2), bit5);
    let eight = |r: usize| blend(four(r), four(r + 4), bit6);
    blend(eight(0), eight(8), codes)
}

pub(super) fn moments(pixels: &[u8], stride: usize) -> (u32, u32) {
    // SAFETY: `avx2::kernels` is the only way here, and it looked for AVX2.
    unsafe { moments_avx2(pixels, stride) }
}

#[target_feature(enable = "avx2")]
fn moments_avx2(pixels: &[u8], stride: usize) -> (u32, u32) {
    let zero = _mm256_setzero_si256();
    let (mut sums, mut squares) = (zero, zero);
    for row in pixels.chunks(stride).take(SURF_SIDE) {
        let row = &row[..SURF_SIDE];
        // SAFETY: 32 and 8 are the 40 pixels of the row.
        let (first, rest) =
            unsafe { (_mm256_loadu_si256(row.as_ptr().cast()), _mm_loadl_epi64(row.as_ptr().add(32).cast())) };
        for pixels in [first, _mm256_zextsi128_si256(rest)] {
            sums = _mm256_add_epi64(sums, _mm256_sad_epu8(pixels, zero));
            for words in [_mm256_unpacklo_epi8(pixels, zero), _mm256_unpackhi_epi8(pixels, zero)] {
                squares = _mm256_add_epi32(squares, _mm256_madd_epi16(words, words));
            }
        }
    }
    let (mut long, mut short) = ([0_u64; 4], [0_u32; 8]);
    // SAFETY: both arrays are a vector long.
    unsafe {
        _mm256_storeu_si256(long.as_mut_ptr().cast(), sums);
        _mm256_storeu_si256(short.as_mut_ptr().cast(), squares);
    }
    (long.iter().sum::<u64>() as u32, short.iter().sum())
}
