//! Non-maximum suppression: keeps the best one of the boxes that mean the same face.

use crate::geometry::Face;

/// Intersection over union of two boxes above which they mean the same face.
const SAME_FACE: f64 = 0.3;
/// Most candidates that are looked at, the best ones: the default of OpenCV's detector.
const MOST: usize = 5000;

/// A face that a place in the picture suggests, with its number among all suggestions.
pub(super) type Candidate = (usize, Face);

/// Puts the candidates into `faces`, best first, without those that overlap a better one.
///
/// The overlap is that of boxes in whole pixels, cut off toward zero, and of equal scores the first candidate comes first. OpenCV
/// does it like this, so the same faces are left.
pub(super) fn suppress(candidates: &mut Vec<Candidate>, faces: &mut Vec<Face>) {
    // Sorts by number too, because a stable sort would allocate.
    candidates.sort_unstable_by(|(i, a), (j, b)| b.score.total_cmp(&a.score).then(i.cmp(j)));
    candidates.truncate(MOST);
    faces.clear();
    for (_, face) in candidates {
        if faces.iter().all(|better| overlap(better, face) <= SAME_FACE) {
            faces.push(*face);
        }
    }
}

/// Returns the intersection over union of two boxes, which is NaN for two empty boxes.
fn overlap(a: &Face, b: &Face) -> f64 {
    let [a, b] = [a, b].map(|face| [face.x, face.y, face.width, face.height].map(|length| i64::from(length as i32)));
    let shared = |at: usize| ((a[at] + a[at + 2]).min(b[at] + b[at + 2]) - a[at].max(b[at])).max(0);
    let both = (shared(0) * shared(1)) as f64;
    let area = |[_, _, width, height]: [i64; 4]| (width * height) as f64;
    both / (area(a) + area(b) - both)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(rng: &mut fastrand::Rng) -> Face {
        let mut length = |most: f32| rng.f32() * most;
        let (x, y, width, height) = (length(90.0) - 20.0, length(90.0) - 20.0, length(40.0), length(40.0));
        // There are few different scores, so that many are equal.
        let score = (length(5.0)).floor() / 5.0;
        Face { x, y, width, height, score, landmarks: None }
    }

    fn suppressed(faces: &[Face]) -> Vec<Face> {
        let mut left = Vec::new();
        suppress(&mut faces.iter().copied().enumerate().collect(), &mut left);
        left
    }

    #[test]
    fn each_face_is_left_or_overlaps_a_better_one() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..300 {
            let faces: Vec<Face> = (0..rng.usize(0..60)).map(|_| face(&mut rng)).collect();
            let left = suppressed(&faces);
            assert!(left.is_sorted_by(|a, b| a.score >= b.score));
            for (i, a) in left.iter().enumerate() {
                assert!(left[..i].iter().all(|b| overlap(a, b) <= SAME_FACE), "{a:?}");
            }
            for face in faces.iter().filter(|face| !left.contains(face)) {
                let better = left.iter().filter(|better| better.score >= face.score);
                // Boxes smaller than a pixel count as the same face, wherever they are.
                assert!(better.map(|better| overlap(better, face)).any(|o| o > SAME_FACE || o.is_nan()), "{face:?}");
            }
            assert_eq!(suppressed(&left), left, "what is left stays");
        }
    }

    #[test]
    fn of_equal_scores_the_first_is_left() {
        let at = |x| Face { x, y: 0.0, width: 20.0, height: 20.0, score: 0.8, landmarks: None };
        assert_eq!(suppressed(&[at(1.0), at(0.0), at(2.0)]), [at(1.0)]);
    }

    #[test]
    fn overlaps_are_of_whole_pixels() {
        let at = |x, width| Face { x, y: 0.0, width, height: 10.0, score: 0.8, landmarks: None };
        assert_eq!(overlap(&at(0.9, 10.9), &at(5.0, 10.0)), 50.0 / 150.0);
        assert_eq!(overlap(&at(-0.9, 10.0), &at(0.0, 10.0)), 1.0, "toward zero, also from below");
        assert_eq!(overlap(&at(0.0, 10.0), &at(10.0, 10.0)), 0.0);
        assert_eq!(overlap(&at(f32::NEG_INFINITY, f32::INFINITY), &at(0.0, 10.0)), 0.0);
        assert!(overlap(&at(0.0, 0.5), &at(50.0, f32::NAN)).is_nan());
    }
}
