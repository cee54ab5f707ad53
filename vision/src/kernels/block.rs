//! The 8x8 blocks of a JPEG, as the kernels take them.

/// 64 coefficients, or what they are multiplied by.
///
/// Rows 4 apart lie beside each other, so that one instruction multiplies and adds a pair; and columns 4 apart do, so that
/// the pairs of the second pass come out of the first without crossing the vector. [`Block::place`] says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(32))]
pub(crate) struct Block(pub(crate) [i16; 64]);

impl Block {
    pub(crate) const ZERO: Block = Block([0; 64]);

    /// Where the coefficient of vertical frequency `row` and horizontal frequency `column` is kept.
    pub(crate) const fn place(row: usize, column: usize) -> usize {
        (row % 4) * 16 + (column % 4) * 4 + (column / 4) * 2 + row / 4
    }
}

/// Two blocks side by side, transformed and quantised, each column by column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) blocks: [[i16; 64]; 2],
    /// For each block, a bit for each coefficient that is not zero, the first in the lowest.
    pub(crate) nonzero: [u64; 2],
}

impl Pair {
    pub(crate) const ZERO: Pair = Pair { blocks: [[0; 64]; 2], nonzero: [0; 2] };
}

/// Rounded division of a block's coefficients by a constant each, without a division.
#[derive(Clone, Debug)]
#[repr(C, align(32))]
pub(crate) struct Quantiser {
    /// Half of each divisor.
    pub(crate) half: [u16; 64],
    /// 2^(15 + b) / divisor, rounded up, where 2^b is the largest power of two not above the divisor.
    pub(crate) reciprocal: [u16; 64],
    /// 2^(17 - b): what is left of the shift by 15 + b after two times the upper half of a product of 16 bits is taken.
    pub(crate) scale: [u16; 64],
}

impl Quantiser {
    /// For divisors from 4 to 2047. The quotients are exact for dividends below 2^14, which a transform of bytes keeps.
    pub(crate) fn new(divisors: [u16; 64]) -> Self {
        let power = |divisor: u16| divisor.ilog2();
        Quantiser {
            half: divisors.map(|divisor| divisor / 2),
            reciprocal: divisors.map(|divisor| (1u32 << (15 + power(divisor))).div_ceil(u32::from(divisor)) as u16),
            scale: divisors.map(|divisor| 1 << (17 - power(divisor))),
        }
    }

    /// `value` divided by the divisor at `place`, rounded to the nearest, halves away from zero.
    pub(crate) fn divide(&self, value: i32, place: usize) -> i16 {
        let upper_half = |a: u32, b: u16| (a * u32::from(b)) >> 16;
        let sum = value.unsigned_abs() + u32::from(self.half[place]);
        let quotient = upper_half(upper_half(sum, self.reciprocal[place]), self.scale[place]) as i16;
        if value < 0 { -quotient } else { quotient }
    }
}
