//! The kernels of the frame path: every table gives the bits of the scalar one.

use super::scalar::{dct, weigh};
use super::*;

fn random() -> fastrand::Rng {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    fastrand::Rng::with_seed(seed)
}

#[test]
fn inverse_dct_is_the_same_for_any_coefficients() {
    let mut random = random();
    for round in 0..3_000 {
        // Blocks have few coefficients and many, as pictures have, and values that only damaged bytes give.
        let (count, most) = [(1, 100), (5, 100), (64, 30), (64, 1023), (64, 32_767)][round % 5];
        let (mut block, mut factors) = (Block::ZERO, Block::ZERO);
        for _ in 0..count {
            block.0[random.usize(..64)] = random.i16(-most - i16::from(most == i16::MAX)..=most);
        }
        factors.0 = factors.0.map(|_| if most > 1023 { random.i16(..) } else { random.i16(1..=16) });
        let stride = 8 + random.usize(..20);
        let (mut want, mut got) = (vec![7; 8 * stride], vec![7; 8 * stride]);
        dct::inverse_dct(&block, &factors, &mut want, stride);
        for kernels in Kernels::supported() {
            (kernels.inverse_dct)(&block, &factors, &mut got[..7 * stride + 8], stride);
            assert_eq!(got, want, "{} {block:?} {factors:?}", kernels.name());
        }
    }
}

#[test]
fn forward_dct_is_the_same_for_any_pixels() {
    let mut random = random();
    for round in 0..2_000 {
        let quantiser = Quantiser::new([0; 64].map(|_| 8 * random.u16(1..=255)));
        let stride = 16 + random.usize(..20);
        let pixels: Vec<u8> = (0..7 * stride + 16)
            .map(|_| match round % 3 {
                0 => random.u8(..),
                1 => random.u8(100..120),
                _ => u8::from(random.bool()) * 255,
            })
            .collect();
        let (mut want, mut got) = (Pair::ZERO, Pair::ZERO);
        dct::forward_dct(&pixels, stride, &quantiser, &mut want);
        for kernels in Kernels::supported() {
            (kernels.forward_dct)(&pixels, stride, &quantiser, &mut got);
            assert_eq!(got, want, "{}", kernels.name());
        }
    }
}

#[test]
fn a_quantiser_divides_and_rounds() {
    for divisor in (8..=2040).step_by(8) {
        let quantiser = Quantiser::new([divisor; 64]);
        for value in (0..=8192).chain([16_000]) {
            let want = (f64::from(value) / f64::from(divisor)).round() as i16;
            assert_eq!(quantiser.divide(value, 0), want, "{value} / {divisor}");
            assert_eq!(quantiser.divide(-value, 0), -want);
        }
    }
}

/// A forward and an inverse transform give the pixels back, but for rounding; the forward transform's results are 8 times too
/// large, which its quantiser undoes.
#[test]
fn the_transforms_are_each_others_inverse() {
    let mut random = random();
    let quantiser = Quantiser::new([8; 64]);
    for _ in 0..500 {
        let pixels: Vec<u8> = (0..128).map(|_| random.u8(..)).collect();
        let mut pair = Pair::ZERO;
        dct::forward_dct(&pixels, 16, &quantiser, &mut pair);
        for (side, columns) in pair.blocks.iter().enumerate() {
            let mut block = Block::ZERO;
            for (place, &coefficient) in columns.iter().enumerate() {
                block.0[Block::place(place % 8, place / 8)] = coefficient;
            }
            let mut back = vec![0; 64];
            dct::inverse_dct(&block, &Block([1; 64]), &mut back, 8);
            for (row, line) in back.chunks(8).enumerate() {
                for (column, &pixel) in line.iter().enumerate() {
                    assert!(pixel.abs_diff(pixels[row * 16 + side * 8 + column]) <= 2);
                }
            }
        }
    }
}

#[test]
fn weighing_rows_is_the_same_at_every_width() {
    let mut random = random();
    for width in (1..=67).chain([255, 256, 257]) {
        for height in [1, 2, 3, 4, 5, 9] {
            let rows: Vec<u8> = (0..width * height).map(|_| random.u8(..)).collect();
            let weights = Weights::new(height as u32, 1);
            let (first, weights) = weights.of(0);
            let (mut want, mut got) = (vec![0; width], vec![0; width]);
            weigh::weigh_rows(&rows[first * width..], width, weights, &mut want);
            for kernels in Kernels::supported() {
                (kernels.weigh_rows)(&rows[first * width..], width, weights, &mut got);
                assert_eq!(got, want, "{} {width}x{height}", kernels.name());
            }
        }
    }
}

#[test]
fn weighing_columns_is_the_same_at_every_length() {
    let mut random = random();
    for to in (1..=67).chain([255, 256, 257]) {
        for from in [1, 2, 7, 8, 9, 40, to, to + 1, to * 5 / 4, to * 13 / 10, to * 3 / 2, to * 2, to * 7] {
            let weights = Weights::new(from, to);
            let mut row: Vec<i16> = (0..from).map(|_| random.i16(0..=32_640)).collect();
            // What lies behind the pixels must not matter.
            row.resize(weights.reach().max(row.len()), i16::MIN);
            let (mut want, mut got) = (vec![0; to as usize], vec![0; to as usize]);
            weigh::weigh_columns(&row, &weights, &mut want);
            for kernels in Kernels::supported() {
                (kernels.weigh_columns)(&row, &weights, &mut got);
                assert_eq!(got, want, "{} {from} to {to}", kernels.name());
            }
        }
    }
}
