//! Windows that say "here is a face", and putting those together that mean the same one.

/// A square window of the picture. It may reach out of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) x: i32,
    pub(super) y: i32,
    /// Length of a side.
    pub(super) side: u32,
    pub(super) score: f64,
    /// Its place among candidates of the same score. [`merge`] writes and reads it.
    order: usize,
}

impl Candidate {
    pub(super) fn new(x: i32, y: i32, side: u32, score: f64) -> Candidate {
        Candidate { x, y, side, score, order: 0 }
    }

    fn right(self) -> i64 {
        i64::from(self.x) + i64::from(self.side)
    }

    fn bottom(self) -> i64 {
        i64::from(self.y) + i64::from(self.side)
    }

    fn area(self) -> f32 {
        (u64::from(self.side) * u64::from(self.side)) as f32
    }

    /// Overlap of two windows as a share of what they cover together.
    fn overlap(self, other: Candidate) -> f32 {
        let width = self.right().min(other.right()) - i64::from(self.x.max(other.x));
        let height = self.bottom().min(other.bottom()) - i64::from(self.y.max(other.y));
        if width <= 0 || height <= 0 {
            return 0.0;
        }
        let both = (width * height) as f32;
        both / (self.area() + other.area() - both)
    }
}

/// Makes sure that there are so many lists. More of them stay: they keep their memory for the next frame.
pub(super) fn grow(lists: &mut Vec<Vec<Candidate>>, least: usize) {
    lists.resize_with(lists.len().max(least), Vec::new);
}

/// Keeps, of each heap of windows that overlap the best one by more than `threshold`, that one, and gives it the sum of
/// their scores. The result is in the order of the scores before.
///
/// Equal scores keep their order, so that the answer does not depend on how the sort works.
pub(super) fn merge(candidates: &mut Vec<Candidate>, threshold: f32) {
    // A stable sort, which would take memory for every long list.
    candidates.iter_mut().enumerate().for_each(|(order, candidate)| candidate.order = order);
    candidates.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.order.cmp(&b.order)));
    let mut kept = 0;
    let mut left = candidates.len();
    // Windows before `kept` are done; those from there to `left` are still to be looked at, in order.
    while kept < left {
        let best = candidates[kept];
        let mut score = best.score;
        let mut write = kept + 1;
        for read in kept + 1..left {
            let other = candidates[read];
            if best.overlap(other) > threshold {
                score += other.score;
            } else {
                candidates[write] = other;
                write += 1;
            }
        }
        candidates[kept].score = score;
        kept += 1;
        left = write;
    }
    candidates.truncate(kept);
}
