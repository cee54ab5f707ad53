//! The last items of a sequence, for readers that each go at their own pace.

use std::collections::VecDeque;

/// The last `capacity` items of a sequence, and how many came before them.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    items: VecDeque<T>,
    capacity: usize,
    /// The number of the first item that is kept. The first item of all has number 0.
    first: u64,
}

/// What a reader gets next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Next<T> {
    /// The item.
    pub(crate) item: T,
    /// How many items before this one the reader has missed for ever.
    pub(crate) missed: u64,
}

impl<T: Clone> Ring<T> {
    pub(crate) fn new(capacity: usize) -> Ring<T> {
        Ring { items: VecDeque::new(), capacity, first: 0 }
    }

    /// Adds an item, and removes the oldest if there are too many.
    pub(crate) fn push(&mut self, item: T) {
        self.items.push_back(item);
        if self.items.len() > self.capacity {
            self.items.pop_front();
            self.first += 1;
        }
    }

    /// The cursor of a reader that wants the last `past` items (or as many as are kept) and all that follow.
    pub(crate) fn cursor(&self, past: usize) -> u64 {
        self.first + (self.items.len() - past.min(self.items.len())) as u64
    }

    /// Reads the item at `cursor`, or the first that is kept if that one is gone, and moves the cursor past it. None: no item has
    /// come since.
    pub(crate) fn read(&self, cursor: &mut u64) -> Option<Next<T>> {
        let missed = self.first.saturating_sub(*cursor);
        let at = *cursor + missed;
        let item = self.items.get(usize::try_from(at - self.first).ok()?)?.clone();
        *cursor = at + 1;
        Some(Next { item, missed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(ring: &Ring<u32>, cursor: &mut u64) -> Vec<(u32, u64)> {
        std::iter::from_fn(|| ring.read(cursor)).map(|next| (next.item, next.missed)).collect()
    }

    #[test]
    fn a_reader_gets_the_past_it_asks_for_and_what_follows() {
        let mut ring = Ring::new(10);
        (0..4).for_each(|n| ring.push(n));
        let mut cursor = ring.cursor(2);
        assert_eq!(read_all(&ring, &mut cursor), [(2, 0), (3, 0)]);
        ring.push(4);
        assert_eq!(read_all(&ring, &mut cursor), [(4, 0)]);
        assert_eq!(read_all(&ring, &mut ring.cursor(0)), []);
        assert_eq!(read_all(&ring, &mut ring.cursor(usize::MAX)).len(), 5);
    }

    #[test]
    fn a_slow_reader_loses_the_oldest_and_is_told_how_many() {
        let mut ring = Ring::new(3);
        let mut cursor = ring.cursor(0);
        (0..10).for_each(|n| ring.push(n));
        assert_eq!(read_all(&ring, &mut cursor), [(7, 7), (8, 0), (9, 0)]);
        (10..15).for_each(|n| ring.push(n));
        assert_eq!(read_all(&ring, &mut cursor), [(12, 2), (13, 0), (14, 0)]);
    }
}
