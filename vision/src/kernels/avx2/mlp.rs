use std::arch::x86_64::*;

use crate::kernels::Dense;

pub(super) fn dense(layer: &Dense, inputs: &[f32], outputs: &mut [f32]) {
    // A block is a chain of additions that wait for each other; chains side by side keep the adders busy.
    let run = |first, blocks, outputs: &mut [f32]| {
        // SAFETY: `avx2::kernels` is the only way here, and it looked for AVX2.
        unsafe {
            match blocks {
                1 => chains::<1>(layer, first, inputs, outputs),
                2 => chains::<2>(layer, first, inputs, outputs),
                3 => chains::<3>(layer, first, inputs, outputs),
                _ => chains::<4>(layer, first, inputs, outputs),
            }
        }
    };
    for (i, outputs) in outputs[..layer.blocks() * Dense::BLOCK].chunks_mut(4 * Dense::BLOCK).enumerate() {
        run(4 * i, outputs.len() / Dense::BLOCK, outputs);
    }
}

/// Computes blocks `first` to `first + N`.
#[target_feature(enable = "avx2")]
fn chains<const N: usize>(layer: &Dense, first: usize, inputs: &[f32], outputs: &mut [f32]) {
    let inputs = &inputs[..layer.inputs()];
    let blocks: [&[[f32; 8]]; N] = std::array::from_fn(|n| &layer.weights(first + n)[..inputs.len()]);
    let mut sums = [_mm256_setzero_ps(); N];
    for (i, &input) in inputs.iter().enumerate() {
        let input = _mm256_set1_ps(input);
        for (sum, weights) in sums.iter_mut().zip(blocks) {
            // SAFETY: an array of eight floats is a vector long.
            let weights = unsafe { _mm256_loadu_ps(weights[i].as_ptr()) };
            *sum = _mm256_add_ps(*sum, _mm256_mul_ps(input, weights));
        }
    }
    let biases = &layer.biases()[first..];
    for ((sum, bias), output) in sums.into_iter().zip(biases).zip(outputs.chunks_exact_mut(8)) {
        // SAFETY: an array of eight floats is a vector long, and so is a chunk of eight.
        unsafe { _mm256_storeu_ps(output.as_mut_ptr(), _mm256_add_ps(sum, _mm256_loadu_ps(bias.as_ptr()))) };
    }
}
