//! Turns the output of the heads into faces.

use super::map::Map;
use super::network::STRIDES;
use super::nms::Candidate;
use crate::geometry::{Face, Point};
use crate::kernels::Cell;

/// Channels of the heads.
const CLASS: usize = 0;
const OBJECTNESS: usize = 1;
const BOX: usize = 2;
const LANDMARKS: usize = 6;

/// Puts every cell that scores at least `min_score` into `found` as a face in pixels of the picture: the finest map first, each
/// row by row.
pub(super) fn decode(heads: &[Map; 3], min_score: f32, found: &mut Vec<Candidate>) {
    // A score is the square root of a product of two numbers below one, so if either is below the square of the least score, the
    // score is too low.
    let min_score = min_score.max(0.0);
    let least = logit(min_score * min_score);
    found.clear();
    for (head, stride) in heads.iter().zip(STRIDES) {
        for y in 0..head.height {
            for (x, cell) in head.row(0, y).iter().enumerate() {
                if cell.0[CLASS] < least || cell.0[OBJECTNESS] < least {
                    continue;
                }
                let score = (sigmoid(cell.0[CLASS]) * sigmoid(cell.0[OBJECTNESS])).sqrt();
                if score >= min_score {
                    found.push((found.len(), face(cell, (x, y), stride, score)));
                }
            }
        }
    }
}

/// Returns the face that a cell describes. A cell gives the middle of the box and the landmarks relative to itself, and the sides
/// as logarithms, all in strides.
fn face(cell: &Cell, (column, row): (usize, usize), stride: usize, score: f32) -> Face {
    let stride = stride as f32;
    let place =
        |at: usize| Point { x: (column as f32 + cell.0[at]) * stride, y: (row as f32 + cell.0[at + 1]) * stride };
    let middle = place(BOX);
    let (width, height) = (cell.0[BOX + 2].exp() * stride, cell.0[BOX + 3].exp() * stride);
    Face {
        x: middle.x - width / 2.0,
        y: middle.y - height / 2.0,
        width,
        height,
        score,
        landmarks: Some(std::array::from_fn(|i| place(LANDMARKS + 2 * i))),
    }
}

pub(super) fn sigmoid(value: f32) -> f32 {
    1.0 / (1.0 + (-value).exp())
}

/// Returns the logit of `share`, which [`sigmoid`] turns back into `share`, or slightly less to allow for rounding. Zero and
/// below give minus infinity.
fn logit(share: f32) -> f32 {
    if share <= 0.0 { f32::NEG_INFINITY } else { (share / (1.0 - share)).ln() - 1e-3 }
}
