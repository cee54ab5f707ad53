//! Non-maximum suppression: merges windows that mean the same face.

/// A square window of the picture, which may reach beyond the picture's border.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) x: i32,
    pub(super) y: i32,
    /// Length of a side.
    pub(super) side: u32,
    pub(super) score: f64,
    /// Place among candidates of the same score, which [`merge`] writes and reads.
    order: u32,
    /// Whether [`merge`] has merged the candidate into a better one.
    is_merged: bool,
}

impl Candidate {
    pub(super) fn new(x: i32, y: i32, side: u32, score: f64) -> Candidate {
        Candidate { x, y, side, score, order: 0, is_merged: false }
    }

    fn area(self) -> f32 {
        (u64::from(self.side) * u64::from(self.side)) as f32
    }

    /// Returns the intersection over union of two windows.
    fn overlap(self, other: Candidate) -> f32 {
        let both = |a: i32, b: i32| {
            let end = (i64::from(a) + i64::from(self.side)).min(i64::from(b) + i64::from(other.side));
            end - i64::from(a.max(b))
        };
        let width = both(self.x, other.x);
        if width <= 0 {
            return 0.0;
        }
        let height = both(self.y, other.y);
        if height <= 0 {
            return 0.0;
        }
        let both = (width * height) as f32;
        both / (self.area() + other.area() - both)
    }
}

/// Most windows of a list that are looked at, the best ones. Comparing each window with each takes time that grows with the
/// square of their number, and a picture can be made to have very many. A photograph of a crowd has hundreds.
pub(super) const MOST: usize = 10_000;

/// Makes sure that there are at least so many lists. Surplus lists stay, so that they keep their memory for the next frame.
pub(super) fn grow(lists: &mut Vec<Vec<Candidate>>, least: usize) {
    lists.resize_with(lists.len().max(least), Vec::new);
}

/// Keeps the best window of each group of windows that overlap it by more than `threshold`, and gives it the sum of the group's
/// scores. The result is in the order of the scores before the sums. Only the best [`MOST`] windows are looked at.
///
/// Candidates with equal scores keep their order, so that the result does not depend on how the sort works.
pub(super) fn merge(candidates: &mut Vec<Candidate>, threshold: f32) {
    // A stable sort would allocate for every long list, so candidates carry their order.
    for (order, candidate) in (0..).zip(candidates.iter_mut()) {
        *candidate = Candidate { order, is_merged: false, ..*candidate };
    }
    candidates.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.order.cmp(&b.order)));
    candidates.truncate(MOST);
    let mut rest = &mut candidates[..];
    while let [best, others @ ..] = rest {
        if !best.is_merged {
            for other in others.iter_mut().filter(|other| !other.is_merged) {
                if best.overlap(*other) > threshold {
                    best.score += other.score;
                    other.is_merged = true;
                }
            }
        }
        rest = others;
    }
    candidates.retain(|candidate| !candidate.is_merged);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: i32, y: i32, side: u32, score: f64) -> Candidate {
        Candidate::new(x, y, side, score)
    }

    fn merged(candidates: &[Candidate], threshold: f32) -> Vec<(i32, f64)> {
        let mut candidates = candidates.to_vec();
        merge(&mut candidates, threshold);
        candidates.iter().map(|candidate| (candidate.x, candidate.score)).collect()
    }

    #[test]
    fn the_best_takes_the_scores_of_those_it_covers() {
        let heap = [square(0, 0, 10, 1.0), square(1, 0, 10, 3.0), square(50, 0, 10, 2.0), square(2, 0, 10, 0.5)];
        assert_eq!(merged(&heap, 0.3), [(1, 4.5), (50, 2.0)]);
        assert_eq!(merged(&heap, 0.99), [(1, 3.0), (50, 2.0), (0, 1.0), (2, 0.5)]);
        assert_eq!(merged(&[], 0.3), []);
    }

    #[test]
    fn what_a_merged_one_covers_is_not_merged_with_it() {
        // The second window covers the third, but belongs to the first, which does not cover the third.
        let chain = [square(0, 0, 10, 3.0), square(4, 0, 10, 2.0), square(8, 0, 10, 1.0)];
        assert_eq!(merged(&chain, 0.3), [(0, 5.0), (8, 1.0)]);
    }

    #[test]
    fn equal_scores_keep_their_order() {
        let equal: Vec<_> = (0..50).map(|n| square(n * 100, 0, 10, 1.0)).collect();
        assert_eq!(merged(&equal, 0.3), (0..50).map(|n| (n * 100, 1.0)).collect::<Vec<_>>());
    }

    #[test]
    fn only_so_many_are_looked_at_and_the_best_of_them() {
        let many: Vec<_> = (0..11_000).map(|n| square(n * 20, 0, 10, f64::from(n % 1000))).collect();
        let left = merged(&many, 0.3);
        assert_eq!(left.len(), MOST);
        assert!(left.iter().all(|&(_, score)| score >= 90.0), "the worst are left out");
    }

    #[test]
    fn overlap_at_the_ends_of_numbers() {
        assert_eq!(square(i32::MAX, i32::MIN, u32::MAX, 0.0).overlap(square(i32::MIN, i32::MAX, 1, 0.0)), 0.0);
        assert_eq!(square(-5, -5, 10, 0.0).overlap(square(-5, -5, 10, 0.0)), 1.0);
        assert_eq!(square(0, 0, 10, 0.0).overlap(square(10, 0, 10, 0.0)), 0.0, "side by side");
    }
}
