//! Quantisation tables for each quality.

use super::entropy::PLACES;
use crate::jpeg::zigzag::POSITIONS;
use crate::kernels::Quantiser;

/// The divisors of T.81, annex K.1, row by row: brightness, then colour.
const HALF_QUALITY: [[u8; 64]; 2] = [
    [
        16, 11, 10, 16, 24, 40, 51, 61, //
        12, 12, 14, 19, 26, 58, 60, 55, //
        14, 13, 16, 24, 40, 57, 69, 56, //
        14, 17, 22, 29, 51, 87, 80, 62, //
        18, 22, 37, 56, 68, 109, 103, 77, //
        24, 35, 55, 64, 81, 104, 113, 92, //
        49, 64, 78, 87, 103, 121, 120, 101, //
        72, 92, 95, 98, 112, 100, 103, 99,
    ],
    [
        17, 18, 24, 47, 99, 99, 99, 99, //
        18, 21, 26, 66, 99, 99, 99, 99, //
        24, 26, 56, 99, 99, 99, 99, 99, //
        47, 66, 99, 99, 99, 99, 99, 99, //
        99, 99, 99, 99, 99, 99, 99, 99, //
        99, 99, 99, 99, 99, 99, 99, 99, //
        99, 99, 99, 99, 99, 99, 99, 99, //
        99, 99, 99, 99, 99, 99, 99, 99,
    ],
];

/// Returns the divisors for a quality, in zigzag order. The scale is that of the Independent JPEG Group: 50 takes the standard's
/// own divisors, 100 takes ones, and below 50 the divisors grow as the quality's reciprocal.
pub(super) fn tables(quality: u8) -> [[u8; 64]; 2] {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    HALF_QUALITY.map(|table| {
        POSITIONS.map(|(row, column)| ((u32::from(table[row * 8 + column]) * percent + 50) / 100).clamp(1, 255) as u8)
    })
}

/// Returns the constants that divide coefficients by a table of [`tables`]. The transform makes coefficients 8 times too large,
/// so divisors are 8 times as large, too.
pub(super) fn quantiser(table: &[u8; 64]) -> Quantiser {
    let mut divisors = [0; 64];
    for (&divisor, &place) in table.iter().zip(&PLACES) {
        divisors[usize::from(place)] = u16::from(divisor) * 8;
    }
    Quantiser::new(divisors)
}
