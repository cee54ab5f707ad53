//! The discrete cosine transform of 8x8 blocks and its inverse, in integers.
//!
//! Both directions use the factorisation of C. Loeffler, A. Ligtenberg, G. Moschytz, "Practical fast 1-D DCT algorithms with 11
//! multiplications", 1989, multiplied out: each result is a sum of products of 16-bit numbers, which vector instructions add in
//! pairs. Each pass is larger than the orthonormal transform by the square root of 8, so both passes together are larger by 8.

use crate::kernels::block::{Block, Pair, Quantiser};

/// Shifts after each pass of the inverse, which keeps 12 bits of fraction in its constants and 2 between its passes. Most
/// decoders do this, so pictures are the same to the bit.
pub(crate) const INVERSE_SHIFTS: [u32; 2] = [10, 17];
/// Numbers that are added before each shift to round to the nearest. The second one also turns -128 into 0, and contains the 512
/// of the first once more, for no other reason than agreement with other decoders.
pub(crate) const INVERSE_ROUNDS: [i32; 2] = [512, (128 << 17) + (1 << 16) + 512];

/// Factors of the even rows of the inverse: two rows from coefficients 0 and 4, two from 2 and 6.
pub(crate) const INVERSE_EVEN: [[i16; 2]; 4] = [[4096, 4096], [4096, -4096], [5352, 2217], [2217, -5350]];
/// Factors of the odd rows of the inverse: of coefficients 1 and 5, then 3 and 7.
pub(crate) const INVERSE_ODD: [[[i16; 2]; 2]; 4] = [
    [[5683, 3219], [4816, 1131]],
    [[4816, -5681], [-1129, -3218]],
    [[3219, 1132], [-5681, 4816]],
    [[1131, 4816], [-3218, -5680]],
];

/// Bits of fraction in the constants of the forward transform, and between its passes.
pub(crate) const FORWARD_BITS: u32 = 13;
pub(crate) const FORWARD_BETWEEN_BITS: u32 = 2;
/// Factors of rows 2 and 6 of the forward transform: sqrt(2) cos(k pi / 16) for k of 2 and 6, applied to the differences of the
/// sums.
pub(crate) const FORWARD_EVEN: [[i16; 2]; 2] = [[10_703, 4433], [4433, -10_703]];
/// Factors of rows 1, 3, 5 and 7 of the forward transform: sqrt(2) cos(k pi / 16) for k of 1, 3, 5 and 7, applied to differences
/// 0 and 1, then 2 and 3.
pub(crate) const FORWARD_ODD: [[[i16; 2]; 2]; 4] = [
    [[11_363, 9633], [6436, 2260]],
    [[9633, -2260], [-11_363, -6436]],
    [[6436, -11_363], [2260, 9633]],
    [[2260, -6436], [9633, -11_363]],
];

pub(in crate::kernels) fn inverse_dct(coefficients: &Block, factors: &Block, out: &mut [u8], stride: usize) {
    let at = |row, column| {
        let place = Block::place(row, column);
        i32::from(coefficients.0[place].wrapping_mul(factors.0[place]))
    };
    let mut rows = [[0; 8]; 8];
    for column in 0..8 {
        let pass = inverse(std::array::from_fn(|row| at(row, column)), INVERSE_ROUNDS[0]);
        for (row, sum) in rows.iter_mut().zip(pass) {
            // No picture comes near these limits; damaged bytes may.
            row[column] = (sum >> INVERSE_SHIFTS[0]).clamp(i16::MIN.into(), i16::MAX.into());
        }
    }
    for (row, line) in rows.into_iter().zip(out.chunks_mut(stride)) {
        let pass = inverse(row, INVERSE_ROUNDS[1]);
        for (pixel, sum) in line.iter_mut().zip(pass) {
            *pixel = (sum >> INVERSE_SHIFTS[1]).clamp(0, 255) as u8;
        }
    }
}

fn inverse(s: [i32; 8], round: i32) -> [i32; 8] {
    let pair = |[a, b]: [i16; 2], first: i32, second: i32| i32::from(a) * first + i32::from(b) * second;
    let [e0, e1] = [0, 1].map(|i| pair(INVERSE_EVEN[i], s[0], s[4]) + round);
    let [e2, e3] = [2, 3].map(|i| pair(INVERSE_EVEN[i], s[2], s[6]));
    let even = [e0 + e2, e1 + e3, e1 - e3, e0 - e2];
    let odd = INVERSE_ODD.map(|[a, b]| pair(a, s[1], s[5]) + pair(b, s[3], s[7]));
    std::array::from_fn(|i| if i < 4 { even[i] + odd[i] } else { even[7 - i] - odd[7 - i] })
}

pub(in crate::kernels) fn forward_dct(pixels: &[u8], stride: usize, quantiser: &Quantiser, out: &mut Pair) {
    for (side, (block, nonzero)) in out.blocks.iter_mut().zip(&mut out.nonzero).enumerate() {
        let mut columns = [[0; 8]; 8];
        for (column, values) in columns.iter_mut().enumerate() {
            let pixel = |row| i32::from(pixels[row * stride + side * 8 + column]) - 128;
            let (even, rest) = forward(std::array::from_fn(pixel), FORWARD_BITS - FORWARD_BETWEEN_BITS);
            let even = even.map(|sum| sum << FORWARD_BETWEEN_BITS);
            *values = in_order(even, rest);
        }
        *nonzero = 0;
        for row in 0..8 {
            let (even, rest) = forward(columns.map(|values| values[row]), FORWARD_BITS + FORWARD_BETWEEN_BITS);
            let even = even.map(|sum| (sum + (1 << (FORWARD_BETWEEN_BITS - 1))) >> FORWARD_BETWEEN_BITS);
            for (column, value) in in_order(even, rest).into_iter().enumerate() {
                let place = column * 8 + row;
                block[place] = quantiser.divide(value, place);
                *nonzero |= u64::from(block[place] != 0) << place;
            }
        }
    }
}

/// Puts rows 0 and 4, and all others, into their order.
fn in_order([y0, y4]: [i32; 2], [y1, y2, y3, y5, y6, y7]: [i32; 6]) -> [i32; 8] {
    [y0, y1, y2, y3, y4, y5, y6, y7]
}

/// Transforms eight numbers. Returns rows 0 and 4 as they are, and rows 1, 2, 3, 5, 6 and 7 rounded by `shift`.
fn forward(x: [i32; 8], shift: u32) -> ([i32; 2], [i32; 6]) {
    let sums: [i32; 4] = std::array::from_fn(|i| x[i] + x[7 - i]);
    let gaps: [i32; 4] = std::array::from_fn(|i| x[i] - x[7 - i]);
    let (outer, inner) = (sums[0] + sums[3], sums[1] + sums[2]);
    let pair = |[a, b]: [i16; 2], first: i32, second: i32| i32::from(a) * first + i32::from(b) * second;
    let rounded = |sum: i32| (sum + (1 << (shift - 1))) >> shift;
    let even = FORWARD_EVEN.map(|row| rounded(pair(row, sums[0] - sums[3], sums[1] - sums[2])));
    let odd = FORWARD_ODD.map(|[a, b]| rounded(pair(a, gaps[0], gaps[1]) + pair(b, gaps[2], gaps[3])));
    ([outer + inner, outer - inner], [odd[0], even[0], odd[1], odd[2], even[1], odd[3]])
}
