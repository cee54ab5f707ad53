//! Pixels in memory that is used again for the next frame.

use crate::geometry::Size;

/// How many bytes a pixel has, and what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channels {
    /// One byte: brightness.
    Luma,
    /// Three bytes: red, green, blue.
    Rgb,
    /// Three bytes: brightness, blue difference, red difference, as they are in a JPEG.
    Ycc,
}

impl Channels {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Channels::Luma => 1,
            Channels::Rgb | Channels::Ycc => 3,
        }
    }
}

/// A picture: rows from the top, pixels from the left, no padding. `pixels` is exactly as long as the rest says.
#[derive(Debug)]
pub(crate) struct Raster {
    pub(crate) size: Size,
    pub(crate) channels: Channels,
    pub(crate) pixels: Vec<u8>,
}

/// A buffer this many times larger than what is needed is given back: one huge frame must not hold memory for ever.
const GIVE_BACK: usize = 16;

impl Raster {
    pub(crate) fn empty() -> Self {
        Raster { size: Size { width: 0, height: 0 }, channels: Channels::Luma, pixels: Vec::new() }
    }

    /// Makes room for another picture; what the pixels are then is not defined.
    pub(crate) fn reshape(&mut self, size: Size, channels: Channels) {
        let length = usize::try_from(size.pixels())
            .expect("the pixel limit keeps pictures far below the address space")
            * channels.bytes();
        if self.pixels.capacity() / GIVE_BACK > length {
            self.pixels = Vec::new();
        }
        self.pixels.resize(length, 0);
        self.size = size;
        self.channels = channels;
    }

    /// Copies the brightness of this Ycc picture to `out`.
    pub(crate) fn to_luma(&self, out: &mut Raster) {
        debug_assert_eq!(self.channels, Channels::Ycc);
        out.reshape(self.size, Channels::Luma);
        for (luma, ycc) in out.pixels.iter_mut().zip(self.pixels.chunks_exact(3)) {
            *luma = ycc[0];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_huge_frame_does_not_hold_its_memory() {
        let mut raster = Raster::empty();
        let side = |side| Size { width: side, height: side };
        raster.reshape(side(1000), Channels::Rgb);
        raster.reshape(side(600), Channels::Rgb);
        assert!(raster.pixels.capacity() >= 3_000_000, "kept for the next");
        raster.reshape(side(100), Channels::Rgb);
        assert!(raster.pixels.capacity() < 100_000, "given back");
    }
}
