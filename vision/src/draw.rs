//! Boxes on pictures.

use image::{Rgb, RgbImage};
use imageproc::drawing::draw_hollow_rect_mut;
use imageproc::rect::Rect;

use crate::geometry::{Face, Size};

/// How a box looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Colour of the line.
    pub colour: Rgb<u8>,
    /// Width of the line in pixels; it grows into the box.
    pub thickness: u32,
}

impl Style {
    /// What the programs that came before drew: blue, one pixel.
    pub const SEED: Style = Style { colour: Rgb([0, 0, 255]), thickness: 1 };

    /// A line people see on a video of this size whatever size it is shown at: 2 pixels at 640, 6 at 1920.
    pub fn video(size: Size) -> Style {
        Style { colour: Rgb([40, 220, 80]), thickness: (size.width.max(size.height) / 320).max(2) }
    }
}

/// Draws the outline of each face's box, as far as it lies inside the picture.
pub fn faces(picture: &mut RgbImage, faces: &[Face], style: Style) {
    for face in faces {
        outline(picture, face, style);
    }
}

fn outline(picture: &mut RgbImage, face: &Face, style: Style) {
    // Edges outside the picture are pulled to just outside it: they stay invisible, and no line is billions of pixels long.
    let margin = style.thickness as f32;
    let pull = |edge: f32, side: u32| edge.round().clamp(-margin, side as f32 + margin) as i32;
    let (width, height) = picture.dimensions();
    let (left, right) = (pull(face.x, width), pull(face.x + face.width, width));
    let (top, bottom) = (pull(face.y, height), pull(face.y + face.height, height));
    for inset in 0..style.thickness.cast_signed() {
        let across = u32::try_from(right - left - 2 * inset).unwrap_or(0);
        let down = u32::try_from(bottom - top - 2 * inset).unwrap_or(0);
        if across == 0 || down == 0 {
            return;
        }
        let rect = Rect::at(left + inset, top + inset).of_size(across, down);
        draw_hollow_rect_mut(picture, rect, style.colour);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLUE: Rgb<u8> = Style::SEED.colour;

    fn drawn(x: f32, y: f32, width: f32, height: f32, thickness: u32) -> Vec<(u32, u32)> {
        let mut picture = RgbImage::new(12, 10);
        let face = Face { x, y, width, height, score: 1.0 };
        let style = Style { thickness, ..Style::SEED };
        faces(&mut picture, &[face], style);
        let blue = picture.enumerate_pixels().filter(|(_, _, p)| **p == BLUE);
        blue.map(|(x, y, _)| (x, y)).collect()
    }

    #[test]
    fn a_box_of_4_by_3_has_10_pixels_on_its_line() {
        let mut want: Vec<_> = (2..6).flat_map(|x| [(x, 3), (x, 5)]).collect();
        want.extend([(2, 4), (5, 4)]);
        want.sort_by_key(|&(x, y)| (y, x));
        assert_eq!(drawn(2.0, 3.0, 4.0, 3.0, 1), want);
    }

    #[test]
    fn thick_lines_grow_inward_and_stop_in_the_middle() {
        assert_eq!(drawn(2.0, 2.0, 6.0, 6.0, 2).len(), 36 - 4);
        assert_eq!(drawn(2.0, 2.0, 6.0, 6.0, 100).len(), 36);
    }

    #[test]
    fn what_lies_outside_is_not_drawn() {
        let right_and_bottom = drawn(-50.0, -50.0, 55.0, 55.0, 1);
        assert!(right_and_bottom.iter().all(|&(x, y)| x == 4 || y == 4));
        assert_eq!(right_and_bottom.len(), 9);
        for (x, y, width, height) in [
            (-1e30, -1e30, 2e30, 2e30),
            (1e9, 1e9, 5.0, 5.0),
            (3.0, 3.0, 0.0, 4.0),
            (3.0, 3.0, -4.0, 4.0),
            (f32::NAN, 3.0, 4.0, 4.0),
            (3.0, 3.0, f32::NAN, f32::INFINITY),
        ] {
            for thickness in [1, 3] {
                let pixels = drawn(x, y, width, height, thickness);
                assert_eq!(pixels, [], "{x} {y} {width} {height} thickness {thickness}");
            }
        }
    }

    #[test]
    fn the_video_line_scales() {
        let at = |width, height| Style::video(Size { width, height }).thickness;
        assert_eq!([at(320, 240), at(640, 360), at(1080, 1920)], [2, 2, 6]);
    }
}
