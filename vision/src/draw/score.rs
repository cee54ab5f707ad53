//! Draws a number beside a face, in digits of three pixels by five, so that no font is needed.

use super::{Line, pixel};
use crate::geometry::{Face, Size};

/// The digits, row by row from the top; in each row the highest of three bits is the leftmost pixel.
const DIGITS: [[u8; 5]; 10] = [
    [0b111, 0b101, 0b101, 0b101, 0b111],
    [0b010, 0b110, 0b010, 0b010, 0b111],
    [0b111, 0b001, 0b111, 0b100, 0b111],
    [0b111, 0b001, 0b011, 0b001, 0b111],
    [0b101, 0b101, 0b111, 0b001, 0b001],
    [0b111, 0b100, 0b111, 0b001, 0b111],
    [0b111, 0b100, 0b111, 0b101, 0b111],
    [0b111, 0b001, 0b010, 0b010, 0b010],
    [0b111, 0b101, 0b111, 0b101, 0b111],
    [0b111, 0b101, 0b111, 0b001, 0b111],
];
const POINT: [u8; 5] = [0, 0, 0, 0, 0b010];
const MINUS: [u8; 5] = [0, 0, 0b111, 0, 0];

/// Distance from one character to the next, and from the top of a label to its bottom, in pixels of the digits.
const ADVANCE: i64 = 4;
const HEIGHT: i64 = 7;

/// Returns the label of a face: the rectangle that the score stands on, and the rectangles of its digits. The label lies over the
/// top left corner of the box, or inside the box where there is no room above. A pixel of a digit is `scale` pixels wide and
/// high.
pub(super) fn label(face: &Face, scale: u32, size: Size) -> (Line, impl Iterator<Item = Line>) {
    let text = written(face.score);
    let scale = i64::from(scale);
    let width = (text.len() as i64 * ADVANCE + 1) * scale;
    let (left, box_top) = (pixel(face.x.round()), pixel(face.y.round()));
    let top = if box_top < HEIGHT * scale { box_top.max(0) } else { box_top - HEIGHT * scale };
    let paper = Line::inside(left..left + width, top..top + HEIGHT * scale, size);
    let ink = text.into_bytes().into_iter().enumerate().flat_map(move |(place, character)| {
        let first = left + (place as i64 * ADVANCE + 1) * scale;
        cells(character).map(move |(across, down)| {
            let (x, y) = (first + across * scale, top + (down + 1) * scale);
            Line::inside(x..x + scale, y..y + scale, size)
        })
    });
    (paper, ink)
}

/// Writes a score with two or three digits, which say enough: detectors score in parts of one, or in tens.
fn written(score: f32) -> String {
    // NaN is no score that a detector gives, and must not take room.
    let score = if score.is_nan() { 0.0 } else { score.clamp(-999.0, 999.0) };
    if score.abs() < 10.0 { format!("{score:.2}") } else { format!("{score:.0}") }
}

/// Yields the pixels of a character that are set, column and row.
fn cells(character: u8) -> impl Iterator<Item = (i64, i64)> {
    let rows = match character {
        b'0'..=b'9' => DIGITS[usize::from(character - b'0')],
        b'-' => MINUS,
        _ => POINT,
    };
    (0..5).flat_map(move |down| {
        (0..3).filter(move |across| rows[down as usize] >> (2 - across) & 1 == 1).map(move |across| (across, down))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(x: f32, y: f32, score: f32) -> Vec<String> {
        let face = Face { x, y, width: 9.0, height: 9.0, score, landmarks: None };
        let (paper, ink) = label(&face, 1, Size { width: 20, height: 12 });
        let mut rows = vec![vec![b'.'; 20]; 12];
        let mut fill = |line: Line, with| {
            for y in line.down {
                line.across.clone().for_each(|x| rows[y as usize][x as usize] = with);
            }
        };
        fill(paper, b'-');
        ink.for_each(|line| fill(line, b'#'));
        rows.into_iter().map(|row| String::from_utf8(row).unwrap()).collect()
    }

    #[test]
    fn a_score_stands_over_its_box() {
        let want = [
            "....................",
            "....................",
            "..-----------------.",
            "..-###-----###-###-.",
            "..-#-#-----#-#-#---.",
            "..-#-#-----###-###-.",
            "..-#-#-------#---#-.",
            "..-###--#--###-###-.",
            "..-----------------.",
            "....................",
            "....................",
            "....................",
        ];
        assert_eq!(drawn(2.0, 9.0, 0.95), want);
    }

    #[test]
    fn it_stands_in_the_box_where_there_is_no_room_above_and_is_cut_off_at_the_border() {
        let rows = drawn(14.0, 1.0, 0.5);
        assert_eq!(rows[0], "....................");
        assert_eq!(rows[2], "..............-###--");
        assert_eq!(rows[8], "....................");
        assert_eq!(drawn(1e9, -1e9, f32::NAN), vec![".".repeat(20); 12]);
    }

    #[test]
    fn scores_of_every_size_are_short() {
        let texts = [0.0, 0.987, 9.5, 31.25, -3.0, 1e30, f32::NEG_INFINITY, f32::NAN].map(written);
        assert_eq!(texts, ["0.00", "0.99", "9.50", "31", "-3.00", "999", "-999", "0.00"]);
    }
}
