//! The tables and parameters that come before a scan (T.81, B.2), for the pictures that [`super::Baseline`] decodes.

use super::huffman::Table;
use crate::geometry::Size;
use crate::jpeg::encode::STANDARD_TABLES;
use crate::jpeg::structure::{Segment, Segments, marker};
use crate::jpeg::zigzag::POSITIONS;
use crate::kernels::Block;

/// A component of a picture, which has one or three.
#[derive(Clone, Copy, Debug)]
pub(super) struct Component {
    /// Number of blocks in each MCU, across and down.
    pub(super) across: usize,
    pub(super) down: usize,
    /// Which of four quantisation tables the component uses.
    factors: usize,
    /// Which of four Huffman tables the component uses.
    pub(super) dc: usize,
    pub(super) ac: usize,
    id: u8,
}

/// The tables and parameters of a picture. The tables are kept, and used again if the next picture has the same.
pub(super) struct Tables {
    pub(super) size: Size,
    pub(super) components: Vec<Component>,
    /// Number of MCUs between restart markers; 0 for no markers.
    pub(super) restart: usize,
    pub(super) dc: [Table; 4],
    pub(super) ac: [Table; 4],
    factors: [Block; 4],
    /// Which tables this picture has brought.
    has_factors: [bool; 4],
    has_dc: [bool; 4],
    has_ac: [bool; 4],
}

impl Tables {
    pub(super) fn new() -> Self {
        Tables {
            size: Size { width: 0, height: 0 },
            components: Vec::new(),
            restart: 0,
            dc: std::array::from_fn(|_| Table::new()),
            ac: std::array::from_fn(|_| Table::new()),
            factors: [Block::ZERO; 4],
            has_factors: [false; 4],
            has_dc: [false; 4],
            has_ac: [false; 4],
        }
    }

    pub(super) fn factors(&self, component: &Component) -> &Block {
        &self.factors[component.factors]
    }

    /// Reads everything up to the picture's only scan, and returns where the scan begins. `None` stands for a kind of picture
    /// that is decoded elsewhere, or whose tables break the rules.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        self.components.clear();
        self.restart = 0;
        self.has_factors = [false; 4];
        self.has_dc = [false; 4];
        self.has_ac = [false; 4];
        let mut segments = Segments::new(bytes).ok()?;
        loop {
            let Segment { marker, body, .. } = segments.next().ok()?;
            match marker {
                marker::SOS => {
                    if self.has_dc == [false; 4] && self.has_ac == [false; 4] {
                        self.huffman(&STANDARD_TABLES)?;
                    }
                    self.scan(body)?;
                    return Some(segments.position());
                }
                marker::SOF0 | marker::SOF1 => self.frame(body)?,
                code if marker::is_frame(code) => return None,
                marker::DQT => self.quantisation(body)?,
                marker::DHT => self.huffman(body)?,
                marker::DRI => self.restart = usize::from(u16::from_be_bytes(body.try_into().ok()?)),
                // Adobe's marker says which colours there are (T.872, 6.5.3). The colours are JPEG's own if its last byte is 1.
                marker::APP14 if body.starts_with(b"Adobe") && body.get(11) != Some(&1) => return None,
                _ => {}
            }
        }
    }

    fn frame(&mut self, body: &[u8]) -> Option<()> {
        let &[8, h1, h0, w1, w0, count, ref rest @ ..] = body else { return None };
        self.size = Size { width: u16::from_be_bytes([w1, w0]).into(), height: u16::from_be_bytes([h1, h0]).into() };
        for &[id, sampling, factors] in rest.as_chunks().0 {
            let (across, down) = if count == 1 { (1, 1) } else { (sampling / 16, sampling % 16) };
            let [across, down, factors] = [across, down, factors].map(usize::from);
            self.components.push(Component { across, down, factors, dc: 0, ac: 0, id });
        }
        // Colour that is finer than brightness, or not a whole number of times coarser, is left to others.
        let sampling = |component: &Component| (component.across, component.down);
        let (across, down) = sampling(self.components.first()?);
        let is_known = |(a, d)| matches!((a, d), (1..=4, 1..=4)) && across.is_multiple_of(a) && down.is_multiple_of(d);
        if !self.components.iter().map(sampling).all(is_known) {
            return None;
        }
        let red_green_blue = self.components.iter().map(|component| component.id).eq(*b"RGB");
        (!red_green_blue).then_some(())
    }

    fn scan(&mut self, body: &[u8]) -> Option<()> {
        let (&count, rest) = body.split_first()?;
        let (selectors, rest) = rest.as_chunks::<2>();
        // All components in the order of the frame header, all coefficients of each, all their bits.
        if usize::from(count) != self.components.len() || selectors.len() != self.components.len() + 1 || rest != [0] {
            return None;
        }
        if selectors.last() != Some(&[0, 63]) {
            return None;
        }
        for (component, &[id, tables]) in self.components.iter_mut().zip(selectors) {
            component.dc = usize::from(tables / 16);
            component.ac = usize::from(tables % 16);
            let complete = self.has_factors.get(component.factors) == Some(&true)
                && self.has_dc.get(component.dc) == Some(&true)
                && self.has_ac.get(component.ac) == Some(&true);
            if id != component.id || !complete {
                return None;
            }
        }
        Some(())
    }

    /// Reads the quantisation tables of a segment. Each has 64 factors in zigzag order, of one byte each.
    fn quantisation(&mut self, body: &[u8]) -> Option<()> {
        let (tables, []) = body.as_chunks::<65>() else { return None };
        for [id, factors @ ..] in tables {
            // The upper half of the byte is 1 for factors of two bytes.
            let id = usize::from(*id);
            let table = self.factors.get_mut(id)?;
            for (&place, &factor) in PLACES.iter().zip(factors) {
                table.0[usize::from(place)] = factor.into();
            }
            self.has_factors[id] = true;
        }
        Some(())
    }

    /// Reads the Huffman tables of a segment.
    fn huffman(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&id, rest)) = body.split_first() {
            let symbols: usize = rest.get(..16)?.iter().map(|&count| usize::from(count)).sum();
            let (table, rest) = rest.split_at_checked(16 + symbols)?;
            let at = usize::from(id % 16);
            let (tables, has) = match id / 16 {
                0 => (&mut self.dc, &mut self.has_dc),
                1 => (&mut self.ac, &mut self.has_ac),
                _ => return None,
            };
            tables.get_mut(at)?.rebuild(table)?;
            has[at] = true;
            body = rest;
        }
        Some(())
    }
}

/// Place in a block of each coefficient in zigzag order.
pub(super) const PLACES: [u8; 64] = {
    let mut places = [0; 64];
    let mut i = 0;
    while i < 64 {
        let (row, column) = POSITIONS[i];
        places[i] = Block::place(row, column) as u8;
        i += 1;
    }
    places
};
