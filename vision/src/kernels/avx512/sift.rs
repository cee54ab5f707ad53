use std::arch::x86_64::*;

use crate::kernels::Sieve;

pub(super) fn sift(sieve: &Sieve, codes: &[u8], offsets: &[u32], kept: &mut [u16; Sieve::BLOCK]) -> u64 {
    // SAFETY: `avx512::kernels` is the only way here, and it looked for these.
    unsafe { sift_avx512(sieve, codes, offsets, kept) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn sift_avx512(sieve: &Sieve, codes: &[u8], offsets: &[u32], kept: &mut [u16; Sieve::BLOCK]) -> u64 {
    let zero = _mm512_setzero_si512();
    // Unpacking bytes to words works on quarters of a vector: of each 16 windows, the first 8 are in one sum, the others
    // in the other. Packing puts that right again.
    let mut sums = [zero; 2];
    let mut left = u64::MAX;
    let groups = sieve.tables.chunks_exact(Sieve::GROUP).zip(offsets.chunks_exact(Sieve::GROUP));
    for ((tables, offsets), &least) in groups.zip(&sieve.least) {
        for (table, &offset) in tables.iter().zip(offsets) {
            let codes = &codes[offset as usize..][..Sieve::BLOCK];
            // SAFETY: the slice is a vector long.
            let codes = unsafe { _mm512_loadu_si512(codes.as_ptr().cast()) };
            let weights = look_up(table, codes);
            sums[0] = _mm512_add_epi16(sums[0], _mm512_unpacklo_epi8(weights, zero));
            sums[1] = _mm512_add_epi16(sums[1], _mm512_unpackhi_epi8(weights, zero));
        }
        let least = _mm512_set1_epi16(least.cast_signed());
        let enough = sums.map(|sum| _mm512_movm_epi16(_mm512_cmpge_epu16_mask(sum, least)));
        left &= _mm512_movepi8_mask(_mm512_packs_epi16(enough[0], enough[1]));
        if left == 0 {
            return 0;
        }
    }
    let in_order = [
        _mm512_permutex2var_epi64(sums[0], _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), sums[1]),
        _mm512_permutex2var_epi64(sums[0], _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), sums[1]),
    ];
    for (to, sums) in kept.chunks_exact_mut(32).zip(in_order) {
        // SAFETY: a chunk of 32 words is a vector long.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), sums) };
    }
    left
}

/// Looks up `table[code]` for 64 codes: seven bits of a code are looked up in either half of the table, and the eighth bit
/// chooses.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn look_up(table: &[u8; 256], codes: __m512i) -> __m512i {
    let quarter = |q: usize| {
        // SAFETY: the table is four vectors long.
        unsafe { _mm512_loadu_si512(table.as_ptr().add(64 * q).cast()) }
    };
    let low = _mm512_permutex2var_epi8(quarter(0), codes, quarter(1));
    let high = _mm512_permutex2var_epi8(quarter(2), codes, quarter(3));
    _mm512_mask_blend_epi8(_mm512_movepi8_mask(codes), low, high)
}
