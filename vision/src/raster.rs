//! Pixels in memory that is used again for the next frame.

use crate::geometry::Size;

/// One byte for each pixel: rows from the top, pixels from the left, no padding. `pixels` is exactly as long as `size` says.
#[derive(Debug)]
pub(crate) struct Raster {
    pub(crate) size: Size,
    pub(crate) pixels: Vec<u8>,
}

/// A picture as a JPEG holds it: its brightness, and how far its colour is blue and red, of 128 for grey. Colour may have
/// fewer pixels than brightness; all three show the same.
#[derive(Debug)]
pub(crate) struct Planes {
    pub(crate) luma: Raster,
    pub(crate) blue: Raster,
    pub(crate) red: Raster,
}

/// A buffer this many times larger than what is needed is given back: one huge frame must not hold memory for ever.
pub(crate) const GIVE_BACK: usize = 16;

impl Raster {
    pub(crate) const fn empty() -> Self {
        Raster { size: Size { width: 0, height: 0 }, pixels: Vec::new() }
    }

    /// Makes room for another picture; what the pixels are then is not defined.
    pub(crate) fn reshape(&mut self, size: Size) {
        let length =
            usize::try_from(size.pixels()).expect("the pixel limit keeps pictures far below the address space");
        if self.pixels.capacity() / GIVE_BACK > length {
            self.pixels = Vec::new();
        }
        self.pixels.resize(length, 0);
        self.size = size;
    }
}

impl Planes {
    pub(crate) const fn empty() -> Self {
        Planes { luma: Raster::empty(), blue: Raster::empty(), red: Raster::empty() }
    }

    /// Makes the colour grey everywhere.
    pub(crate) fn without_colour(&mut self) {
        for plane in [&mut self.blue, &mut self.red] {
            plane.reshape(Size { width: 1, height: 1 });
            plane.pixels.fill(128);
        }
    }
}

/// The size of a plane with half the pixels of `size` across and half of them down.
pub(crate) fn halved(size: Size) -> Size {
    Size { width: size.width.div_ceil(2), height: size.height.div_ceil(2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_huge_frame_does_not_hold_its_memory() {
        let mut raster = Raster::empty();
        let side = |side| Size { width: side, height: side };
        raster.reshape(side(1000));
        raster.reshape(side(600));
        assert!(raster.pixels.capacity() >= 1_000_000, "kept for the next");
        raster.reshape(side(100));
        assert!(raster.pixels.capacity() < 100_000, "given back");
    }
}
