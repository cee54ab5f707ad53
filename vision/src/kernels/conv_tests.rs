//! Every table's kernels for convolutional networks give what the scalar ones give: the same bits where nothing is added up, and
//! otherwise as near as the rounding of each step allows.

use super::tests::each;
use super::*;

/// Lengths of rows, from one pixel to more than three of the longest tiles of any table, and two long ones.
fn lengths() -> impl Iterator<Item = usize> {
    (1..=50).chain([128, 321])
}

fn float(rng: &mut fastrand::Rng) -> f32 {
    rng.f32() * 4.0 - 2.0
}

fn cells(rng: &mut fastrand::Rng, length: usize) -> Vec<Cell> {
    (0..length).map(|_| Cell(std::array::from_fn(|_| float(rng)))).collect()
}

/// Chooses between ReLU and none.
fn least(rng: &mut fastrand::Rng) -> f32 {
    if rng.bool() { 0.0 } else { f32::NEG_INFINITY }
}

/// Returns whether two results are as near as they must be. Results are sums of `terms` products, each below 4, in any order and
/// fused or not, and no two of them are further apart than this bound (N. Higham, "Accuracy and Stability of Numerical
/// Algorithms", chapter 3).
fn near(ours: &[Cell], scalar: &[Cell], terms: usize) -> bool {
    let bound = 2.0 * (terms as f32 + 1.0) * f32::EPSILON * 4.0 * (terms as f32 + 1.0);
    let pairs = Cell::floats(ours).iter().zip(Cell::floats(scalar));
    ours.len() == scalar.len() && pairs.into_iter().all(|(a, b)| (a - b).abs() <= bound)
}

#[test]
fn mix() {
    each(|kernels, rng| {
        for length in lengths() {
            // The shapes are those of a 1x1 convolution, of the first convolution, and of neither.
            for (strips, taps, step) in [(1, 16, 16), (4, 16, 16), (9, 3, 2), (2, 5, 7)] {
                let apart = length * step + taps + rng.usize(..9);
                let layer =
                    Mix { strips, taps, weights: cells(rng, strips * taps), bias: cells(rng, 1)[0], least: least(rng) };
                // The inputs are exactly as long as needed.
                let values: Vec<f32> =
                    (0..(strips - 1) * apart + (length - 1) * step + taps).map(|_| float(rng)).collect();
                let run = |kernels: &Kernels| {
                    let mut out = vec![Cell::ZERO; length];
                    (kernels.convolve.mix)(&layer, Inputs { values: &values, apart, step }, &mut out);
                    out
                };
                let (ours, scalar) = (run(kernels), run(Kernels::scalar()));
                assert!(near(&ours, &scalar, strips * taps), "{strips} strips of {taps}, {length} pixels");
            }
        }
    });
}

#[test]
#[should_panic(expected = "inputs for 3 pixels")]
fn mix_without_enough_inputs_panics() {
    let layer = Mix { strips: 1, taps: 16, weights: vec![Cell::ZERO; 16], bias: Cell::ZERO, least: 0.0 };
    let inputs = Inputs { values: &[0.0; 47], apart: 0, step: 16 };
    (Kernels::best().convolve.mix)(&layer, inputs, &mut [Cell::ZERO; 3]);
}

#[test]
fn depthwise() {
    each(|kernels, rng| {
        for length in lengths() {
            let weights = std::array::from_fn(|_| cells(rng, 1)[0]);
            let layer = Depthwise { weights, bias: cells(rng, 1)[0], least: least(rng) };
            let rows: [_; 3] = std::array::from_fn(|_| cells(rng, length + 2));
            let run = |kernels: &Kernels| {
                let mut out = vec![Cell::ZERO; length];
                (kernels.convolve.depthwise)(&layer, rows.each_ref().map(|row| &row[..]), &mut out);
                out
            };
            assert!(near(&run(kernels), &run(Kernels::scalar()), 9), "{length} pixels");
        }
    });
}

#[test]
fn pool_and_add_doubled() {
    each(|kernels, rng| {
        for length in lengths() {
            let rows: [_; 2] = std::array::from_fn(|_| cells(rng, 2 * length));
            let run = |kernels: &Kernels| {
                let mut pooled = vec![Cell::ZERO; length];
                (kernels.convolve.pool)(rows.each_ref().map(|row| &row[..]), &mut pooled);
                let mut sums = rows[0].clone();
                (kernels.convolve.add_doubled)(&pooled, &mut sums);
                (pooled, sums)
            };
            assert!(run(kernels) == run(Kernels::scalar()), "{length} pixels");
        }
    });
}

#[test]
fn colours() {
    each(|kernels, rng| {
        for length in lengths() {
            let mut bytes = |length: usize| (0..length).map(|_| rng.u8(..)).collect::<Vec<u8>>();
            let (luma, blue, red) = (bytes(length), bytes(length.div_ceil(2)), bytes(length.div_ceil(2)));
            let run = |kernels: &Kernels| {
                let mut out = [(); 3].map(|()| vec![0.0; length]);
                (kernels.convolve.colours)(&luma, [&blue, &red], out.each_mut().map(|row| &mut row[..]));
                out
            };
            assert_eq!(run(kernels), run(Kernels::scalar()), "{length} pixels");
        }
    });
}
