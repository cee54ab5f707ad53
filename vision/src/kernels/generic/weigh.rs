//! The second pass of a resize over [`Weigh`].

use crate::kernels::weights::{Far, GROUP, Groups, Near, Weights};

/// The way in which an instruction set makes a group of results from a row of sums.
///
/// The products are added up in each instruction set's own way: AVX2 multiplies and adds neighbours in one instruction,
/// while NEON adds products to sums and neighbours only at the end.
///
/// # Safety
/// The functions use the instruction set that the implementation stands for, so the processor must have it.
pub(in crate::kernels) trait Weigh {
    /// [`GROUP`] sums.
    type Sums: Copy;

    /// # Safety
    /// Eight numbers are readable in `row` from each of the group's first pixels on.
    unsafe fn near(row: *const i16, group: &Near) -> Self::Sums;

    /// # Safety
    /// From each of the group's first pixels on, eight numbers are readable in `row` for each of its eights of weights.
    unsafe fn far(row: *const i16, group: &Far) -> Self::Sums;

    /// The sums without their fraction, rounded.
    unsafe fn round(sums: Self::Sums) -> [u8; GROUP];
}

/// [`Kernels::weigh_columns`](crate::kernels::Kernels::weigh_columns).
///
/// # Safety
/// The processor has the instruction set of `W`.
#[inline(always)]
pub(in crate::kernels) unsafe fn weigh_columns<W: Weigh>(row: &[i16], weights: &Weights, out: &mut [u8]) {
    assert!(row.len() >= weights.reach(), "the row is {} long, {} are read", row.len(), weights.reach());
    let outs = out.chunks_mut(GROUP);
    match weights.groups() {
        Groups::Near(groups) => {
            for (out, group) in outs.zip(groups) {
                // SAFETY: `reach` has room for eight pixels behind the first one of each result.
                write(unsafe { W::round(W::near(row.as_ptr(), group)) }, out);
            }
        }
        Groups::Far(groups) => {
            for (out, group) in outs.zip(groups) {
                // SAFETY: `reach` has room for as many pixels behind the first one of each result as it has weights.
                write(unsafe { W::round(W::far(row.as_ptr(), group)) }, out);
            }
        }
    }
}

/// Writes as many results as there is room for.
#[inline(always)]
fn write(results: [u8; GROUP], out: &mut [u8]) {
    match out.first_chunk_mut() {
        Some(whole) => *whole = results,
        None => out.copy_from_slice(&results[..out.len()]),
    }
}
