use crate::kernels::Dense;

pub(in crate::kernels) fn dense(layer: &Dense, inputs: &[f32], outputs: &mut [f32]) {
    for (block, (outputs, biases)) in outputs.chunks_exact_mut(Dense::BLOCK).zip(layer.biases()).enumerate() {
        let mut sums = [0.0; Dense::BLOCK];
        for (weights, &input) in layer.weights(block).iter().zip(inputs) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += input * weight;
            }
        }
        for ((output, sum), bias) in outputs.iter_mut().zip(sums).zip(biases) {
            *output = sum + bias;
        }
    }
}
