use crate::kernels::{Cell, Convolve, Depthwise, Inputs, Mix};

pub(in crate::kernels) const CONVOLVE: Convolve = Convolve { mix, depthwise, pool, add_doubled, colours };

/// Shares of the blue and red differences in blue, green and red: ITU-R BT.601 over the full range of a byte, as JFIF 1.02 has it.
pub(in crate::kernels) const BLUE: f32 = 1.772;
pub(in crate::kernels) const GREEN_BY_BLUE: f32 = -0.344_136;
pub(in crate::kernels) const GREEN_BY_RED: f32 = 0.714_136;
pub(in crate::kernels) const RED: f32 = 1.402;

fn mix(mix: &Mix, inputs: Inputs<'_>, out: &mut [Cell]) {
    mix.check(inputs, out.len());
    for (x, out) in out.iter_mut().enumerate() {
        let mut sums = mix.bias.0;
        for (strip, weights) in mix.weights.chunks_exact(mix.taps).enumerate() {
            let values = &inputs.values[strip * inputs.apart + x * inputs.step..];
            for (&value, weights) in values.iter().zip(weights) {
                for (sum, weight) in sums.iter_mut().zip(weights.0) {
                    *sum += value * weight;
                }
            }
        }
        out.0 = sums.map(|sum| sum.max(mix.least));
    }
}

fn depthwise(layer: &Depthwise, rows: [&[Cell]; 3], out: &mut [Cell]) {
    for (x, out) in out.iter_mut().enumerate() {
        let mut sums = layer.bias.0;
        for (row, weights) in rows.iter().zip(layer.weights.chunks_exact(3)) {
            for (cell, weights) in row[x..x + 3].iter().zip(weights) {
                for ((sum, value), weight) in sums.iter_mut().zip(cell.0).zip(weights.0) {
                    *sum += value * weight;
                }
            }
        }
        out.0 = sums.map(|sum| sum.max(layer.least));
    }
}

fn pool(rows: [&[Cell]; 2], out: &mut [Cell]) {
    let [top, bottom] = rows.map(|row| row.as_chunks::<2>().0);
    for ((out, top), bottom) in out.iter_mut().zip(top).zip(bottom) {
        let largest = |i: usize| top[0].0[i].max(top[1].0[i]).max(bottom[0].0[i]).max(bottom[1].0[i]);
        out.0 = std::array::from_fn(largest);
    }
}

pub(in crate::kernels) fn add_doubled(coarse: &[Cell], fine: &mut [Cell]) {
    for (coarse, pair) in coarse.iter().zip(fine.as_chunks_mut::<2>().0) {
        for fine in pair {
            for (fine, coarse) in fine.0.iter_mut().zip(coarse.0) {
                *fine += coarse;
            }
        }
    }
}

pub(in crate::kernels) fn colours(luma: &[u8], [blue, red]: [&[u8]; 2], [b, g, r]: [&mut [f32]; 3]) {
    let pairs = luma.chunks(2).zip(blue).zip(red).zip(b.chunks_mut(2)).zip(g.chunks_mut(2)).zip(r.chunks_mut(2));
    for (((((luma, &blue), &red), b), g), r) in pairs {
        let (blue, red) = (f32::from(blue) - 128.0, f32::from(red) - 128.0);
        let add = [BLUE * blue, GREEN_BY_BLUE * blue - GREEN_BY_RED * red, RED * red];
        for (i, &luma) in luma.iter().enumerate() {
            let [blue, green, red] = add.map(|add| (f32::from(luma) + add).clamp(0.0, 255.0));
            (b[i], g[i], r[i]) = (blue, green, red);
        }
    }
}
