//! Writes the part of a JPEG before the scan (T.81, annex B; JFIF 1.02).

use super::huffman::{CHROMA_TABLES, LUMA_TABLES, Table};
use crate::geometry::Size;

/// Replaces the contents of `out` by everything up to the scan. With one table of divisors, in zigzag order, the picture is grey;
/// with two it has colour at half the resolution.
pub(super) fn write(size: Size, divisors: &[[u8; 64]], out: &mut Vec<u8>) {
    out.clear();
    out.extend([0xFF, 0xD8]);
    // The segment says JFIF 1.02, square pixels, and no thumbnail.
    segment(0xE0, &[b"JFIF\0", &[1, 2, 0, 0, 1, 0, 1, 0, 0]], out);
    for (id, table) in (0..).zip(divisors) {
        segment(0xDB, &[&[id], table], out);
    }
    let ([h1, h0], [w1, w0]) = ((size.height as u16).to_be_bytes(), (size.width as u16).to_be_bytes());
    // Each component has its name, its blocks across and down and its table of divisors; then come its Huffman tables.
    let components: &[[u8; 3]] =
        if divisors.len() == 1 { &[[1, 0x11, 0]] } else { &[[1, 0x22, 0], [2, 0x11, 1], [3, 0x11, 1]] };
    let selectors: &[[u8; 2]] = if divisors.len() == 1 { &[[1, 0]] } else { &[[1, 0], [2, 0x11], [3, 0x11]] };
    let count = components.len() as u8;
    segment(0xC0, &[&[8, h1, h0, w1, w0, count], components.as_flattened()], out);
    for (id, tables) in (0..).zip([LUMA_TABLES, CHROMA_TABLES]).take(divisors.len()) {
        for (class, Table { counts, symbols }) in [0, 0x10].into_iter().zip(tables) {
            segment(0xC4, &[&[class | id], counts, symbols], out);
        }
    }
    // All coefficients, all their bits.
    segment(0xDA, &[&[count], selectors.as_flattened(), &[0, 63, 0]], out);
}

fn segment(marker: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    let length: usize = 2 + parts.iter().map(|part| part.len()).sum::<usize>();
    out.extend([0xFF, marker]);
    out.extend((length as u16).to_be_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
}
