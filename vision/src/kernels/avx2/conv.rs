//! Convolutions with a cell in two registers.

use std::arch::x86_64::*;

use crate::kernels::generic::conv::{self, Row, Vector};
use crate::kernels::{Cell, Convolve, Depthwise, Inputs, Mix, scalar};

pub(super) const CONVOLVE: Convolve = Convolve { mix, depthwise, pool, add_doubled, colours };

/// Registers that hold a cell.
const PARTS: usize = 2;
/// Pixels whose sums are in registers together: with two vectors of weights and one input, 15 of 16.
const MIX_TILE: usize = 6;
/// Pixels whose sums are in registers together: with nine vectors of weights and one of inputs, 14 of 16.
const DEPTHWISE_TILE: usize = 4;

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

/// Runs the scalar kernel, which the compiler turns into vectors of these instructions when it is inlined here.
#[target_feature(enable = "avx2,fma")]
fn colours_avx2(luma: &[u8], blue_and_red: [&[u8]; 2], out: [&mut [f32]; 3]) {
    scalar::conv::colours(luma, blue_and_red, out);
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
