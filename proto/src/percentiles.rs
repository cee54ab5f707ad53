//! The median and the 95th percentile of recent measurements, for heartbeats and stream reports. Pure.

/// A ring of the most recent values of a series of finite numbers. A push takes constant time; percentiles cost a sort.
#[derive(Clone, Debug)]
pub struct Recent {
    values: Vec<f32>,
    /// Index of the oldest value, once the ring is full.
    oldest: usize,
    capacity: usize,
}

/// Two percentiles of a set of values, in the unit of the values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentiles {
    /// The median: half of the values are at most this.
    pub p50: f32,
    /// The 95th percentile: 19 of 20 values are at most this.
    pub p95: f32,
}

impl Recent {
    /// An empty ring that keeps the last `capacity` values, and at least one.
    pub fn new(capacity: usize) -> Recent {
        Recent { values: Vec::new(), oldest: 0, capacity: capacity.max(1) }
    }

    /// Adds a value. A full ring forgets its oldest one for it.
    pub fn push(&mut self, value: f32) {
        if self.values.len() < self.capacity {
            self.values.push(value);
        } else {
            self.values[self.oldest] = value;
            self.oldest = (self.oldest + 1) % self.capacity;
        }
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.values.clear();
        self.oldest = 0;
    }

    /// The percentiles of the values by nearest rank, or None when the ring is empty. The p-th percentile of n sorted values
    /// is the one at rank ⌈p·n/100⌉, so it is always a value that was measured and never one between two of them.
    pub fn percentiles(mut self) -> Option<Percentiles> {
        self.values.sort_unstable_by(f32::total_cmp);
        let count = self.values.len();
        let at = |percent: usize| self.values.get((count * percent).div_ceil(100).checked_sub(1)?).copied();
        Some(Percentiles { p50: at(50)?, p95: at(95)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percentiles(values: impl IntoIterator<Item = u16>, capacity: usize) -> Option<(f32, f32)> {
        let mut recent = Recent::new(capacity);
        values.into_iter().for_each(|value| recent.push(value.into()));
        recent.percentiles().map(|Percentiles { p50, p95 }| (p50, p95))
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        assert_eq!(percentiles([], 256), None);
        assert_eq!(percentiles([7], 256), Some((7.0, 7.0)));
        assert_eq!(percentiles([9, 1], 256), Some((1.0, 9.0)));
        assert_eq!(percentiles((1..=20).rev(), 256), Some((10.0, 19.0)));
        assert_eq!(percentiles(1..=100, 256), Some((50.0, 95.0)));
    }

    #[test]
    fn only_the_most_recent_values_count() {
        assert_eq!(percentiles((1..=1000).chain(1..=20), 20), Some((10.0, 19.0)));
        assert_eq!(percentiles([5, 5, 5, 1], 3), Some((5.0, 5.0)));
        assert_eq!(percentiles([5, 5, 1, 1], 3), Some((1.0, 5.0)));
        let mut recent = Recent::new(2);
        (0..5_u8).for_each(|value| recent.push(value.into()));
        recent.clear();
        recent.push(9.0);
        assert_eq!(recent.percentiles(), Some(Percentiles { p50: 9.0, p95: 9.0 }));
    }
}
