//! Convolutions with a cell in one register.

use std::arch::x86_64::*;

use crate::kernels::generic::conv::{self, Row, Vector};
use crate::kernels::{Cell, Depthwise, Inputs, Mix};

/// Registers that hold a cell.
const PARTS: usize = 1;
/// Pixels whose sums are in registers together: with a vector of weights and one of inputs, 14 of 32.
const MIX_TILE: usize = 12;
/// Pixels whose sums are in registers together: with nine vectors of weights and one of inputs, 16 of 32.
const DEPTHWISE_TILE: usize = 6;

pub(super) fn mix(layer: &Mix, inputs: Inputs<'_>, out: &mut [Cell]) {
    // SAFETY: `avx512::kernels` is the only way here, and it looked for AVX-512.
    unsafe { conv::mix::<__m512, PARTS, MIX_TILE>(layer, inputs, out) }
}

pub(super) fn depthwise(layer: &Depthwise, rows: [&[Cell]; 3], out: &mut [Cell]) {
    // SAFETY: `avx512::kernels` is the only way here, and it looked for AVX-512.
    unsafe { conv::depthwise::<__m512, PARTS, DEPTHWISE_TILE>(layer, rows, out) }
}

impl Vector for __m512 {
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn load(cell: &Cell, _: usize) -> Self {
        // SAFETY: a cell is a vector long and aligned to one.
        unsafe { _mm512_load_ps(cell.0.as_ptr()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn store(self, cell: &mut Cell, _: usize) {
        // SAFETY: a cell is a vector long and aligned to one.
        unsafe { _mm512_store_ps(cell.0.as_mut_ptr(), self) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn splat(value: f32) -> Self {
        _mm512_set1_ps(value)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
        _mm512_fmadd_ps(self, factor, sum)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn add(self, other: Self) -> Self {
        _mm512_add_ps(self, other)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn max(self, other: Self) -> Self {
        _mm512_max_ps(self, other)
    }

    #[target_feature(enable = "avx512f")]
    unsafe fn tile<R: Row, const PARTS: usize, const N: usize>(row: &mut R, first: usize) {
        // SAFETY: promised by the caller.
        unsafe { row.tile::<Self, PARTS, N>(first) }
    }
}
