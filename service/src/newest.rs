//! The newest measurements of something, and how large most of them are. Pure.

/// The last so many of a sequence of finite numbers. Adding one is quick; what is asked of them takes longer.
#[derive(Clone, Debug)]
pub struct Newest {
    values: Vec<f32>,
    /// The oldest, once there are as many as are kept.
    oldest: usize,
    kept: usize,
}

/// What half of some numbers, and 19 of 20 of them, are at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Most {
    /// Of half of them: the median.
    pub p50: f32,
    /// Of 19 of 20.
    pub p95: f32,
}

impl Newest {
    /// Keeps the last `kept`, at least one.
    pub fn new(kept: usize) -> Newest {
        Newest { values: Vec::new(), oldest: 0, kept: kept.max(1) }
    }

    /// Adds one, in the place of the oldest if there are enough.
    pub fn push(&mut self, value: f32) {
        if self.values.len() < self.kept {
            self.values.push(value);
        } else {
            self.values[self.oldest] = value;
            self.oldest = (self.oldest + 1) % self.kept;
        }
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.values.clear();
        self.oldest = 0;
    }

    /// What most of them are; None: there are none. The p-th part of n numbers is the least of them that ⌈p·n⌉ do not
    /// exceed ("nearest rank"), so it is always one that was measured.
    pub fn most(mut self) -> Option<Most> {
        self.values.sort_unstable_by(f32::total_cmp);
        let count = self.values.len();
        let at = |percent: usize| self.values.get((count * percent).div_ceil(100).checked_sub(1)?).copied();
        Some(Most { p50: at(50)?, p95: at(95)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn most(values: impl IntoIterator<Item = u16>, kept: usize) -> Option<(f32, f32)> {
        let mut newest = Newest::new(kept);
        values.into_iter().for_each(|value| newest.push(value.into()));
        newest.most().map(|Most { p50, p95 }| (p50, p95))
    }

    #[test]
    fn half_and_nineteen_of_twenty_are_at_most_so_large() {
        assert_eq!(most([], 256), None);
        assert_eq!(most([7], 256), Some((7.0, 7.0)));
        assert_eq!(most([9, 1], 256), Some((1.0, 9.0)));
        assert_eq!(most((1..=20).rev(), 256), Some((10.0, 19.0)));
        assert_eq!(most(1..=100, 256), Some((50.0, 95.0)));
    }

    #[test]
    fn only_the_newest_count() {
        assert_eq!(most((1..=1000).chain(1..=20), 20), Some((10.0, 19.0)));
        assert_eq!(most([5, 5, 5, 1], 3), Some((5.0, 5.0)));
        assert_eq!(most([5, 5, 1, 1], 3), Some((1.0, 5.0)));
        let mut newest = Newest::new(2);
        (0..5_u8).for_each(|value| newest.push(value.into()));
        newest.clear();
        newest.push(9.0);
        assert_eq!(newest.most(), Some(Most { p50: 9.0, p95: 9.0 }));
    }
}
