//! Huffman codes (T.81, annex C) and the numbers behind them (F.1.2).

use super::Damage;
use super::bits::Bits;

/// Codes of up to this many bits, and the number behind when both fit, are found in one step.
const LOOK: u32 = 10;

/// What a code and the bits behind it say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// How many coefficients further the number belongs; [`Step::END`] when the block has no more.
    pub(super) advance: usize,
    pub(super) value: i16,
}

impl Step {
    pub(super) const END: usize = 128;
}

/// Built from the body of a table; kept while the same body comes again.
pub(super) struct Table {
    body: Vec<u8>,
    /// By the next [`LOOK`] bits: the value in the upper 16, the advance, and the length of code and number in the lower 8. A
    /// length of zero is for what takes more than one step; its upper half is the symbol and its lower the code's length, zero
    /// for one that is longer than [`LOOK`].
    steps: Box<[u32; 1 << LOOK]>,
    /// For each length, the first code that is longer, aligned to 16 bits.
    limits: [u32; 17],
    /// For each length, what is added to a code to get the place of its symbol.
    offsets: [i32; 17],
    symbols: [u8; 256],
}

impl Table {
    pub(super) fn new() -> Self {
        Table {
            body: Vec::new(),
            steps: Box::new([0; 1 << LOOK]),
            limits: [0; 17],
            offsets: [0; 17],
            symbols: [0; 256],
        }
    }

    /// Makes this the table that `body` describes: sixteen counts of codes by length, then their symbols. `None` when there
    /// is no such code; this table is not usable then.
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
                    add_steps(&mut steps, length, symbol);
                }
            }
            place += i32::from(count);
            code += i32::from(count);
            // A code of nothing but ones is never given away (annex C), and so there is always one left.
            if code >= 1 << length {
                return None;
            }
            self.limits[length as usize] = (code << (16 - length)) as u32;
            code <<= 1;
        }
        steps.for_each(|step| *step = 0);
        Some(())
    }

    /// Reads a code and the number behind it.
    #[inline(always)]
    pub(super) fn read(&self, bits: &mut Bits<'_>) -> Result<Step, Damage> {
        bits.refill();
        let step = self.steps[bits.peek(LOOK) as usize];
        let length = step & 0xFF;
        if length == 0 {
            let (step, length) = self.long_step(step, bits.peek(32))?;
            bits.take(length);
            return Ok(step);
        }
        bits.take(length);
        Ok(Step { advance: (step >> 8 & 0xFF) as usize, value: (step >> 16) as i16 })
    }

    /// What `next` begins with when it takes more than [`LOOK`] bits, and how many it takes.
    #[cold]
    #[inline(never)]
    fn long_step(&self, step: u32, next: u32) -> Result<(Step, u32), Damage> {
        let (symbol, length) = match step >> 8 & 0xFF {
            0 => {
                let code = next >> 16;
                let longer = (LOOK + 1..=16).find(|&length| code < self.limits[length as usize]);
                let length = longer.ok_or(Damage("a code that stands for nothing"))?;
                let place = (code >> (16 - length)) as i32 + self.offsets[length as usize];
                (self.symbols[place as usize & 0xFF], length)
            }
            length => ((step >> 16) as u8, length),
        };
        if is_undefined(symbol) {
            return Err(Damage("a symbol that means nothing"));
        }
        let size = u32::from(symbol % 16);
        let number = (u64::from(next << length) << size >> 32) as u32;
        Ok((Step { advance: advance(symbol), value: extend(number, size) }, length + size))
    }
}

/// Sets what all bits that begin with the next code of `length` bits mean. Codes go up, so this is in their order.
fn add_steps<'a>(steps: &mut impl Iterator<Item = &'a mut u32>, length: u32, symbol: u8) {
    let mut add = |step: u32, count: usize| steps.by_ref().take(count).for_each(|place| *place = step);
    let size = u32::from(symbol % 16);
    let rest = LOOK - length;
    if size > rest || is_undefined(symbol) {
        add(u32::from(symbol) << 16 | length << 8, 1 << rest);
        return;
    }
    for number in 0..1 << size {
        let value = u32::from(extend(number, size).cast_unsigned());
        add(value << 16 | (advance(symbol) as u32) << 8 | (length + size), 1 << (rest - size));
    }
}

/// Runs of zeros without a number at their end mean something in progressive pictures only, but for the longest.
fn is_undefined(symbol: u8) -> bool {
    symbol.is_multiple_of(16) && !matches!(symbol, 0 | 0xF0)
}

fn advance(symbol: u8) -> usize {
    if symbol == 0 { Step::END } else { usize::from(symbol / 16) + 1 }
}

/// Numbers of a size are written from the most negative up, without those of smaller sizes (F.2.2.1, EXTEND).
fn extend(number: u32, size: u32) -> i16 {
    let below = if number >> size.saturating_sub(1) == 0 { (1 << size) - 1 } else { 0 };
    (number as i32 - below) as i16
}
