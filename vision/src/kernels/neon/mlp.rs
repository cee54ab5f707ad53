use std::arch::aarch64::*;

use crate::kernels::Dense;

/// Number of blocks of outputs that are computed together. A block is two chains of additions, in which each addition waits for
/// the one before. More chains keep the adders busy, and share the inputs that are loaded.
const TOGETHER: usize = 4;

pub(super) fn dense(layer: &Dense, inputs: &[f32], outputs: &mut [f32]) {
    let inputs = &inputs[..layer.inputs()];
    let outputs = &mut outputs[..layer.blocks() * Dense::BLOCK];
    for (i, outputs) in outputs.chunks_mut(TOGETHER * Dense::BLOCK).enumerate() {
        let first = i * TOGETHER;
        // SAFETY: `neon::kernels` is the only way here, and it looked for NEON.
        unsafe {
            match outputs.len() / Dense::BLOCK {
                1 => chains::<1>(layer, first, inputs, outputs),
                2 => chains::<2>(layer, first, inputs, outputs),
                3 => chains::<3>(layer, first, inputs, outputs),
                _ => chains::<TOGETHER>(layer, first, inputs, outputs),
            }
        }
    }
}

/// Eight sums in two vectors.
type Sums = [float32x4_t; 2];

/// Computes blocks `first` to `first + N`.
#[target_feature(enable = "neon")]
fn chains<const N: usize>(layer: &Dense, first: usize, inputs: &[f32], outputs: &mut [f32]) {
    let mut weights: [_; N] = std::array::from_fn(|n| layer.weights(first + n).as_chunks::<4>());
    let mut sums = [[vdupq_n_f32(0.0); 2]; N];
    let (fours, rest) = inputs.as_chunks::<4>();
    for (i, inputs) in fours.iter().enumerate() {
        // SAFETY: four floats are a vector long.
        let inputs = unsafe { vld1q_f32(inputs.as_ptr()) };
        for (sums, (weights, _)) in sums.iter_mut().zip(&weights) {
            let [w0, w1, w2, w3] = &weights[i];
            add(sums, load(w0).map(|weights| vmulq_laneq_f32::<0>(weights, inputs)));
            add(sums, load(w1).map(|weights| vmulq_laneq_f32::<1>(weights, inputs)));
            add(sums, load(w2).map(|weights| vmulq_laneq_f32::<2>(weights, inputs)));
            add(sums, load(w3).map(|weights| vmulq_laneq_f32::<3>(weights, inputs)));
        }
    }
    for (sums, (_, weights)) in sums.iter_mut().zip(&mut weights) {
        for (weights, &input) in weights.iter().zip(rest) {
            add(sums, load(weights).map(|weights| vmulq_n_f32(weights, input)));
        }
    }
    let blocks = layer.biases()[first..].iter().zip(outputs.chunks_exact_mut(Dense::BLOCK));
    for (mut sums, (biases, outputs)) in sums.into_iter().zip(blocks) {
        add(&mut sums, load(biases));
        let [low, high] = sums;
        // SAFETY: the chunk is two vectors long.
        unsafe { vst1q_f32_x2(outputs.as_mut_ptr(), float32x4x2_t(low, high)) };
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn load(values: &[f32; Dense::BLOCK]) -> Sums {
    // SAFETY: the array is two vectors long.
    let float32x4x2_t(low, high) = unsafe { vld1q_f32_x2(values.as_ptr()) };
    [low, high]
}

#[inline]
#[target_feature(enable = "neon")]
fn add(sums: &mut Sums, products: Sums) {
    *sums = [vaddq_f32(sums[0], products[0]), vaddq_f32(sums[1], products[1])];
}
