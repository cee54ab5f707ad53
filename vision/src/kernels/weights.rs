//! The weights with which a row of pixels becomes a row of another length.

/// Bits of a weight's fraction: the weights of one result add up to 1 << `FRACTION`.
pub(crate) const FRACTION: u32 = 14;

/// Results of a first pass are 1 << `BETWEEN` times as large as pixels. The largest is 32,640.
pub(crate) const BETWEEN: u32 = 7;

/// Results, and their weights, that vector instructions work on at once.
pub(crate) const GROUP: usize = 8;

/// For each result, the pixels it is made of.
#[derive(Debug)]
pub(crate) struct Weights {
    from: u32,
    to: u32,
    /// For each result the first of its pixels, and how many they are.
    pixels: Vec<(u32, u32)>,
    /// How many weights are kept for each result: whole groups, the last ones zero.
    length: usize,
    weights: Vec<i16>,
    /// The first pixels again, for each group of results.
    firsts: Vec<[u32; GROUP]>,
    /// The weights again: for each group of results, for one group of weights after the other.
    grouped: Vec<Grouped>,
    /// No pixel at this place or behind it is read for a group, not even with a weight of zero.
    reach: usize,
}

/// Eight weights of each of eight results: of 0 and 4, of 1 and 5, of 2 and 6, of 3 and 7. So do halves of a vector that are
/// added up pair by pair come out in order.
pub(crate) type Grouped = [[[i16; GROUP]; 2]; 4];

impl Weights {
    /// From `from` pixels to `to` results, neither of them zero, on the same line.
    ///
    /// A result takes its pixels with weights that fall linearly with the distance, to zero at one pixel or, where pixels
    /// become fewer, at one result: a large picture is averaged, not sampled. Sampling turns fine texture into patterns that a
    /// detector takes for features.
    pub(crate) fn new(from: u32, to: u32) -> Self {
        let scale = f64::from(from) / f64::from(to);
        let support = scale.max(1.0);
        let length = ((2.0 * support).ceil() as usize + 1).next_multiple_of(GROUP);
        let mut pixels = Vec::with_capacity(to as usize);
        let mut weights = vec![0; to as usize * length];
        for (result, weights) in (0..to).zip(weights.chunks_exact_mut(length)) {
            let middle = (f64::from(result) + 0.5) * scale - 0.5;
            let first = (middle - support).floor().max(-1.0) as i64 + 1;
            let end = ((middle + support).ceil() as i64).min(from.into());
            let weight = |pixel: i64| (1.0 - (pixel as f64 - middle).abs() / support).max(0.0);
            let sum: f64 = (first..end).map(weight).sum();
            // Each weight is what it adds to the rounded sum, and so the sum is exact.
            let mut so_far = 0.0;
            let mut before = 0;
            for (kept, pixel) in weights.iter_mut().zip(first..end) {
                so_far += weight(pixel);
                let rounded = (so_far / sum * f64::from(1 << FRACTION)).round() as i16;
                *kept = rounded - before;
                before = rounded;
            }
            pixels.push((first as u32, (end - first) as u32));
        }
        let mut all = Weights { from, to, pixels, length, weights, firsts: Vec::new(), grouped: Vec::new(), reach: 0 };
        all.group();
        all
    }

    /// Fills the fields for groups. Results that make the last group whole take the first pixels, with weights of zero.
    fn group(&mut self) {
        for (pixels, weights) in self.pixels.chunks(GROUP).zip(self.weights.chunks(GROUP * self.length)) {
            let firsts = std::array::from_fn(|i| pixels.get(i).map_or(0, |&(first, _)| first));
            self.reach = firsts.iter().fold(self.reach, |reach, &first| reach.max(first as usize + self.length));
            self.firsts.push(firsts);
            for at in (0..self.length).step_by(GROUP) {
                let of = |result: usize| weights.get(result * self.length + at..).and_then(|rest| rest.first_chunk());
                let of = |result: usize| of(result).copied().unwrap_or([0; GROUP]);
                self.grouped.push(std::array::from_fn(|i| [of(i), of(i + 4)]));
            }
        }
    }

    pub(crate) fn is_for(&self, from: u32, to: u32) -> bool {
        (self.from, self.to) == (from, to)
    }

    /// How long the row must be that groups are made from, behind its last pixel with anything.
    pub(crate) fn reach(&self) -> usize {
        self.reach
    }

    /// Of a result: its first pixel, and the weights of its pixels.
    pub(crate) fn of(&self, result: usize) -> (usize, &[i16]) {
        let (first, count) = self.pixels[result];
        (first as usize, &self.weights[result * self.length..][..count as usize])
    }

    /// Of each group of results: their first pixels, and their weights for the first [`GROUP`] pixels, for the next, and on.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&[u32; GROUP], &[Grouped])> {
        self.firsts.iter().zip(self.grouped.chunks_exact(self.length / GROUP))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_to_one_and_stay_on_the_line() {
        for from in (1..70).chain([360, 640, 1000, 65_535]) {
            for to in (1..70).chain([288, 500, 2000]) {
                let weights = Weights::new(from, to);
                for result in 0..to as usize {
                    let (first, weights) = weights.of(result);
                    assert!(first + weights.len() <= from as usize, "{from} to {to}, {result}: {first} {weights:?}");
                    assert_eq!(weights.iter().map(|&w| i32::from(w)).sum::<i32>(), 1 << FRACTION, "{from} to {to}");
                    assert!(weights.iter().all(|&w| w >= 0));
                }
            }
        }
    }

    #[test]
    fn the_same_length_is_the_same_line() {
        let weights = Weights::new(50, 50);
        for result in 0..50 {
            assert_eq!(weights.of(result), (result, &[1 << FRACTION][..]));
        }
    }
}
