use std::arch::aarch64::*;

use crate::kernels::{Cell, Convolve, Depthwise, Inputs, Mix, scalar, tiles};

pub(super) const CONVOLVE: Convolve =
    Convolve { mix, depthwise, pool, add_doubled: scalar::conv::add_doubled, colours: scalar::conv::colours };

/// Pixels whose sums are in registers together: with four vectors of weights and five of inputs, 29 of 32.
const MIX_TILE: usize = 5;
/// With nine vectors of weights, 17 of 32; what is left lets loads run ahead.
const DEPTHWISE_TILE: usize = 8;

/// A cell in four vectors.
type Quarters = [float32x4_t; 4];

fn mix(layer: &Mix, inputs: Inputs<'_>, out: &mut [Cell]) {
    layer.check(inputs, out.len());
    for (first, length) in tiles(out.len(), MIX_TILE) {
        let out = &mut out[first..first + length];
        let run = match length {
            1 => mix_tile::<1>,
            2 => mix_tile::<2>,
            3 => mix_tile::<3>,
            4 => mix_tile::<4>,
            _ => mix_tile::<MIX_TILE>,
        };
        // SAFETY: `neon::kernels` is the only way here, and it looked; weights and inputs have been checked.
        unsafe { run(layer, inputs, first, out) };
    }
}

/// The cells of `N` pixels from `first` on.
///
/// # Safety
/// [`Mix::check`] has passed for these pixels.
#[target_feature(enable = "neon")]
unsafe fn mix_tile<const N: usize>(layer: &Mix, inputs: Inputs<'_>, first: usize, out: &mut [Cell]) {
    let out: &mut [Cell; N] = out.try_into().expect("a tile of this length");
    let mut sums = [load(&layer.bias); N];
    for (strip, weights) in layer.weights.chunks_exact(layer.taps).enumerate() {
        let values: [*const f32; N] = std::array::from_fn(|x| {
            // SAFETY: the inputs of these pixels are there, as the caller says.
            unsafe { inputs.values.as_ptr().add(strip * inputs.apart + (first + x) * inputs.step) }
        });
        let (fours, rest) = weights.as_chunks::<4>();
        for (i, [w0, w1, w2, w3]) in fours.iter().enumerate() {
            // SAFETY: four taps from here are within the strip.
            let values = values.map(|values| unsafe { vld1q_f32(values.add(4 * i)) });
            add::<0, N>(&mut sums, load(w0), values);
            add::<1, N>(&mut sums, load(w1), values);
            add::<2, N>(&mut sums, load(w2), values);
            add::<3, N>(&mut sums, load(w3), values);
        }
        for (i, weights) in rest.iter().enumerate() {
            // SAFETY: this tap is within the strip.
            let values = values.map(|values| unsafe { vld1q_dup_f32(values.add(4 * fours.len() + i)) });
            add::<0, N>(&mut sums, load(weights), values);
        }
    }
    let least = vdupq_n_f32(layer.least);
    for (out, sum) in out.iter_mut().zip(sums) {
        store(out, sum.map(|sum| vmaxq_f32(sum, least)));
    }
}

/// Adds the weights times lane `LANE` of each pixel's values.
#[inline]
#[target_feature(enable = "neon")]
fn add<const LANE: i32, const N: usize>(sums: &mut [Quarters; N], weights: Quarters, values: [float32x4_t; N]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        for (sum, weights) in sum.iter_mut().zip(weights) {
            *sum = vfmaq_laneq_f32::<LANE>(*sum, weights, value);
        }
    }
}

fn depthwise(layer: &Depthwise, rows: [&[Cell]; 3], out: &mut [Cell]) {
    for (first, length) in tiles(out.len(), DEPTHWISE_TILE) {
        let out = &mut out[first..first + length];
        let rows = rows.map(|row| &row[first..first + length + 2]);
        // SAFETY: `neon::kernels` is the only way here, and it looked.
        unsafe {
            match length {
                1 => depthwise_tile::<1>(layer, rows, out),
                2 => depthwise_tile::<2>(layer, rows, out),
                3 => depthwise_tile::<3>(layer, rows, out),
                4 => depthwise_tile::<4>(layer, rows, out),
                5 => depthwise_tile::<5>(layer, rows, out),
                6 => depthwise_tile::<6>(layer, rows, out),
                7 => depthwise_tile::<7>(layer, rows, out),
                _ => depthwise_tile::<DEPTHWISE_TILE>(layer, rows, out),
            }
        }
    }
}

#[target_feature(enable = "neon")]
fn depthwise_tile<const N: usize>(layer: &Depthwise, rows: [&[Cell]; 3], out: &mut [Cell]) {
    let out: &mut [Cell; N] = out.try_into().expect("a tile of this length");
    let least = vdupq_n_f32(layer.least);
    for quarter in 0..4 {
        let mut sums = [load_quarter(&layer.bias, quarter); N];
        for (row, weights) in rows.iter().zip(layer.weights.as_chunks::<3>().0) {
            let row = &row[..N + 2];
            let weights = weights.each_ref().map(|cell| load_quarter(cell, quarter));
            for (x, sum) in sums.iter_mut().enumerate() {
                for (tap, &weights) in weights.iter().enumerate() {
                    *sum = vfmaq_f32(*sum, load_quarter(&row[x + tap], quarter), weights);
                }
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            // SAFETY: a quarter of a cell is a vector long.
            unsafe { vst1q_f32(out.0[4 * quarter..][..4].as_mut_ptr(), vmaxq_f32(sum, least)) };
        }
    }
}

fn pool(rows: [&[Cell]; 2], out: &mut [Cell]) {
    // SAFETY: `neon::kernels` is the only way here, and it looked.
    unsafe { pool_neon(rows, out) }
}

#[target_feature(enable = "neon")]
fn pool_neon(rows: [&[Cell]; 2], out: &mut [Cell]) {
    let [top, bottom] = rows.map(|row| row.as_chunks::<2>().0);
    let larger = |a: Quarters, b: Quarters| {
        [vmaxq_f32(a[0], b[0]), vmaxq_f32(a[1], b[1]), vmaxq_f32(a[2], b[2]), vmaxq_f32(a[3], b[3])]
    };
    for ((out, top), bottom) in out.iter_mut().zip(top).zip(bottom) {
        let [a, b] = [top, bottom].map(|pair| larger(load(&pair[0]), load(&pair[1])));
        store(out, larger(a, b));
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn load(cell: &Cell) -> Quarters {
    [load_quarter(cell, 0), load_quarter(cell, 1), load_quarter(cell, 2), load_quarter(cell, 3)]
}

#[inline]
#[target_feature(enable = "neon")]
fn load_quarter(cell: &Cell, quarter: usize) -> float32x4_t {
    // SAFETY: a quarter of a cell is a vector long.
    unsafe { vld1q_f32(cell.0[4 * quarter..][..4].as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn store(cell: &mut Cell, quarters: Quarters) {
    let (to, _) = cell.0.as_chunks_mut::<4>();
    for (to, quarter) in to.iter_mut().zip(quarters) {
        // SAFETY: a quarter of a cell is a vector long.
        unsafe { vst1q_f32(to.as_mut_ptr(), quarter) };
    }
}
