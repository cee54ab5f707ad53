//! The inner loops of a convolutional network over [`Vector`].

use crate::kernels::pieces::tiles;
use crate::kernels::{Cell, Depthwise, Inputs, Mix};

/// A register of 32-bit floats. A [`Cell`] fills `PARTS` registers, a number that every function here is told.
///
/// # Safety
/// The functions use the instruction set that the implementation stands for, so the processor must have it.
pub(in crate::kernels) trait Vector: Copy {
    /// The floats of part `part` of a cell.
    unsafe fn load(cell: &Cell, part: usize) -> Self;

    /// Overwrites part `part` of a cell.
    unsafe fn store(self, cell: &mut Cell, part: usize);

    /// `value` in every lane.
    unsafe fn splat(value: f32) -> Self;

    /// `self * factor + sum` in one rounding step.
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self;

    /// The sum of each two lanes.
    unsafe fn add(self, other: Self) -> Self;

    /// The greater of each two lanes.
    unsafe fn max(self, other: Self) -> Self;

    /// Calls [`Row::tile`] from a function that may use the instruction set, one for each kind of row and each `N`. If all
    /// lengths of tiles were in one function, the compiler would load the weights once for all of them and spill most to the
    /// stack: with AVX2, a depthwise convolution took 7 % longer.
    ///
    /// # Safety
    /// The processor has the instruction set, a cell is `PARTS` vectors, and the row has `N` results from `first` on.
    unsafe fn tile<R: Row, const PARTS: usize, const N: usize>(row: &mut R, first: usize);

    /// Adds what one strip of a [`Mix`] gives to the sums of `N` pixels: `weights` are those of the strip, and pixel `x` has
    /// its inputs from `values + x * step` on.
    ///
    /// # Safety
    /// As many floats as there are weights are readable from there on for every pixel.
    #[inline(always)]
    unsafe fn add_strip<const PARTS: usize, const N: usize>(
        sums: &mut [[Self; PARTS]; N],
        weights: &[Cell],
        values: *const f32,
        step: usize,
    ) {
        // SAFETY: promised by the caller.
        unsafe { add_strip(sums, weights, values, step) }
    }
}

/// [`Vector::add_strip`], an input at a time.
///
/// # Safety
/// The processor has the instruction set of `V`, a cell is `PARTS` of its vectors, and the inputs are readable as [`Vector::add_strip`] says.
#[inline(always)]
pub(in crate::kernels) unsafe fn add_strip<V: Vector, const PARTS: usize, const N: usize>(
    sums: &mut [[V; PARTS]; N],
    weights: &[Cell],
    mut values: *const f32,
    step: usize,
) {
    for shares in weights {
        // SAFETY: promised by the caller.
        unsafe {
            let shares = load::<V, PARTS>(shares);
            for (x, sums) in sums.iter_mut().enumerate() {
                let value = V::splat(*values.add(x * step));
                for (sum, share) in sums.iter_mut().zip(shares) {
                    *sum = value.multiply_add(share, *sum);
                }
            }
            values = values.add(1);
        }
    }
}

/// A row of results, of which any run of neighbours can be worked out by itself.
pub(in crate::kernels) trait Row {
    /// Works out the `N` results from `first` on. `N` is known to the compiler, so that their sums stay in registers.
    ///
    /// # Safety
    /// The processor has the instruction set of `V`, a cell is `PARTS` of its vectors, and there are `N` results from there on.
    unsafe fn tile<V: Vector, const PARTS: usize, const N: usize>(&mut self, first: usize);
}

/// Works out a row of `length` results in tiles of at most `MOST`, which is from 4 to 12.
///
/// # Safety
/// The processor has the instruction set of `V`, a cell is `PARTS` of its vectors, and the row has `length` results.
#[inline(always)]
unsafe fn in_tiles<V: Vector, const PARTS: usize, const MOST: usize>(length: usize, mut row: impl Row) {
    const { assert!(4 <= MOST && MOST <= 12, "the lengths below") };
    for (first, length) in tiles(length, MOST) {
        // SAFETY: promised by the caller; tiles lie within the row. An arm that `MOST` rules out leaves no code behind.
        unsafe {
            match length {
                1 => V::tile::<_, PARTS, 1>(&mut row, first),
                2 => V::tile::<_, PARTS, 2>(&mut row, first),
                3 => V::tile::<_, PARTS, 3>(&mut row, first),
                4 => V::tile::<_, PARTS, 4>(&mut row, first),
                5 if MOST >= 5 => V::tile::<_, PARTS, 5>(&mut row, first),
                6 if MOST >= 6 => V::tile::<_, PARTS, 6>(&mut row, first),
                7 if MOST >= 7 => V::tile::<_, PARTS, 7>(&mut row, first),
                8 if MOST >= 8 => V::tile::<_, PARTS, 8>(&mut row, first),
                9 if MOST >= 9 => V::tile::<_, PARTS, 9>(&mut row, first),
                10 if MOST >= 10 => V::tile::<_, PARTS, 10>(&mut row, first),
                11 if MOST >= 11 => V::tile::<_, PARTS, 11>(&mut row, first),
                12 if MOST >= 12 => V::tile::<_, PARTS, 12>(&mut row, first),
                _ => unreachable!("a tile has at most {MOST} results"),
            }
        }
    }
}

/// [`Convolve::mix`](crate::kernels::Convolve::mix), with the sums of at most `TILE` pixels in registers together.
///
/// # Safety
/// The processor has the instruction set of `V`, and a cell is `PARTS` of its vectors.
#[inline(always)]
pub(in crate::kernels) unsafe fn mix<V: Vector, const PARTS: usize, const TILE: usize>(
    layer: &Mix,
    inputs: Inputs<'_>,
    out: &mut [Cell],
) {
    layer.check(inputs, out.len());
    // SAFETY: promised by the caller.
    unsafe { in_tiles::<V, PARTS, TILE>(out.len(), MixRow { layer, inputs, out }) };
}

/// The layer's [`Mix::check`] has passed for these inputs and outputs.
struct MixRow<'a> {
    layer: &'a Mix,
    inputs: Inputs<'a>,
    out: &'a mut [Cell],
}

impl Row for MixRow<'_> {
    #[inline(always)]
    unsafe fn tile<V: Vector, const PARTS: usize, const N: usize>(&mut self, first: usize) {
        let MixRow { layer, inputs, out } = self;
        // SAFETY: promised by the caller; weights and inputs have been checked.
        unsafe {
            let mut sums = [load::<V, PARTS>(&layer.bias); N];
            for (strip, weights) in layer.weights.chunks_exact(layer.taps).enumerate() {
                let values = inputs.values.as_ptr().add(strip * inputs.apart + first * inputs.step);
                V::add_strip(&mut sums, weights, values, inputs.step);
            }
            let least = V::splat(layer.least);
            for (out, sums) in out[first..][..N].iter_mut().zip(sums) {
                for (part, sum) in sums.into_iter().enumerate() {
                    sum.max(least).store(out, part);
                }
            }
        }
    }
}

/// [`Convolve::depthwise`](crate::kernels::Convolve::depthwise), with the sums of at most `TILE` pixels in registers together.
///
/// # Safety
/// The processor has the instruction set of `V`, and a cell is `PARTS` of its vectors.
#[inline(always)]
pub(in crate::kernels) unsafe fn depthwise<V: Vector, const PARTS: usize, const TILE: usize>(
    layer: &Depthwise,
    rows: [&[Cell]; 3],
    out: &mut [Cell],
) {
    let rows = rows.map(|row| &row[..out.len() + 2]);
    // SAFETY: promised by the caller.
    unsafe { in_tiles::<V, PARTS, TILE>(out.len(), DepthwiseRow { layer, rows, out }) };
}

struct DepthwiseRow<'a> {
    layer: &'a Depthwise,
    rows: [&'a [Cell]; 3],
    out: &'a mut [Cell],
}

impl Row for DepthwiseRow<'_> {
    #[inline(always)]
    unsafe fn tile<V: Vector, const PARTS: usize, const N: usize>(&mut self, first: usize) {
        let out: &mut [Cell; N] = self.out[first..].first_chunk_mut().expect("a tile lies within the row");
        // SAFETY: promised by the caller.
        unsafe {
            let least = V::splat(self.layer.least);
            // The parts of all pixels are worked on one after the other: nine weights for every part would not fit into the
            // registers.
            for part in 0..PARTS {
                let mut sums = [V::load(&self.layer.bias, part); N];
                for (row, weights) in self.rows.iter().zip(self.layer.weights.as_chunks::<3>().0) {
                    let row = row.get_unchecked(first..first + N + 2);
                    let weights = [V::load(&weights[0], part), V::load(&weights[1], part), V::load(&weights[2], part)];
                    for (x, sum) in sums.iter_mut().enumerate() {
                        for (tap, &weight) in weights.iter().enumerate() {
                            *sum = V::load(&row[x + tap], part).multiply_add(weight, *sum);
                        }
                    }
                }
                for (out, sum) in out.iter_mut().zip(sums) {
                    sum.max(least).store(out, part);
                }
            }
        }
    }
}

/// [`Convolve::pool`](crate::kernels::Convolve::pool).
///
/// # Safety
/// The processor has the instruction set of `V`, and a cell is `PARTS` of its vectors.
#[inline(always)]
pub(in crate::kernels) unsafe fn pool<V: Vector, const PARTS: usize>(rows: [&[Cell]; 2], out: &mut [Cell]) {
    let (top, bottom) = (rows[0].as_chunks::<2>().0, rows[1].as_chunks::<2>().0);
    for ((out, top), bottom) in out.iter_mut().zip(top).zip(bottom) {
        for part in 0..PARTS {
            // SAFETY: promised by the caller.
            unsafe {
                let above = V::load(&top[0], part).max(V::load(&top[1], part));
                let below = V::load(&bottom[0], part).max(V::load(&bottom[1], part));
                above.max(below).store(out, part);
            }
        }
    }
}

/// [`Convolve::add_doubled`](crate::kernels::Convolve::add_doubled).
///
/// # Safety
/// The processor has the instruction set of `V`, and a cell is `PARTS` of its vectors.
#[inline(always)]
pub(in crate::kernels) unsafe fn add_doubled<V: Vector, const PARTS: usize>(coarse: &[Cell], fine: &mut [Cell]) {
    for (coarse, pair) in coarse.iter().zip(fine.as_chunks_mut::<2>().0) {
        // SAFETY: promised by the caller.
        unsafe {
            let coarse = load::<V, PARTS>(coarse);
            for fine in pair {
                for (part, &coarse) in coarse.iter().enumerate() {
                    V::load(fine, part).add(coarse).store(fine, part);
                }
            }
        }
    }
}

/// All parts of a cell.
///
/// # Safety
/// The processor has the instruction set of `V`, and a cell is `PARTS` of its vectors.
#[inline(always)]
pub(in crate::kernels) unsafe fn load<V: Vector, const PARTS: usize>(cell: &Cell) -> [V; PARTS] {
    // SAFETY: promised by the caller.
    unsafe {
        let mut parts = [V::load(cell, 0); PARTS];
        for (part, vector) in parts.iter_mut().enumerate() {
            *vector = V::load(cell, part);
        }
        parts
    }
}
