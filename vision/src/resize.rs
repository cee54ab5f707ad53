//! Bringing a picture to the size the detector sees.

use crate::geometry::Size;
use crate::kernels::{Kernels, Weights};
use crate::raster::{Planes, Raster, halved};

/// Resizes, and remembers how: a stream's frames all have the same size.
pub(crate) struct Resizer {
    kernels: &'static Kernels,
    known: Vec<Weights>,
    /// A row of the result before its second pass.
    row: Vec<i16>,
}

/// More pairs of lengths than one stream has, with two for each of brightness and colour.
const MOST_KNOWN: usize = 16;

impl Resizer {
    pub(crate) fn new(kernels: &'static Kernels) -> Self {
        Resizer { kernels, known: Vec::new(), row: Vec::new() }
    }

    /// Fills `to` with `from` at `size`; what `from` is then is not defined. No side is zero.
    pub(crate) fn bring(&mut self, from: &mut Raster, size: Size, to: &mut Raster) {
        if from.size == size {
            std::mem::swap(from, to);
        } else {
            self.resize(from, size, to);
        }
    }

    /// The same for all planes of a picture. The colour gets half of `size`.
    pub(crate) fn bring_planes(&mut self, from: &mut Planes, size: Size, to: &mut Planes) {
        self.bring(&mut from.luma, size, &mut to.luma);
        self.bring(&mut from.blue, halved(size), &mut to.blue);
        self.bring(&mut from.red, halved(size), &mut to.red);
    }

    fn resize(&mut self, from: &Raster, size: Size, to: &mut Raster) {
        to.reshape(size);
        if self.known.len() + 2 > MOST_KNOWN {
            self.known.clear();
        }
        let across = self.know(from.size.width, size.width);
        let down = self.know(from.size.height, size.height);
        let (across, down) = (&self.known[across], &self.known[down]);
        let stride = from.size.width as usize;
        self.row.resize(across.reach().max(stride), 0);
        for (y, out) in to.pixels.chunks_exact_mut(size.width as usize).enumerate() {
            let (first, weights) = down.of(y);
            (self.kernels.weigh_rows)(&from.pixels[first * stride..], stride, weights, &mut self.row[..stride]);
            (self.kernels.weigh_columns)(&self.row, across, out);
        }
    }

    /// The place among the known of the weights from `from` pixels to `to`.
    fn know(&mut self, from: u32, to: u32) -> usize {
        let known = self.known.iter().position(|weights| weights.is_for(from, to));
        known.unwrap_or_else(|| {
            self.known.push(Weights::new(from, to));
            self.known.len() - 1
        })
    }
}
