//! Convolutions with a cell in two registers.

use std::arch::x86_64::*;

use crate::kernels::generic::conv::{self, Row, Vector};
use crate::kernels::pieces::starts;
use crate::kernels::scalar::conv::{BLUE, GREEN_BY_BLUE, GREEN_BY_RED, RED};
use crate::kernels::{Cell, Convolve, Depthwise, Inputs, Mix, scalar};

pub(super) const CONVOLVE: Convolve = Convolve { mix, depthwise, pool, add_doubled, colours };

/// Registers that hold a cell.
const PARTS: usize = 2;
/// Pixels whose sums are in registers together: with two vectors of weights and one input, 15 of 16.
const MIX_TILE: usize = 6;
/// Pixels whose sums are in registers together: with nine vectors of weights and one of inputs, 14 of 16.
const DEPTHWISE_TILE: usize = 4;
/// Number of pixels whose colours are computed together.
const PIXELS: usize = 16;

fn mix(layer: &Mix, inputs: Inputs<'_>, out: &mut [Cell]) {
    // SAFETY: `avx2::kernels` is the only way here, and it looked for AVX2 and FMA.
    unsafe { conv::mix::<__m256, PARTS, MIX_TILE>(layer, inputs, out) }
}

fn depthwise(layer: &Depthwise, rows: [&[Cell]; 3], out: &mut [Cell]) {
    // SAFETY: `avx2::kernels` is the only way here, and it looked for AVX2 and FMA.
    unsafe { conv::depthwise::<__m256, PARTS, DEPTHWISE_TILE>(layer, rows, out) }
}

fn pool(rows: [&[Cell]; 2], out: &mut [Cell]) {
    // SAFETY: `avx2::kernels` is the only way here, and it looked for AVX2 and FMA.
    unsafe { pool_avx2(rows, out) }
}

#[target_feature(enable = "avx2,fma")]
fn pool_avx2(rows: [&[Cell]; 2], out: &mut [Cell]) {
    // SAFETY: the attribute says that there are AVX2 and FMA.
    unsafe { conv::pool::<__m256, PARTS>(rows, out) }
}

fn add_doubled(coarse: &[Cell], fine: &mut [Cell]) {
    // SAFETY: `avx2::kernels` is the only way here, and it looked for AVX2 and FMA.
    unsafe { add_doubled_avx2(coarse, fine) }
}

#[target_feature(enable = "avx2,fma")]
fn add_doubled_avx2(coarse: &[Cell], fine: &mut [Cell]) {
    // SAFETY: the attribute says that there are AVX2 and FMA.
    unsafe { conv::add_doubled::<__m256, PARTS>(coarse, fine) }
}

fn colours(luma: &[u8], blue_and_red: [&[u8]; 2], out: [&mut [f32]; 3]) {
    // SAFETY: `avx2::kernels` is the only way here, and it looked for AVX2 and FMA.
    unsafe { colours_avx2(luma, blue_and_red, out) }
}

#[target_feature(enable = "avx2,fma")]
fn colours_avx2(luma: &[u8], [blue, red]: [&[u8]; 2], out: [&mut [f32]; 3]) {
    // Vectors begin at even places, because two pixels share their colour.
    let even = luma.len() & !1;
    if even < PIXELS {
        return scalar::conv::colours(luma, [blue, red], out);
    }
    let [b, g, r] = out;
    for x in starts(even, PIXELS) {
        let [low, high] = [floats(luma, x), floats(luma, x + 8)];
        let middle = _mm256_set1_ps(128.0);
        let [u, v] = [_mm256_sub_ps(floats(blue, x / 2), middle), _mm256_sub_ps(floats(red, x / 2), middle)];
        let [by_blue, by_red] = [_mm256_mul_ps(u, set(GREEN_BY_BLUE)), _mm256_mul_ps(v, set(GREEN_BY_RED))];
        add_colour(&mut b[x..], low, high, _mm256_mul_ps(u, set(BLUE)));
        add_colour(&mut g[x..], low, high, _mm256_sub_ps(by_blue, by_red));
        add_colour(&mut r[x..], low, high, _mm256_mul_ps(v, set(RED)));
    }
    let rest = [&mut b[even..], &mut g[even..], &mut r[even..]];
    scalar::conv::colours(&luma[even..], [&blue[even / 2..], &red[even / 2..]], rest);
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn set(value: f32) -> __m256 {
    _mm256_set1_ps(value)
}

/// Returns eight bytes from `at` on as floats.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn floats(bytes: &[u8], at: usize) -> __m256 {
    let bytes = &bytes[at..][..8];
    // SAFETY: the slice is half a vector long.
    _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(unsafe { _mm_loadl_epi64(bytes.as_ptr().cast()) }))
}

/// Writes the sums of the brightness of sixteen pixels and the colour of each two, within the range of a byte.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_colour(out: &mut [f32], low: __m256, high: __m256, colour: __m256) {
    let out = &mut out[..PIXELS];
    let first = _mm256_permutevar8x32_ps(colour, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
    let second = _mm256_permutevar8x32_ps(colour, _mm256_setr_epi32(4, 4, 5, 5, 6, 6, 7, 7));
    // SAFETY: the slice is two vectors long.
    unsafe {
        _mm256_storeu_ps(out.as_mut_ptr(), clamped(_mm256_add_ps(low, first)));
        _mm256_storeu_ps(out.as_mut_ptr().add(8), clamped(_mm256_add_ps(high, second)));
    }
}

/// Brings values into the range of a byte.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn clamped(values: __m256) -> __m256 {
    _mm256_min_ps(_mm256_max_ps(values, _mm256_setzero_ps()), _mm256_set1_ps(255.0))
}

impl Vector for __m256 {
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn load(cell: &Cell, part: usize) -> Self {
        // SAFETY: half a cell is a vector long, and aligned to one.
        unsafe { _mm256_load_ps(cell.0[8 * part..][..8].as_ptr()) }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn store(self, cell: &mut Cell, part: usize) {
        // SAFETY: half a cell is a vector long, and aligned to one.
        unsafe { _mm256_store_ps(cell.0[8 * part..][..8].as_mut_ptr(), self) }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn splat(value: f32) -> Self {
        _mm256_set1_ps(value)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
        _mm256_fmadd_ps(self, factor, sum)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn add(self, other: Self) -> Self {
        _mm256_add_ps(self, other)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn max(self, other: Self) -> Self {
        _mm256_max_ps(self, other)
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn tile<R: Row, const PARTS: usize, const N: usize>(row: &mut R, first: usize) {
        // SAFETY: promised by the caller.
        unsafe { row.tile::<Self, PARTS, N>(first) }
    }
}
