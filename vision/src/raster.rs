//! Pixels in memory that is used again for the next frame.

use image::RgbImage;

use crate::geometry::Size;

/// A grey picture with one byte for each pixel: rows from the top, pixels from the left, no padding. `pixels` is exactly as long
/// as `size` says.
#[derive(Debug)]
pub(crate) struct Raster {
    pub(crate) size: Size,
    pub(crate) pixels: Vec<u8>,
}

/// A picture as a JPEG holds it: its brightness, and two planes for how blue and how red it is, where 128 stands for grey. The
/// colour planes may have fewer pixels than the brightness; all three show the same picture.
#[derive(Debug)]
pub(crate) struct Planes {
    pub(crate) luma: Raster,
    pub(crate) blue: Raster,
    pub(crate) red: Raster,
}

/// A buffer that is this many times larger than needed is given back, because one huge frame must not hold memory for ever.
pub(crate) const GIVE_BACK: usize = 16;

impl Raster {
    pub(crate) const fn empty() -> Self {
        Raster { size: Size { width: 0, height: 0 }, pixels: Vec::new() }
    }

    /// Makes room for a picture of another size. The values of its pixels are then undefined.
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

    /// Makes the picture grey everywhere.
    pub(crate) fn without_colour(&mut self) {
        for plane in [&mut self.blue, &mut self.red] {
            plane.reshape(Size { width: 1, height: 1 });
            plane.pixels.fill(128);
        }
    }
}

/// Returns the size of a plane with half as many pixels across and half as many down, rounded up.
pub(crate) fn halved(size: Size) -> Size {
    Size { width: size.width.div_ceil(2), height: size.height.div_ceil(2) }
}

/// Yields the colours of a plane with half as many pixels each way: for each square of two by two pixels, row by row, the average
/// of those that there are.
pub(crate) fn quarters(picture: &RgbImage) -> impl Iterator<Item = [u8; 3]> {
    let line = picture.width() as usize * 3;
    picture.chunks(2 * line.max(1)).flat_map(move |lines| {
        let (upper, lower) = lines.split_at(line);
        // The last line of an odd number of lines stands for two.
        let lower = if lower.is_empty() { upper } else { lower };
        upper.chunks(6).zip(lower.chunks(6)).map(|(upper, lower)| {
            std::array::from_fn(|i| {
                let right = i + upper.len() - 3;
                let sum = [upper[i], upper[right], lower[i], lower[right]].map(u16::from).iter().sum::<u16>();
                ((sum + 2) / 4) as u8
            })
        })
    })
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
