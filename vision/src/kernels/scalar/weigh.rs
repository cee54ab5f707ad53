//! The two passes of a resize, which add up pixels times weights.

use crate::kernels::weights::{BETWEEN, FRACTION, Weights};

pub(crate) const ROWS_SHIFT: u32 = FRACTION - BETWEEN;
pub(crate) const COLUMNS_SHIFT: u32 = FRACTION + BETWEEN;

pub(in crate::kernels) fn weigh_rows(rows: &[u8], stride: usize, weights: &[i16], out: &mut [i16]) {
    for (x, out) in out.iter_mut().enumerate() {
        let products =
            weights.iter().enumerate().map(|(y, &weight)| i32::from(weight) * i32::from(rows[y * stride + x]));
        *out = ((products.sum::<i32>() + (1 << (ROWS_SHIFT - 1))) >> ROWS_SHIFT) as i16;
    }
}

pub(in crate::kernels) fn weigh_columns(row: &[i16], weights: &Weights, out: &mut [u8]) {
    for (result, out) in out.iter_mut().enumerate() {
        let (first, weights) = weights.of(result);
        let products = row[first..].iter().zip(weights).map(|(&value, &weight)| i32::from(value) * i32::from(weight));
        *out = ((products.sum::<i32>() + (1 << (COLUMNS_SHIFT - 1))) >> COLUMNS_SHIFT) as u8;
    }
}
