//! Sizes, boxes, and the size to which a picture is brought before a detector sees it.

use std::fmt;

/// Width and height of a picture in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl Size {
    /// Returns width times height, which cannot overflow.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// A face: a box in pixels of the picture for which it is reported, and how sure the detector is.
///
/// The box may reach outside the picture, as a face at its border does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Face {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Right edge minus left edge.
    pub width: f32,
    /// Bottom edge minus top edge.
    pub height: f32,
    /// Confidence of the detector, on the detector's own scale. Scores of different detectors cannot be compared.
    pub score: f32,
    /// Right eye, left eye, nose, right and left corner of the mouth, where right and left are the person's own. `None` from a
    /// detector that finds no landmarks.
    pub landmarks: Option<[Point; 5]>,
}

/// A place in a picture, in pixels from the picture's top left corner. The place may be outside the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Distance to the right.
    pub x: f32,
    /// Distance down.
    pub y: f32,
}

impl Face {
    /// Converts a face from pixels of the picture that the detector saw, of size `seen`, to pixels of a picture of size `source`.
    pub fn rescaled(self, seen: Size, source: Size) -> Face {
        let across = source.width as f32 / seen.width as f32;
        let down = source.height as f32 / seen.height as f32;
        Face {
            x: self.x * across,
            y: self.y * down,
            width: self.width * across,
            height: self.height * down,
            score: self.score,
            landmarks: self.landmarks.map(|points| points.map(|Point { x, y }| Point { x: x * across, y: y * down })),
        }
    }
}

/// The size a picture is brought to before a detector looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Exactly this size, even if that changes the aspect ratio.
    Stretch(Size),
    /// A long side of at most this many pixels. The aspect ratio is kept, and nothing is ever enlarged.
    Within(u32),
}

impl Default for Fit {
    /// Returns a long side of 512 pixels, with which a face of a tenth of the picture is still larger than the 40 pixels that a
    /// detector's window needs.
    fn default() -> Self {
        Fit::Within(512)
    }
}

impl Fit {
    /// The size that the programs before this one always used: every frame is stretched to 500x400.
    pub const LEGACY: Fit = Fit::Stretch(Size { width: 500, height: 400 });

    /// Returns the size that a picture of size `source` is brought to. A side is zero only when the `Fit` itself says so.
    pub fn target(self, source: Size) -> Size {
        match self {
            Fit::Stretch(size) => size,
            Fit::Within(0) => Size { width: 0, height: 0 },
            Fit::Within(side) => {
                let long = source.width.max(source.height);
                if long <= side {
                    return source;
                }
                let scaled = |length: u32| {
                    let rounded = (u64::from(length) * u64::from(side) + u64::from(long) / 2) / u64::from(long);
                    u32::try_from(rounded.max(1)).expect("no longer than `side`, which is a u32")
                };
                Size { width: scaled(source.width), height: scaled(source.height) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    #[test]
    fn within_keeps_the_aspect_and_never_enlarges() {
        for (source, side, want) in [
            (size(1920, 1080), 512, size(512, 288)),
            (size(1080, 1920), 512, size(288, 512)),
            (size(640, 360), 640, size(640, 360)),
            (size(320, 240), 512, size(320, 240)),
            (size(1, 1), 512, size(1, 1)),
            (size(60_000, 1), 512, size(512, 1)),
            (size(641, 359), 512, size(512, 287)),
            (size(10, 10), 0, size(0, 0)),
        ] {
            assert_eq!(Fit::Within(side).target(source), want, "{source} within {side}");
        }
    }

    #[test]
    fn stretch_ignores_the_source() {
        assert_eq!(Fit::LEGACY.target(size(1, 9)), size(500, 400));
    }

    #[test]
    fn a_box_goes_back_to_source_pixels_on_each_axis_by_itself() {
        let seen = Face {
            x: -5.0,
            y: 40.0,
            width: 50.0,
            height: 50.0,
            score: 3.5,
            landmarks: Some([Point { x: 7.0, y: 50.0 }; 5]),
        };
        let source = Face {
            x: -10.0,
            y: 20.0,
            width: 100.0,
            height: 25.0,
            score: 3.5,
            landmarks: Some([Point { x: 14.0, y: 25.0 }; 5]),
        };
        assert_eq!(seen.rescaled(size(500, 400), size(1000, 200)), source);
    }
}
