use std::arch::x86_64::*;

use crate::kernels::{Cell, Depthwise, Inputs, Mix, tiles};

/// Pixels whose sums are in registers together, a cell in each.
const MIX_TILE: usize = 12;
const DEPTHWISE_TILE: usize = 6;

pub(super) fn mix(layer: &Mix, inputs: Inputs<'_>, out: &mut [Cell]) {
    layer.check(inputs, out.len());
    for (first, length) in tiles(out.len(), MIX_TILE) {
        let out = &mut out[first..first + length];
        let run = match length {
            1 => mix_tile::<1>,
            2 => mix_tile::<2>,
            3 => mix_tile::<3>,
            4 => mix_tile::<4>,
            5 => mix_tile::<5>,
            6 => mix_tile::<6>,
            7 => mix_tile::<7>,
            8 => mix_tile::<8>,
            9 => mix_tile::<9>,
            10 => mix_tile::<10>,
            11 => mix_tile::<11>,
            _ => mix_tile::<MIX_TILE>,
        };
        // SAFETY: `avx512::kernels` is the only way here, and it looked; weights and inputs have been checked.
        unsafe { run(layer, inputs, first, out) };
    }
}

/// The cells of `N` pixels from `first` on.
///
/// # Safety
/// [`Mix::check`] has passed for these pixels.
#[target_feature(enable = "avx512f")]
unsafe fn mix_tile<const N: usize>(layer: &Mix, inputs: Inputs<'_>, first: usize, out: &mut [Cell]) {
    let out: &mut [Cell; N] = out.try_into().expect("a tile of this length");
    let mut sums = [load(&layer.bias); N];
    let mut weights = layer.weights.as_ptr();
    for strip in 0..layer.strips {
        // SAFETY: within the values and the weights, as the caller says.
        unsafe {
            let values = inputs.values.as_ptr().add(strip * inputs.apart + first * inputs.step);
            for tap in 0..layer.taps {
                let shares = load(&*weights);
                weights = weights.add(1);
                for (x, sum) in sums.iter_mut().enumerate() {
                    let value = _mm512_set1_ps(*values.add(x * inputs.step + tap));
                    *sum = _mm512_fmadd_ps(value, shares, *sum);
                }
            }
        }
    }
    let least = _mm512_set1_ps(layer.least);
    for (out, sum) in out.iter_mut().zip(sums) {
        store(out, _mm512_max_ps(sum, least));
    }
}

pub(super) fn depthwise(layer: &Depthwise, rows: [&[Cell]; 3], out: &mut [Cell]) {
    for (first, length) in tiles(out.len(), DEPTHWISE_TILE) {
        let out = &mut out[first..first + length];
        let rows = rows.map(|row| &row[first..first + length + 2]);
        // SAFETY: `avx512::kernels` is the only way here, and it looked.
        unsafe {
            match length {
                1 => depthwise_tile::<1>(layer, rows, out),
                2 => depthwise_tile::<2>(layer, rows, out),
                3 => depthwise_tile::<3>(layer, rows, out),
                4 => depthwise_tile::<4>(layer, rows, out),
                5 => depthwise_tile::<5>(layer, rows, out),
                _ => depthwise_tile::<DEPTHWISE_TILE>(layer, rows, out),
            }
        }
    }
}

#[target_feature(enable = "avx512f")]
fn depthwise_tile<const N: usize>(layer: &Depthwise, rows: [&[Cell]; 3], out: &mut [Cell]) {
    let out: &mut [Cell; N] = out.try_into().expect("a tile of this length");
    let least = _mm512_set1_ps(layer.least);
    let mut sums = [load(&layer.bias); N];
    for (row, weights) in rows.iter().zip(layer.weights.as_chunks::<3>().0) {
        let row = &row[..N + 2];
        let weights = [load(&weights[0]), load(&weights[1]), load(&weights[2])];
        for (x, sum) in sums.iter_mut().enumerate() {
            for (tap, &weights) in weights.iter().enumerate() {
                *sum = _mm512_fmadd_ps(load(&row[x + tap]), weights, *sum);
            }
        }
    }
    for (out, sum) in out.iter_mut().zip(sums) {
        store(out, _mm512_max_ps(sum, least));
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(cell: &Cell) -> __m512 {
    // SAFETY: a cell is a vector long and aligned to one.
    unsafe { _mm512_load_ps(cell.0.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(cell: &mut Cell, values: __m512) {
    // SAFETY: a cell is a vector long and aligned to one.
    unsafe { _mm512_store_ps(cell.0.as_mut_ptr(), values) };
}
