//! Reads the bits of a scan whose stuffed zero bytes were removed, the highest bit of each byte first.

/// A reader of bits. Behind the last byte it reads zeros without end, and [`Bits::left`] tells when it does.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// Index of the byte that is read next.
    next: usize,
    /// Bits that were read and not yet taken, the first in the highest place.
    held: u64,
    /// Number of bits that are held, at least.
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8], start: usize) -> Self {
        Bits { bytes, next: start, held: 0, count: 0 }
    }

    /// Makes sure that 32 bits are held, because a code and the bits behind it are 31 at most.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        if self.count < 32 {
            let word = match self.bytes.get(self.next..self.next + 8) {
                Some(word) => u64::from_be_bytes(word.try_into().expect("8 bytes are 8 bytes")),
                None => 0,
            };
            self.held |= word >> self.count;
            // The last byte may be held only in part. It is read again next time, over itself.
            self.next += ((63 - self.count) / 8) as usize;
            self.count |= 56;
        }
    }

    /// Returns the next `length` bits, 1 to 32, as a number.
    #[inline(always)]
    pub(super) fn peek(&self, length: u32) -> u32 {
        (self.held >> (64 - length)) as u32
    }

    #[inline(always)]
    pub(super) fn take(&mut self, length: u32) {
        self.held <<= length;
        self.count -= length;
    }

    /// Returns whether the next `count` bits, 7 at most, are all ones or all zeros.
    pub(super) fn are_equal(&self, count: u32) -> bool {
        let inverted = if self.held.leading_ones() > 0 { !self.held } else { self.held };
        inverted.leading_zeros() >= count
    }

    /// Returns the number of bits between here and the byte at `end`. The number is negative when more bits were taken than there
    /// were.
    pub(super) fn left(&self, end: usize) -> i64 {
        (end as i64 - self.next as i64) * 8 + i64::from(self.count)
    }
}
