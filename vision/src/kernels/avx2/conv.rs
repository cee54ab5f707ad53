use std::arch::x86_64::*;

use crate::kernels::{Cell, Convolve, Depthwise, Inputs, Mix, scalar, tiles};

pub(super) const CONVOLVE: Convolve = Convolve { mix, depthwise, pool, add_doubled, colours };

/// Pixels whose sums are in registers together: with two vectors of weights and one input, 15 of 16.
const MIX_TILE: usize = 6;
/// With nine vectors of weights and one of inputs, 14 of 16.
const DEPTHWISE_TILE: usize = 4;

fn mix(layer: &Mix, inputs: Inputs<'_>, out: &mut [Cell]) {
    layer.check(inputs, out.len());
    for (first, length) in tiles(out.len(), MIX_TILE) {
        let out = &mut out[first..first + length];
        let run = match length {
            1 => mix_tile::<1>,
            2 => mix_tile::<2>,
            3 => mix_tile::<3>,
            4 => mix_tile::<4>,
            5 => mix_tile::<5>,
            _ => mix_tile::<MIX_TILE>,
        };
        // SAFETY: `avx2::kernels` is the only way here, and it looked; weights and inputs have been checked.
        unsafe { run(layer, inputs, first, out) };
    }
}

/// The cells of `N` pixels from `first` on.
///
/// # Safety
/// [`Mix::check`] has passed for these pixels.
#[target_feature(enable = "avx2,fma")]
unsafe fn mix_tile<const N: usize>(layer: &Mix, inputs: Inputs<'_>, first: usize, out: &mut [Cell]) {
    let out: &mut [Cell; N] = out.try_into().expect("a tile of this length");
    let [low, high] = halves(&layer.bias);
    let mut sums = [[low, high]; N];
    let mut weights = layer.weights.as_ptr();
    for strip in 0..layer.strips {
        // SAFETY: within the values and the weights, as the caller says.
        unsafe {
            let values = inputs.values.as_ptr().add(strip * inputs.apart + first * inputs.step);
            for tap in 0..layer.taps {
                let [low, high] = halves(&*weights);
                weights = weights.add(1);
                for (x, sum) in sums.iter_mut().enumerate() {
                    let value = _mm256_broadcast_ss(&*values.add(x * inputs.step + tap));
                    sum[0] = _mm256_fmadd_ps(value, low, sum[0]);
                    sum[1] = _mm256_fmadd_ps(value, high, sum[1]);
                }
            }
        }
    }
    let least = _mm256_set1_ps(layer.least);
    for (out, sum) in out.iter_mut().zip(sums) {
        store(out, sum.map(|sum| _mm256_max_ps(sum, least)));
    }
}

fn depthwise(layer: &Depthwise, rows: [&[Cell]; 3], out: &mut [Cell]) {
    for (first, length) in tiles(out.len(), DEPTHWISE_TILE) {
        let out = &mut out[first..first + length];
        let rows = rows.map(|row| &row[first..first + length + 2]);
        // SAFETY: `avx2::kernels` is the only way here, and it looked.
        unsafe {
            match length {
                1 => depthwise_tile::<1>(layer, rows, out),
                2 => depthwise_tile::<2>(layer, rows, out),
                3 => depthwise_tile::<3>(layer, rows, out),
                _ => depthwise_tile::<DEPTHWISE_TILE>(layer, rows, out),
            }
        }
    }
}

#[target_feature(enable = "avx2,fma")]
fn depthwise_tile<const N: usize>(layer: &Depthwise, rows: [&[Cell]; 3], out: &mut [Cell]) {
    let out: &mut [Cell; N] = out.try_into().expect("a tile of this length");
    let least = _mm256_set1_ps(layer.least);
    for half in 0..2 {
        let mut sums = [load(&layer.bias, half); N];
        for (row, weights) in rows.iter().zip(layer.weights.as_chunks::<3>().0) {
            let row = &row[..N + 2];
            let weights = weights.each_ref().map(|cell| load(cell, half));
            for (x, sum) in sums.iter_mut().enumerate() {
                for (tap, &weights) in weights.iter().enumerate() {
                    *sum = _mm256_fmadd_ps(load(&row[x + tap], half), weights, *sum);
                }
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            // SAFETY: half a cell is a vector long.
            unsafe { _mm256_store_ps(out.0.as_mut_ptr().add(8 * half), _mm256_max_ps(sum, least)) };
        }
    }
}

fn pool(rows: [&[Cell]; 2], out: &mut [Cell]) {
    // SAFETY: `avx2::kernels` is the only way here, and it looked.
    unsafe { pool_avx2(rows, out) }
}

#[target_feature(enable = "avx2,fma")]
fn pool_avx2(rows: [&[Cell]; 2], out: &mut [Cell]) {
    let [top, bottom] = rows.map(|row| row.as_chunks::<2>().0);
    let larger = |a: [__m256; 2], b: [__m256; 2]| [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])];
    for ((out, top), bottom) in out.iter_mut().zip(top).zip(bottom) {
        let [a, b] = [top, bottom].map(|pair| larger(halves(&pair[0]), halves(&pair[1])));
        store(out, larger(a, b));
    }
}

fn add_doubled(coarse: &[Cell], fine: &mut [Cell]) {
    // SAFETY: `avx2::kernels` is the only way here, and it looked.
    unsafe { add_doubled_avx2(coarse, fine) }
}

#[target_feature(enable = "avx2,fma")]
fn add_doubled_avx2(coarse: &[Cell], fine: &mut [Cell]) {
    for (coarse, pair) in coarse.iter().zip(fine.as_chunks_mut::<2>().0) {
        let coarse = halves(coarse);
        for fine in pair {
            let sum = halves(fine);
            store(fine, [_mm256_add_ps(sum[0], coarse[0]), _mm256_add_ps(sum[1], coarse[1])]);
        }
    }
}

fn colours(luma: &[u8], blue_and_red: [&[u8]; 2], out: [&mut [f32]; 3]) {
    // SAFETY: `avx2::kernels` is the only way here, and it looked.
    unsafe { colours_avx2(luma, blue_and_red, out) }
}

/// The scalar kernel, which the compiler turns into vectors of these instructions when it is compiled into here.
#[target_feature(enable = "avx2,fma")]
fn colours_avx2(luma: &[u8], blue_and_red: [&[u8]; 2], out: [&mut [f32]; 3]) {
    scalar::conv::colours(luma, blue_and_red, out);
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn halves(cell: &Cell) -> [__m256; 2] {
    [load(cell, 0), load(cell, 1)]
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn load(cell: &Cell, half: usize) -> __m256 {
    // SAFETY: half a cell is a vector long, and aligned to one.
    unsafe { _mm256_load_ps(cell.0[8 * half..][..8].as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn store(cell: &mut Cell, halves: [__m256; 2]) {
    // SAFETY: a cell is two vectors long, and aligned to more than one.
    unsafe {
        _mm256_store_ps(cell.0.as_mut_ptr(), halves[0]);
        _mm256_store_ps(cell.0.as_mut_ptr().add(8), halves[1]);
    }
}
