//! What the bytes of a raw video frame mean.

use crate::geometry::Size;
use crate::raster::halved;

/// The form of a raw frame in 4:2:0: how many bits a sample has, and which colour three samples stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawFormat {
    /// Bits of a sample.
    pub depth: Depth,
    /// Weights of red, green and blue in the brightness.
    pub matrix: Matrix,
    /// Values that stand for black and white.
    pub range: Range,
}

/// The number of bits of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Eight bits in one byte.
    Eight,
    /// Ten bits in two bytes, the lower byte first.
    Ten,
}

/// The standard that fixes how much of the brightness comes from red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matrix {
    /// ITU-R BT.601: television of standard definition, and JPEG.
    Bt601,
    /// ITU-R BT.709: television of high definition.
    Bt709,
    /// ITU-R BT.2020, non-constant luminance: television of ultra-high definition.
    Bt2020,
}

/// The part of the sample values that a picture uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// With eight bits, brightness from 16 to 235 and colour from 16 to 240, as video usually has it.
    Limited,
    /// All values, as JPEG has it.
    Full,
}

impl RawFormat {
    /// Returns the number of bytes of a frame. An odd side of the picture gets half a colour sample more.
    pub fn bytes(&self, size: Size) -> usize {
        let samples = size.pixels() + 2 * halved(size).pixels();
        usize::try_from(samples * self.sample_bytes()).expect("a frame in memory has fewer bytes than memory")
    }

    fn sample_bytes(&self) -> u64 {
        match self.depth {
            Depth::Eight => 1,
            Depth::Ten => 2,
        }
    }

    /// Returns the samples of a colour: brightness, blue difference, red difference.
    ///
    /// The brightness and its differences are those of BT.601-7 (2.5), BT.709-6 (3) and BT.2020-2 (table 4), and their values as
    /// whole numbers are those of ITU-T H.273 (8.3), which covers both ranges.
    pub(super) fn samples(&self, rgb: [u8; 3]) -> [u16; 3] {
        let [r, g, b] = rgb.map(|value| f32::from(value) / 255.0);
        let (of_red, of_blue) = match self.matrix {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
        };
        let luma = of_red * r + (1.0 - of_red - of_blue) * g + of_blue * b;
        let differences = [(b - luma) / (2.0 * (1.0 - of_blue)), (r - luma) / (2.0 * (1.0 - of_red))];

        let (most, step) = match self.depth {
            Depth::Eight => (255.0, 1.0),
            Depth::Ten => (1023.0, 4.0),
        };
        let (black, luma_span, colour_span) = match self.range {
            Range::Limited => (16.0 * step, 219.0 * step, 224.0 * step),
            Range::Full => (0.0, most, most),
        };
        let whole = |value: f32| value.round().clamp(0.0, most) as u16;
        let [blue, red] = differences.map(|difference| whole(128.0 * step + colour_span * difference));
        [whole(black + luma_span * luma), blue, red]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(depth: Depth, matrix: Matrix, range: Range) -> RawFormat {
        RawFormat { depth, matrix, range }
    }

    #[test]
    fn known_colours_have_their_samples() {
        use Depth::{Eight, Ten};
        use Matrix::{Bt601, Bt709, Bt2020};
        use Range::{Full, Limited};
        const GREEN: [u8; 3] = [0, 255, 0];
        const WHITE: [u8; 3] = [255; 3];
        for (depth, matrix, range, rgb, want) in [
            (Eight, Bt709, Limited, GREEN, [173, 42, 26]),
            (Eight, Bt709, Limited, [255, 0, 0], [63, 102, 240]),
            (Eight, Bt709, Limited, [0, 0, 255], [32, 240, 118]),
            (Eight, Bt709, Limited, WHITE, [235, 128, 128]),
            (Eight, Bt709, Limited, [0; 3], [16, 128, 128]),
            (Eight, Bt601, Limited, GREEN, [145, 54, 34]),
            (Eight, Bt601, Limited, [255, 0, 0], [81, 90, 240]),
            (Eight, Bt601, Full, [0, 0, 255], [29, 255, 107]),
            (Eight, Bt2020, Limited, GREEN, [164, 47, 25]),
            (Eight, Bt709, Full, GREEN, [182, 30, 12]),
            (Ten, Bt709, Limited, GREEN, [691, 167, 105]),
            (Ten, Bt2020, Limited, WHITE, [940, 512, 512]),
            (Ten, Bt2020, Full, [0, 0, 255], [61, 1023, 471]),
            (Ten, Bt2020, Full, [0; 3], [0, 512, 512]),
        ] {
            let format = format(depth, matrix, range);
            assert_eq!(format.samples(rgb), want, "{format:?} {rgb:?}");
        }
    }

    #[test]
    fn the_full_range_of_bt601_is_that_of_jpeg() {
        let jpeg = format(Depth::Eight, Matrix::Bt601, Range::Full);
        for rgb in [[40, 220, 80], [0, 0, 255], [12, 34, 56], [255, 254, 1]] {
            assert_eq!(jpeg.samples(rgb), crate::colour::ycc(rgb).map(u16::from), "{rgb:?}");
        }
    }

    #[test]
    fn an_odd_side_has_half_a_colour_sample_more() {
        let size = |width, height| Size { width, height };
        let eight = format(Depth::Eight, Matrix::Bt709, Range::Limited);
        let ten = RawFormat { depth: Depth::Ten, ..eight };
        assert_eq!([eight.bytes(size(4, 2)), ten.bytes(size(4, 2))], [12, 24]);
        assert_eq!([eight.bytes(size(5, 3)), ten.bytes(size(5, 3))], [15 + 2 * 6, 2 * (15 + 2 * 6)]);
        assert_eq!(eight.bytes(size(1, 1)), 3);
    }
}
