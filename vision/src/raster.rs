//! Pixels in memory that is used again for the next frame.

use crate::geometry::Size;

/// How many bytes a pixel has, and what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channels {
    /// One byte: brightness as JPEG defines it (ITU-R BT.601).
    Luma,
    /// Three bytes: red, green, blue.
    Rgb,
}

impl Channels {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Channels::Luma => 1,
            Channels::Rgb => 3,
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

    /// Turns this RGB picture into luma in `out`: `0.299 R + 0.587 G + 0.114 B` (BT.601, as in JFIF) in 16-bit fixed point.
    pub(crate) fn to_luma(&self, out: &mut Raster) {
        debug_assert_eq!(self.channels, Channels::Rgb);
        out.reshape(self.size, Channels::Luma);
        for (luma, rgb) in out.pixels.iter_mut().zip(self.pixels.chunks_exact(3)) {
            let [r, g, b] = [rgb[0], rgb[1], rgb[2]].map(u32::from);
            *luma = ((19_595 * r + 38_470 * g + 7_471 * b + 32_768) >> 16) as u8;
        }
    }

    /// Turns this grey picture into RGB in `out`.
    pub(crate) fn to_rgb(&self, out: &mut Raster) {
        debug_assert_eq!(self.channels, Channels::Luma);
        out.reshape(self.size, Channels::Rgb);
        for (rgb, &luma) in out.pixels.chunks_exact_mut(3).zip(&self.pixels) {
            rgb.fill(luma);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luma_weights_are_those_of_jpeg() {
        let mut rgb = Raster::empty();
        rgb.reshape(Size { width: 5, height: 1 }, Channels::Rgb);
        rgb.pixels.copy_from_slice(&[255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255]);
        let mut luma = Raster::empty();
        rgb.to_luma(&mut luma);
        assert_eq!(luma.pixels, [255, 0, 76, 150, 29]);
    }

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
