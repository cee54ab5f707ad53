//! Draws boxes, landmarks and scores on pictures.

mod planes;
mod raw;
mod raw_format;
mod score;

use std::ops;

use image::{Rgb, RgbImage};

use crate::geometry::{Face, Point, Size};
pub(crate) use planes::{faces_on_planes, scores_on_planes};
pub use raw::{RawFrame, faces_on_raw};
pub use raw_format::{Depth, Matrix, Range, RawFormat};

/// The look of a face that is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Colour of the box and of the landmarks.
    pub colour: Rgb<u8>,
    /// Width of the box's line in pixels, which grows into the box, and radius of a landmark's dot.
    pub thickness: u32,
}

impl Style {
    /// The style of the programs before this one: a blue line of one pixel.
    pub const LEGACY: Style = Style { colour: Rgb([0, 0, 255]), thickness: 1 };

    /// Returns a style whose line people see on a video of this size, however large it is shown: 2 pixels for a width of 640, 6
    /// for 1920.
    pub fn video(size: Size) -> Style {
        Style { colour: Rgb([40, 220, 80]), thickness: (size.width.max(size.height) / 320).max(2) }
    }
}

/// Draws the outline of each face's box, and a dot on each of its landmarks, as far as they lie inside the picture.
pub fn faces(picture: &mut RgbImage, faces: &[Face], style: Style) {
    let size = Size { width: picture.width(), height: picture.height() };
    for Line { across, down } in lines(faces, style, size) {
        for y in down {
            across.clone().for_each(|x| picture.put_pixel(x, y, style.colour));
        }
    }
}

/// Yields everything that is painted for `faces` on a picture of `size`.
fn lines(faces: &[Face], style: Style, size: Size) -> impl Iterator<Item = Line> {
    // A greater radius shows nothing more, and the square of this one fits a number.
    let thickness = style.thickness.min(size.width.max(size.height));
    faces.iter().flat_map(move |face| {
        let outlines = (0..thickness).map_while(move |inset| outline(face, inset, size)).flatten();
        outlines.chain(dots(face, thickness, size))
    })
}

/// A rectangle of pixels inside a picture, which may be empty.
struct Line {
    across: ops::Range<u32>,
    down: ops::Range<u32>,
}

/// Returns the four sides of a face's box, `inset` pixels inside of it; `None` when no inside is left.
fn outline(face: &Face, inset: u32, size: Size) -> Option<[Line; 4]> {
    let inset = i64::from(inset);
    let (left, right) = (pixel(face.x.round()) + inset, pixel((face.x + face.width).round()) - inset);
    let (top, bottom) = (pixel(face.y.round()) + inset, pixel((face.y + face.height).round()) - inset);
    if left >= right || top >= bottom {
        return None;
    }
    let line = |left, right, top, bottom| Line::inside(left..right, top..bottom, size);
    Some([
        line(left, right, top, top + 1),
        line(left, right, bottom - 1, bottom),
        line(left, left + 1, top + 1, bottom - 1),
        line(right - 1, right, top + 1, bottom - 1),
    ])
}

/// Yields the rows of a round dot on each landmark. A dot is centred on the pixel that its landmark lies in.
fn dots(face: &Face, radius: u32, size: Size) -> impl Iterator<Item = Line> {
    let radius = i64::from(radius);
    face.landmarks.into_iter().flatten().flat_map(move |Point { x, y }| {
        let (x, y) = (pixel(x.floor()), pixel(y.floor()));
        (-radius..=radius).map(move |below| {
            let half = (radius * radius - below * below).isqrt();
            Line::inside(x - half..x + half + 1, y + below..y + below + 1, size)
        })
    })
}

/// Returns a place as a whole number of pixels. A place far outside of every picture is clamped, and NaN becomes zero.
fn pixel(place: f32) -> i64 {
    place.clamp(-1e9, 1e9) as i64
}

impl Line {
    /// Returns the part of a rectangle that lies in a picture of `size`.
    fn inside(across: ops::Range<i64>, down: ops::Range<i64>, size: Size) -> Line {
        let visible = |pixels: ops::Range<i64>, side: u32| {
            let inside = |edge: i64| edge.clamp(0, side.into()) as u32;
            inside(pixels.start)..inside(pixels.end)
        };
        Line { across: visible(across, size.width), down: visible(down, size.height) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::{Planes, Raster};

    const BLUE: Rgb<u8> = Style::LEGACY.colour;

    fn drawn(x: f32, y: f32, width: f32, height: f32, thickness: u32) -> Vec<(u32, u32)> {
        let mut picture = RgbImage::new(12, 10);
        let face = Face { x, y, width, height, score: 1.0, landmarks: None };
        let style = Style { thickness, ..Style::LEGACY };
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
    fn a_landmark_is_a_round_dot_as_far_as_it_is_inside() {
        let nowhere = Point { x: f32::NAN, y: -1e30 };
        let points = [Point { x: 5.9, y: 4.2 }, Point { x: 0.0, y: 9.0 }, nowhere, nowhere, nowhere];
        let face = Face { x: 50.0, y: 50.0, width: 9.0, height: 9.0, score: 1.0, landmarks: Some(points) };
        let mut picture = RgbImage::new(12, 10);
        faces(&mut picture, &[face], Style { thickness: 2, ..Style::LEGACY });
        let rows: Vec<String> =
            picture.rows().map(|row| row.map(|p| if *p == BLUE { '#' } else { '.' }).collect()).collect();
        let want = [
            "............",
            "............",
            ".....#......",
            "....###.....",
            "...#####....",
            "....###.....",
            ".....#......",
            "#...........",
            "##..........",
            "###.........",
        ];
        assert_eq!(rows, want);

        let plane = |width, height, value| Raster {
            size: Size { width, height },
            pixels: vec![value; (width * height) as usize],
        };
        let mut planes = Planes { luma: plane(12, 10, 90), blue: plane(6, 5, 128), red: plane(6, 5, 128) };
        faces_on_planes(&mut planes, &[face], Style::LEGACY);
        let drawn: Vec<usize> = (0..120).filter(|&at| planes.luma.pixels[at] == 29).collect();
        assert_eq!(drawn, [3 * 12 + 5, 4 * 12 + 4, 4 * 12 + 5, 4 * 12 + 6, 5 * 12 + 5, 8 * 12, 9 * 12, 9 * 12 + 1]);
        assert!(planes.blue.pixels[2 * 6 + 2] > 190 && planes.blue.pixels[0] == 128, "{:?}", planes.blue.pixels);
    }

    #[test]
    fn a_line_of_any_thickness_is_drawn_and_no_further_than_the_picture() {
        let points = [Point { x: 5.0, y: 5.0 }; 5];
        let face = Face { x: -1e9, y: -1e9, width: 2e9, height: 2e9, score: 1.0, landmarks: Some(points) };
        let mut picture = RgbImage::new(12, 10);
        faces(&mut picture, &[face], Style { thickness: u32::MAX, ..Style::LEGACY });
        assert!(picture.pixels().all(|p| *p == BLUE), "the dots cover all of it");
    }

    #[test]
    fn on_planes_the_line_has_its_brightness_and_half_its_colour() {
        let plane = |width, height, value| Raster {
            size: Size { width, height },
            pixels: vec![value; (width * height) as usize],
        };
        let grey = || Planes { luma: plane(13, 11, 90), blue: plane(7, 6, 128), red: plane(7, 6, 128) };
        let face = |x, y, width, height| Face { x, y, width, height, score: 1.0, landmarks: None };
        let mut picture = grey();
        faces_on_planes(&mut picture, &[face(2.0, 2.0, 9.0, 7.0)], Style::LEGACY);
        let mut rgb = RgbImage::new(13, 11);
        faces(&mut rgb, &[face(2.0, 2.0, 9.0, 7.0)], Style::LEGACY);
        for (luma, pixel) in picture.luma.pixels.iter().zip(rgb.pixels()) {
            assert_eq!(*luma, if *pixel == BLUE { 29 } else { 90 });
        }
        assert_eq!(picture.blue.pixels[7 + 2], 191, "the top line: half of 255 and 128");
        assert_eq!(picture.red.pixels[2 * 7 + 1], 117, "the left line: half of 107 and 128");
        assert_eq!(picture.blue.pixels[2 * 7 + 3], 128, "the inside");

        for outside in [
            face(-1e30, -1e30, 2e30, 2e30),
            face(1e9, 3.0, 5.0, 5.0),
            face(3.0, 1e9, 5.0, 5.0),
            face(f32::NAN, 3.0, 4.0, f32::INFINITY),
        ] {
            let mut picture = grey();
            faces_on_planes(&mut picture, &[outside], Style::LEGACY);
            assert_eq!(picture.luma.pixels, grey().luma.pixels, "{outside:?}");
            assert_eq!(picture.blue.pixels, grey().blue.pixels, "{outside:?}");
            assert_eq!(picture.red.pixels, grey().red.pixels, "{outside:?}");
        }
        let mut picture = grey();
        faces_on_planes(&mut picture, &[face(-5.0, -5.0, 17.6, 15.6)], Style::LEGACY);
        assert_eq!(picture.luma.pixels[12], 29, "the right border");
        assert_eq!(picture.luma.pixels[10 * 13], 29, "the bottom border");
    }

    #[test]
    fn the_video_line_scales() {
        let at = |width, height| Style::video(Size { width, height }).thickness;
        assert_eq!([at(320, 240), at(640, 360), at(1080, 1920)], [2, 2, 6]);
    }
}
