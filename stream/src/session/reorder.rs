//! Puts answers back in frame order.

use std::collections::VecDeque;

/// Holds what came early until its turn. Items are numbered from 0, each put in once.
#[derive(Debug)]
pub(crate) struct Reorder<T> {
    /// `slots[i]` is for the number `next + i`.
    slots: VecDeque<Option<T>>,
    next: u64,
}

impl<T> Default for Reorder<T> {
    fn default() -> Self {
        Reorder { slots: VecDeque::new(), next: 0 }
    }
}

impl<T> Reorder<T> {
    /// Takes the item with this number.
    ///
    /// # Panics
    /// The number was taken before: whoever numbers the items has counted one twice.
    pub(crate) fn put(&mut self, number: u64, item: T) {
        let place = number.checked_sub(self.next).expect("each number is put in once");
        let place = usize::try_from(place).expect("the numbers in hand are few");
        if self.slots.len() <= place {
            self.slots.resize_with(place + 1, || None);
        }
        let before = self.slots[place].replace(item);
        assert!(before.is_none(), "each number is put in once");
    }

    /// How many items have come out.
    pub(crate) fn popped(&self) -> u64 {
        self.next
    }

    /// The next item in order, when it is there.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let item = self.slots.front_mut()?.take()?;
        self.slots.pop_front();
        self.next += 1;
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_order_comes_out_in_order(order in Just((0..50u64).collect::<Vec<_>>()).prop_shuffle()) {
            let mut reorder = Reorder::default();
            let mut out = Vec::new();
            for number in order {
                reorder.put(number, number);
                out.extend(std::iter::from_fn(|| reorder.pop()));
            }
            prop_assert_eq!(out, (0..50).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "once")]
    fn a_number_that_went_out_cannot_come_again() {
        let mut reorder = Reorder::default();
        reorder.put(0, ());
        reorder.pop();
        reorder.put(0, ());
    }
}
