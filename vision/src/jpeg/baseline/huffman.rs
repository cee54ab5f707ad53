//! Huffman codes (T.81, annex C) and the numbers behind them (F.1.2).

use super::Damage;
use super::bits::Bits;

/// Number of bits that are looked up at once: a code with the number behind it is found in one step when both fit, and so are two
/// of them.
const LOOK: u32 = 10;

/// The meaning of the next bits, in one number that fits a register.
///
/// The fields from the lowest byte up are the length of all these bits, the length of the first code with its number, the first
/// advance, the second advance, and two bytes for each number. A single code is there twice, the second time with an advance of
/// zero, because doing a thing again changes nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step(u64);

impl Step {
    /// An advance that stands for the end of a block.
    pub(super) const END: usize = 128;

    /// Makes a step for bits that are not understood in one step. In place of the first advance it holds the length of the code,
    /// zero for a code longer than [`LOOK`], and in place of the first number it holds the symbol.
    fn long(symbol: u8, length: u32) -> Step {
        Step(u64::from_le_bytes([0, 0, length as u8, 0, symbol, 0, 0, 0]))
    }

    fn one(symbol: u8, value: i16, length: u32) -> Step {
        let advance = if symbol == 0 { Step::END as u8 } else { symbol / 16 + 1 };
        let [low, high] = value.to_le_bytes();
        Step(u64::from_le_bytes([length as u8, length as u8, advance, 0, low, high, low, high]))
    }

    /// Returns this step with another one behind it.
    fn and(self, next: Step) -> Step {
        let [_, length, advance, _, low, high, ..] = self.0.to_le_bytes();
        let [_, next_length, next_advance, _, next_low, next_high, ..] = next.0.to_le_bytes();
        let both = length + next_length;
        Step(u64::from_le_bytes([both, length, advance, next_advance, low, high, next_low, next_high]))
    }

    pub(super) fn length(self) -> u32 {
        (self.0 & 0xFF) as u32
    }

    pub(super) fn length_of_first(self) -> u32 {
        (self.0 >> 8 & 0xFF) as u32
    }

    /// Returns how many coefficients further the numbers belong: the first counted from the last number that was read, the second
    /// from the first.
    pub(super) fn advances(self) -> [usize; 2] {
        [(self.0 >> 16 & 0xFF) as usize, (self.0 >> 24 & 0xFF) as usize]
    }

    pub(super) fn values(self) -> [i16; 2] {
        [(self.0 >> 32) as i16, (self.0 >> 48) as i16]
    }
}

/// A Huffman table, which is built from the body of a segment and kept while the same body comes again.
pub(super) struct Table {
    body: Vec<u8>,
    /// Steps, by the next [`LOOK`] bits.
    steps: Box<[Step; 1 << LOOK]>,
    /// For each length, the first code that is longer, aligned to 16 bits.
    limits: [u32; 17],
    /// Number for each length that turns a code into the index of its symbol when it is added.
    offsets: [i32; 17],
    symbols: [u8; 256],
}

impl Table {
    pub(super) fn new() -> Self {
        let steps = Box::new([Step(0); 1 << LOOK]);
        Table { body: Vec::new(), steps, limits: [0; 17], offsets: [0; 17], symbols: [0; 256] }
    }

    /// Rebuilds the table from `body`: sixteen counts of codes by length, then their symbols. `None` means that no such code
    /// exists, and that the table is not usable.
    pub(super) fn rebuild(&mut self, body: &[u8]) -> Option<()> {
        if self.body != body {
            self.body.clear();
            self.build(body)?;
            self.body.extend_from_slice(body);
        }
        Some(())
    }

    fn build(&mut self, body: &[u8]) -> Option<()> {
        let (counts, symbols) = body.split_first_chunk::<16>()?;
        self.symbols.get_mut(..symbols.len())?.copy_from_slice(symbols);
        let mut steps = self.steps.iter_mut();
        let mut code = 0;
        let mut place = 0;
        for (length, &count) in (1u32..).zip(counts) {
            self.offsets[length as usize] = place - code;
            for &symbol in &symbols[place as usize..][..usize::from(count)] {
                if length <= LOOK {
                    set_steps(&mut steps, length, symbol);
                }
            }
            place += i32::from(count);
            code += i32::from(count);
            // A code of nothing but ones is never given away (annex C), so one code is always left.
            if code >= 1 << length {
                return None;
            }
            self.limits[length as usize] = (code << (16 - length)) as u32;
            code <<= 1;
        }
        steps.for_each(|step| *step = Step::long(0, 0));
        for bits in 0..1 << LOOK {
            let step = self.steps[bits];
            let next = self.steps[bits << step.length() & ((1 << LOOK) - 1)];
            let fits = step.length() + next.length_of_first() <= LOOK;
            if fits && step.length() > 0 && next.length_of_first() > 0 && step.advances()[0] != Step::END {
                self.steps[bits] = step.and(next);
            }
        }
        Some(())
    }

    /// Returns the meaning of the next bits without taking them.
    #[inline(always)]
    pub(super) fn look(&self, bits: &mut Bits<'_>) -> Result<Step, Damage> {
        bits.refill();
        let step = self.steps[bits.peek(LOOK) as usize];
        if step.length() == 0 { self.look_long(step, bits.peek(32)) } else { Ok(step) }
    }

    #[cold]
    #[inline(never)]
    fn look_long(&self, step: Step, next: u32) -> Result<Step, Damage> {
        let (symbol, length) = match step.advances()[0] as u32 {
            0 => {
                let code = next >> 16;
                let longer = (LOOK + 1..=16).find(|&length| code < self.limits[length as usize]);
                let length = longer.ok_or(Damage("a code that stands for nothing"))?;
                let place = (code >> (16 - length)) as i32 + self.offsets[length as usize];
                (self.symbols[place as usize & 0xFF], length)
            }
            length => (step.values()[0] as u8, length),
        };
        if is_undefined(symbol) {
            return Err(Damage("a symbol that means nothing"));
        }
        let size = u32::from(symbol % 16);
        let number = (u64::from(next << length) << size >> 32) as u32;
        Ok(Step::one(symbol, extend(number, size), length + size))
    }
}

/// Sets the steps of all bits that begin with the next code of `length` bits. Codes go up, so steps are set in their order.
fn set_steps<'a>(steps: &mut impl Iterator<Item = &'a mut Step>, length: u32, symbol: u8) {
    let mut set = |step: Step, count: usize| steps.by_ref().take(count).for_each(|place| *place = step);
    let size = u32::from(symbol % 16);
    let rest = LOOK - length;
    if size > rest || is_undefined(symbol) {
        set(Step::long(symbol, length), 1 << rest);
        return;
    }
    for number in 0..1 << size {
        set(Step::one(symbol, extend(number, size), length + size), 1 << (rest - size));
    }
}

/// Returns whether a symbol has no meaning: runs of zeros without a number at their end occur in progressive pictures only,
/// except for the longest.
fn is_undefined(symbol: u8) -> bool {
    symbol.is_multiple_of(16) && !matches!(symbol, 0 | 0xF0)
}

/// Turns the bits of a number into the number. The numbers of a size are coded from the most negative up, without those of
/// smaller sizes (F.2.2.1, EXTEND).
fn extend(number: u32, size: u32) -> i16 {
    let below = if number >> size.saturating_sub(1) == 0 { (1 << size) - 1 } else { 0 };
    (number as i32 - below) as i16
}
