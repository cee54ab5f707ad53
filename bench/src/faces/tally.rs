//! Compares the faces of a frame that was sent in one way with those that are there to be found.

use facefleet_vision::{Face, Report};
use serde::Serialize;

/// Two boxes that share at least this much of what they cover together are one face.
const LEAST_OVERLAP: f32 = 0.5;

/// A box in parts of the width and the height of its picture, in which frames of different sizes can be compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    left: f32,
    top: f32,
    right: f32,
    bottom: f32,
}

impl Place {
    /// Returns the places of all faces of a frame, the best face first.
    pub(super) fn all(report: &Report) -> Vec<Place> {
        let (across, down) = (report.source.width as f32, report.source.height as f32);
        let place = |&Face { x, y, width, height, .. }: &Face| Place {
            left: x / across,
            top: y / down,
            right: (x + width) / across,
            bottom: (y + height) / down,
        };
        report.faces.iter().map(place).collect()
    }

    /// Returns what two boxes have in common as a part of what they cover together (intersection over union).
    fn overlap(self, other: Place) -> f32 {
        let across = self.right.min(other.right) - self.left.max(other.left);
        let down = self.bottom.min(other.bottom) - self.top.max(other.top);
        let common = across.max(0.0) * down.max(0.0);
        common / (self.area() + other.area() - common)
    }

    fn area(self) -> f32 {
        (self.right - self.left) * (self.bottom - self.top)
    }
}

/// What was found in many frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Tally {
    pub(super) faces: usize,
    /// Faces of the reference that were not found.
    pub(super) lost: usize,
    /// Faces that the reference does not have.
    pub(super) new: usize,
    /// Sum of the overlaps of those that both have.
    overlap: f64,
}

impl Tally {
    /// Compares frame by frame.
    pub(super) fn of(reference: &[Vec<Place>], found: &[Vec<Place>]) -> Tally {
        let mut tally = Tally::default();
        reference.iter().zip(found).for_each(|(reference, found)| tally.add(reference.clone(), found));
        tally
    }

    /// Adds the faces of a frame; each is one of the reference at most.
    fn add(&mut self, mut reference: Vec<Place>, found: &[Place]) {
        self.faces += found.len();
        for face in found {
            let overlaps = reference.iter().map(|other| face.overlap(*other)).enumerate();
            match overlaps.max_by(|(_, a), (_, b)| a.total_cmp(b)) {
                Some((place, overlap)) if overlap >= LEAST_OVERLAP => {
                    reference.swap_remove(place);
                    self.overlap += f64::from(overlap);
                }
                _ => self.new += 1,
            }
        }
        self.lost += reference.len();
    }

    /// Adds what was found in other frames.
    pub(super) fn merge(&mut self, other: Tally) {
        let Tally { faces, lost, new, overlap } = other;
        self.faces += faces;
        self.lost += lost;
        self.new += new;
        self.overlap += overlap;
    }

    /// Returns the mean overlap of those faces that both have.
    pub(super) fn mean_overlap(&self) -> f64 {
        self.overlap / (self.faces - self.new) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_is_found_lost_or_new() {
        let place = |left: f32, right: f32| Place { left, top: 0.0, right, bottom: 1.0 };
        let mut tally = Tally::default();
        tally.add(vec![place(0.0, 0.4), place(0.5, 0.9)], &[place(0.0, 0.3), place(0.1, 0.4), place(0.6, 0.7)]);
        assert_eq!((tally.faces, tally.lost, tally.new), (3, 1, 2), "one face is not found twice");
        assert!((tally.mean_overlap() - 0.75).abs() < 1e-6, "{tally:?}");
    }
}
