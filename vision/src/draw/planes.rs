//! Draws on planes of brightness and colour, whose colour has half the resolution each way (4:2:0).

use std::ops::Range;

use image::Rgb;

use super::{Line, Style, lines, score};
use crate::colour;
use crate::geometry::{Face, Size};
use crate::raster::Planes;

/// Draws boxes and landmarks as [`faces`](super::faces) does, on a picture whose colour has half the resolution.
pub(crate) fn faces_on_planes(picture: &mut Planes, faces: &[Face], style: Style) {
    Canvas::of(picture).faces(faces, style, ycc(style.colour));
}

/// Writes each face's score at the top left corner of its box, as far as the label lies inside the picture.
pub(crate) fn scores_on_planes(picture: &mut Planes, faces: &[Face], style: Style) {
    let (size, mut canvas) = (picture.luma.size, Canvas::of(picture));
    for face in faces {
        let (paper, ink) = score::label(face, style.thickness, size);
        canvas.paint(&paper, ycc(style.colour));
        for line in ink {
            canvas.paint(&line, ycc(Rgb([0; 3])));
        }
    }
}

fn ycc(Rgb(colour): Rgb<u8>) -> [u16; 3] {
    colour::ycc(colour).map(u16::from)
}

/// A sample as it lies in memory.
pub(super) trait Sample: Copy {
    fn value(self) -> u16;

    /// Returns the sample of a value that its bits can hold.
    fn of(value: u16) -> Self;
}

impl Sample for u8 {
    fn value(self) -> u16 {
        self.into()
    }

    fn of(value: u16) -> u8 {
        value as u8
    }
}

/// The lower byte comes first.
impl Sample for [u8; 2] {
    fn value(self) -> u16 {
        u16::from_le_bytes(self)
    }

    fn of(value: u16) -> [u8; 2] {
        value.to_le_bytes()
    }
}

/// The planes of a picture to draw on: brightness, blue difference and red difference, each in rows without padding.
pub(super) struct Canvas<'a, S> {
    /// Size of the first plane. The others are half as wide and half as high, rounded up.
    pub(super) size: Size,
    pub(super) planes: [&'a mut [S]; 3],
}

impl<'a> Canvas<'a, u8> {
    fn of(Planes { luma, blue, red }: &'a mut Planes) -> Self {
        Canvas { size: luma.size, planes: [luma, blue, red].map(|plane| &mut plane.pixels[..]) }
    }
}

impl<S: Sample> Canvas<'_, S> {
    /// Draws boxes and landmarks in a colour that is given as samples of the three planes.
    pub(super) fn faces(&mut self, faces: &[Face], style: Style, colour: [u16; 3]) {
        for line in lines(faces, style, self.size) {
            self.paint(&line, colour);
        }
    }

    fn paint(&mut self, Line { across, down }: &Line, [luma, blue, red]: [u16; 3]) {
        let row = self.size.width as usize;
        let [lumas, blues, reds] = &mut self.planes;
        fill(lumas, row, across, down, |_| luma);
        // Half of nothing must not become something by rounding.
        let halved =
            |pixels: &Range<u32>| if pixels.is_empty() { 0..0 } else { pixels.start / 2..pixels.end.div_ceil(2) };
        // A line of one pixel covers half of each sample of colour that it crosses, and a wider line covers all of it.
        let is_thin = across.len() == 1 || down.len() == 1;
        for (plane, new) in [(blues, blue), (reds, red)] {
            let mixed = |old: u16| if is_thin { (old + new) / 2 } else { new };
            fill(plane, row.div_ceil(2), &halved(across), &halved(down), mixed);
        }
    }
}

fn fill<S: Sample>(plane: &mut [S], row: usize, across: &Range<u32>, down: &Range<u32>, change: impl Fn(u16) -> u16) {
    for y in down.clone() {
        let start = y as usize * row;
        let line = &mut plane[start + across.start as usize..start + across.end as usize];
        line.iter_mut().for_each(|sample| *sample = S::of(change(sample.value())));
    }
}
