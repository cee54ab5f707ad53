use crate::kernels::Dense;

pub(super) fn dense(layer: &Dense, inputs: &[f32], outputs: &mut [f32]) {
    for ((weights, biases), outputs) in layer.blocks().zip(outputs.chunks_mut(Dense::BLOCK)) {
        let mut sums = [0.0; Dense::BLOCK];
        for (weights, &input) in weights.iter().zip(inputs) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += input * weight;
            }
        }
        for ((output, sum), bias) in outputs.iter_mut().zip(sums).zip(biases) {
            *output = sum + bias;
        }
    }
}
