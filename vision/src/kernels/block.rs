//! The 8x8 blocks of a JPEG in the form that the kernels take.

/// 64 coefficients, or 64 factors for them.
///
/// Rows 4 apart lie beside each other, so that one instruction multiplies a pair and adds the products. Columns 4 apart lie
/// beside each other too, so that the pairs of the second pass come out of the first without crossing the vector.
/// [`Block::place`] gives the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(32))]
pub(crate) struct Block(pub(crate) [i16; 64]);

impl Block {
    pub(crate) const ZERO: Block = Block([0; 64]);

    /// Returns the place of the coefficient of vertical frequency `row` and horizontal frequency `column`.
    pub(crate) const fn place(row: usize, column: usize) -> usize {
        (row % 4) * 16 + (column % 4) * 4 + (column / 4) * 2 + row / 4
    }
}

/// Two neighbouring blocks, transformed and quantised, each stored column by column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) blocks: [[i16; 64]; 2],
    /// The coefficients of each block that are not zero, as a bit each, the first coefficient in the lowest bit.
    pub(crate) nonzero: [u64; 2],
}

impl Pair {
    pub(crate) const ZERO: Pair = Pair { blocks: [[0; 64]; 2], nonzero: [0; 2] };
}

/// The constants that divide each coefficient of a block and round, without a division.
#[derive(Clone, Debug)]
#[repr(C, align(32))]
pub(crate) struct Quantiser {
    /// Half of each divisor.
    pub(crate) half: [u16; 64],
    /// 2^(15 + b) / divisor, rounded up, where 2^b is the largest power of two not above the divisor.
    pub(crate) reciprocal: [u16; 64],
    /// 2^(17 - b): the part of the shift by 15 + b that remains after the upper half of a product of 16 bits was taken twice.
    pub(crate) scale: [u16; 64],
}

impl Quantiser {
    /// Makes the constants for divisors from 4 to 2047. The quotients are exact for dividends below 2^14, and a transform of
    /// bytes stays below that.
    pub(crate) fn new(divisors: [u16; 64]) -> Self {
        let power = |divisor: u16| divisor.ilog2();
        Quantiser {
            half: divisors.map(|divisor| divisor / 2),
            reciprocal: divisors.map(|divisor| (1u32 << (15 + power(divisor))).div_ceil(u32::from(divisor)) as u16),
            scale: divisors.map(|divisor| 1 << (17 - power(divisor))),
        }
    }

    /// Returns `value` divided by the divisor at `place`, rounded to the nearest, with halves away from zero.
    pub(crate) fn divide(&self, value: i32, place: usize) -> i16 {
        let upper_half = |a: u32, b: u16| (a * u32::from(b)) >> 16;
        let sum = value.unsigned_abs() + u32::from(self.half[place]);
        let quotient = upper_half(upper_half(sum, self.reciprocal[place]), self.scale[place]) as i16;
        if value < 0 { -quotient } else { quotient }
    }
}
