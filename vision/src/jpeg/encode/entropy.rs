//! Writes coefficients as bits (T.81, F.1.2).

use super::huffman::{Code, Codes};
use crate::kernels::Pair;

/// A writer of the blocks of a scan.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// Bits that are not written yet, the last in the lowest place.
    held: u64,
    count: u32,
}

/// The first coefficient of the block before, of the same component.
#[derive(Clone, Copy, Default)]
pub(super) struct Before(i16);

impl<'a> Writer<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Writer { out, held: 0, count: 0 }
    }

    /// Writes block `which` of a pair, 0 or 1.
    pub(super) fn block(&mut self, pair: &Pair, which: usize, before: &mut Before, codes: &Codes) {
        let (block, nonzero) = (&pair.blocks[which], pair.nonzero[which]);
        let first = block[0];
        let (size, bits) = sized(first - before.0);
        *before = Before(first);
        self.number(codes.dc[usize::from(size)], size, bits);

        let mut rest = in_zigzag(nonzero & !1);
        let mut last = 0;
        while rest != 0 {
            let next = rest.trailing_zeros();
            rest &= rest - 1;
            let mut zeros = next - last - 1;
            while zeros > 15 {
                self.put(codes.ac[0xF0]);
                zeros -= 16;
            }
            let (size, bits) = sized(block[usize::from(PLACES[next as usize])]);
            self.number(codes.ac[zeros as usize * 16 + usize::from(size)], size, bits);
            last = next;
        }
        if last < 63 {
            self.put(codes.ac[0]);
        }
    }

    /// Fills the last byte with ones and writes the end of the picture.
    pub(super) fn finish(mut self) {
        self.put(Code { bits: 0x7F, length: 7 });
        while self.count >= 8 {
            self.count -= 8;
            self.byte((self.held >> self.count) as u8);
        }
        self.out.extend([0xFF, 0xD9]);
    }

    #[inline]
    fn number(&mut self, code: Code, size: u8, bits: u16) {
        self.put(Code { bits: code.bits << size | u32::from(bits), length: code.length + size });
    }

    #[inline]
    fn put(&mut self, code: Code) {
        self.held = self.held << code.length | u64::from(code.bits);
        self.count += u32::from(code.length);
        if self.count >= 32 {
            self.count -= 32;
            let word = (self.held >> self.count) as u32;
            if has_ones(word) {
                word.to_be_bytes().into_iter().for_each(|byte| self.byte(byte));
            } else {
                self.out.extend_from_slice(&word.to_be_bytes());
            }
        }
    }

    fn byte(&mut self, byte: u8) {
        self.out.push(byte);
        if byte == 0xFF {
            self.out.push(0);
        }
    }
}

/// Returns whether one of the bytes is 0xFF.
fn has_ones(word: u32) -> bool {
    let zeros = !word;
    zeros.wrapping_sub(0x0101_0101) & !zeros & 0x8080_8080 != 0
}

/// Returns the number of bits that a number has without its sign, and these bits, which are inverted for a negative number.
fn sized(number: i16) -> (u8, u16) {
    let size = 16 - number.unsigned_abs().leading_zeros();
    let sign = number >> 15;
    (size as u8, number.wrapping_add(sign).cast_unsigned() & ((1u32 << size) - 1) as u16)
}

/// Converts bits for places column by column into bits for places in zigzag order.
fn in_zigzag(mut places: u64) -> u64 {
    let mut moved = 0;
    while places != 0 {
        moved |= 1 << ORDER[places.trailing_zeros() as usize];
        places &= places - 1;
    }
    moved
}

/// Place, column by column, of each coefficient in zigzag order.
pub(super) const PLACES: [u8; 64] = {
    let mut places = [0; 64];
    let mut i = 0;
    while i < 64 {
        let (row, column) = crate::jpeg::zigzag::POSITIONS[i];
        places[i] = (column * 8 + row) as u8;
        i += 1;
    }
    places
};

/// Place in zigzag order of each coefficient, column by column.
const ORDER: [u8; 64] = {
    let mut order = [0; 64];
    let mut i = 0;
    while i < 64 {
        order[PLACES[i] as usize] = i as u8;
        i += 1;
    }
    order
};
