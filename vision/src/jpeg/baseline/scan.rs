//! The entropy-coded data of a picture's only scan (T.81, F.2).

use super::Damage;
use super::bits::Bits;
use super::huffman::{Step, Table};
use super::tables::{PLACES, Tables};
use crate::geometry::Size;
use crate::kernels::{Block, Kernels};
use crate::raster::Raster;
use crate::tidiness::Tidiness;

/// A scan and what is known about it.
pub(super) struct Scan<'a> {
    pub(super) kernels: &'static Kernels,
    pub(super) tables: &'a Tables,
    pub(super) bytes: &'a [u8],
    /// Places of the restart markers, and the end of the scan.
    pub(super) ends: &'a [usize],
}

impl Scan<'_> {
    /// Decodes into `planes`. Components without a plane are read and forgotten. `strips` are buffers.
    pub(super) fn decode(&self, strips: &mut [Vec<u8>; 3], planes: &mut [&mut Raster]) -> Result<Tidiness, Damage> {
        let components = &self.tables.components[..];
        let Size { width, height } = self.tables.size;
        let (across, down) = (components[0].across, components[0].down);
        let columns = (width as usize).div_ceil(8 * across);
        let rows = (height as usize).div_ceil(8 * down);
        let restart = if self.tables.restart == 0 { columns * rows } else { self.tables.restart };
        let strips = &mut strips[..planes.len()];
        for ((plane, strip), component) in planes.iter_mut().zip(&mut *strips).zip(components) {
            let side = |length: u32, part: usize, whole: usize| (length as usize * part).div_ceil(whole) as u32;
            plane.reshape(Size {
                width: side(width, component.across, across),
                height: side(height, component.down, down),
            });
            strip.resize(columns * component.across * 8 * component.down * 8, 0);
        }

        let mut tidiness = Tidiness::Tidy;
        let mut ends = self.ends.iter();
        let mut place = Place::new(self.bytes, 0, ends.next().copied().unwrap_or(0));
        for row in 0..rows {
            for column in 0..columns {
                let mcu = row * columns + column;
                if mcu > 0 && mcu.is_multiple_of(restart) {
                    let intervals = (columns * rows - mcu).div_ceil(restart);
                    place = match (place.leftover()?, ends.as_slice()) {
                        (None, []) => return Err(TOO_SHORT),
                        (None, &[end, ..]) => {
                            ends.next();
                            Place::new(self.bytes, place.end, end)
                        }
                        // A marker is missing, so the next interval begins where it should stand.
                        (Some(start), ends) if ends.len() < intervals => {
                            tidiness = Tidiness::RestartMarkers;
                            Place { bits: Bits::new(self.bytes, start), before: [0; 3], ..place }
                        }
                        (Some(_), _) => return Err(TOO_LONG),
                    };
                }
                let read = self.mcu(&mut place, column, columns, strips);
                // Bits behind the end may have looked like anything.
                if place.bits.left(place.end) < 0 {
                    return Err(TOO_SHORT);
                }
                read?;
            }
            for ((plane, strip), component) in planes.iter_mut().zip(&*strips).zip(components) {
                copy_rows(strip, columns * component.across * 8, row * component.down * 8, plane);
            }
        }
        match (place.leftover()?, ends.as_slice()) {
            (None, []) => Ok(tidiness),
            _ => Ok(tidiness.or(Tidiness::StrayBytes)),
        }
    }

    fn mcu(&self, place: &mut Place<'_>, column: usize, columns: usize, strips: &mut [Vec<u8>]) -> Result<(), Damage> {
        for (i, component) in self.tables.components.iter().enumerate() {
            let (dc, ac) = (&self.tables.dc[component.dc], &self.tables.ac[component.ac]);
            let Some(strip) = strips.get_mut(i) else {
                for _ in 0..component.across * component.down {
                    place.block(dc, ac, |_, _| ())?;
                }
                continue;
            };
            let factors = self.tables.factors(component);
            let stride = columns * component.across * 8;
            for y in 0..component.down {
                for x in 0..component.across {
                    let out = &mut strip[y * 8 * stride + (column * component.across + x) * 8..];
                    let mut block = Block::ZERO;
                    let last = place.block(dc, ac, |at, value| block.0[usize::from(PLACES[at & 63] & 63)] = value)?;
                    place.before[i] = place.before[i].wrapping_add(block.0[0]);
                    block.0[0] = place.before[i];
                    if last == 0 {
                        flat(block.0[0].wrapping_mul(factors.0[0]), out, stride);
                    } else {
                        (self.kernels.inverse_dct)(&block, factors, out, stride);
                    }
                }
            }
        }
        Ok(())
    }
}

const TOO_SHORT: Damage = Damage("the scan ends too soon");
const TOO_LONG: Damage = Damage("the scan goes on behind its last block");

/// The place that decoding has reached in a restart interval.
struct Place<'a> {
    bits: Bits<'a>,
    /// Place of the next restart marker, or the end of the scan.
    end: usize,
    /// Place behind the last byte before `end` that is not zero. It is looked for once, because a sender may leave out any number
    /// of restart markers before it.
    filled_up_from: usize,
    /// DC coefficient of the block before, for each component.
    before: [i16; 3],
}

impl<'a> Place<'a> {
    fn new(bytes: &'a [u8], start: usize, end: usize) -> Self {
        let last = bytes[start..end].iter().rposition(|&byte| byte != 0);
        let filled_up_from = last.map_or(start, |last| start + last + 1);
        Place { bits: Bits::new(bytes, start), end, filled_up_from, before: [0; 3] }
    }

    /// Reads a block, and calls `keep` with the place of each coefficient in zigzag order and the coefficient; the first one is
    /// the difference to the block before. Returns the last place.
    #[inline(always)]
    fn block(&mut self, dc: &Table, ac: &Table, keep: impl FnMut(usize, i16)) -> Result<usize, Damage> {
        // The copy stays in registers.
        let mut bits = self.bits;
        let last = coefficients(&mut bits, dc, ac, keep);
        self.bits = bits;
        last
    }

    /// Returns where the bytes behind the last block begin; `None` for none but zero bytes, with which some cameras fill up.
    ///
    /// The last byte of a block is filled up with equal bits. Other bits tell that the block before them was not the last one,
    /// but damaged.
    fn leftover(&self) -> Result<Option<usize>, Damage> {
        let left = usize::try_from(self.bits.left(self.end)).map_err(|_| TOO_SHORT)?;
        let start = self.end - left / 8;
        if start >= self.filled_up_from {
            Ok(None)
        } else if self.bits.are_equal(left as u32 % 8) {
            Ok(Some(start))
        } else {
            Err(TOO_LONG)
        }
    }
}

#[inline(always)]
fn coefficients(
    bits: &mut Bits<'_>,
    dc: &Table,
    ac: &Table,
    mut keep: impl FnMut(usize, i16),
) -> Result<usize, Damage> {
    let first = dc.look(bits)?;
    bits.take(first.length_of_first());
    keep(0, first.values()[0]);
    let mut last = 0;
    while last < 63 {
        let step = ac.look(bits)?;
        let ([first, second], [first_value, second_value]) = (step.advances(), step.values());
        let at = last + first;
        // Numbers behind the last coefficient do not belong to this block.
        if at >= 63 {
            bits.take(step.length_of_first());
            match at {
                63 => keep(63, first_value),
                _ if first == Step::END => return Ok(last),
                _ => return Err(Damage("a block of more than 64")),
            }
            return Ok(63);
        }
        keep(at, first_value);
        bits.take(step.length());
        last = at + second;
        if last > 63 {
            return if second == Step::END { Ok(at) } else { Err(Damage("a block of more than 64")) };
        }
        keep(last, second_value);
    }
    Ok(last)
}

/// Fills a block with one grey, as the transform makes of a first coefficient alone.
fn flat(coefficient: i16, out: &mut [u8], stride: usize) {
    let grey = ((i32::from(coefficient) + 4 + 8 * 128) >> 3).clamp(0, 255) as u8;
    for row in 0..8 {
        out[row * stride..][..8].fill(grey);
    }
}

/// Copies the visible part of a row of MCUs to the rows of `plane` from `top` on.
fn copy_rows(strip: &[u8], stride: usize, top: usize, plane: &mut Raster) {
    let width = plane.size.width as usize;
    for (line, row) in strip.chunks_exact(stride).zip(plane.pixels.chunks_exact_mut(width).skip(top)) {
        row.copy_from_slice(&line[..width]);
    }
}
