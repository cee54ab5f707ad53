//! The weights with which a row of pixels becomes a row of another length.

/// Bits in the fraction of a weight: the weights of one result add up to 1 << `FRACTION`.
pub(crate) const FRACTION: u32 = 14;

/// Bits of fraction between the two passes: the first pass gives results that are 1 << `BETWEEN` times as large as pixels, at
/// most 32,640.
pub(crate) const BETWEEN: u32 = 7;

/// Number of results that vector instructions compute at once.
pub(crate) const GROUP: usize = 8;

/// The pixels of which each result is made, with their weights.
#[derive(Debug)]
pub(crate) struct Weights {
    from: u32,
    to: u32,
    /// First pixel of each result, and number of its pixels.
    pixels: Vec<(u32, u32)>,
    /// Number of weights that are stored for each result: a multiple of 8, the last ones zero.
    length: usize,
    weights: Vec<i16>,
    groups: Groups,
    /// End of the pixels that the groups read, including those with a weight of zero.
    reach: usize,
}

/// The weights once more, for groups of [`GROUP`] results, in the form that vector instructions take. The last group has weights
/// of zero for results that do not exist.
#[derive(Debug)]
pub(crate) enum Groups {
    /// Groups for results that are more than the pixels, or fewer by at most about a third: each four neighbours are made of
    /// eight pixels.
    Near(Vec<Near>),
    /// Groups for all other lengths.
    Far(Vec<Far>),
}

/// A group of which each half, four results, is made of eight neighbouring pixels, and each result of four of these.
#[derive(Clone, Debug)]
pub(crate) struct Near {
    /// First of the eight pixels of each half.
    pub(crate) firsts: [u32; 2],
    /// Byte indices that pick the first and second pixel of each result out of the eight, and those that pick the third and
    /// fourth.
    pub(crate) bytes: [[[u8; 16]; 2]; 2],
    /// Weights of these pixels, in the same order.
    pub(crate) weights: [[[i16; 8]; 2]; 2],
}

/// A group whose results may each be made of pixels anywhere in the row.
#[derive(Clone, Debug)]
pub(crate) struct Far {
    pub(crate) firsts: [u32; GROUP],
    /// Weights of the first eight pixels of each result, then of the next eight: those of results 0 and 4, 1 and 5, 2 and 6, 3
    /// and 7. With this order the halves of vectors come out in order when neighbours are added up.
    pub(crate) weights: Vec<[[[i16; 8]; 2]; 4]>,
}

impl Weights {
    /// Computes the weights from `from` pixels to `to` results that cover the same length. Neither is zero.
    ///
    /// The weight of a pixel falls linearly with its distance from the result, to zero at a distance of one pixel or, where
    /// pixels become fewer, of one result. So a large picture is averaged, not sampled: sampling would turn fine texture into
    /// patterns that a detector takes for features.
    pub(crate) fn new(from: u32, to: u32) -> Self {
        let scale = f64::from(from) / f64::from(to);
        let support = scale.max(1.0);
        let length = ((2.0 * support).ceil() as usize + 1).next_multiple_of(8);
        let mut pixels = Vec::with_capacity(to as usize);
        let mut weights = vec![0; to as usize * length];
        for (result, weights) in (0..to).zip(weights.chunks_exact_mut(length)) {
            let middle = (f64::from(result) + 0.5) * scale - 0.5;
            let first = (middle - support).floor().max(-1.0) as i64 + 1;
            let end = ((middle + support).ceil() as i64).min(from.into());
            let weight = |pixel: i64| (1.0 - (pixel as f64 - middle).abs() / support).max(0.0);
            let sum: f64 = (first..end).map(weight).sum();
            // Each weight is the step by which the rounded sum grows, so the sum is exact.
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
        let mut all = Weights { from, to, pixels, length, weights, groups: Groups::Far(Vec::new()), reach: 0 };
        let starts = (0..to as usize).step_by(GROUP);
        let near: Option<Vec<Near>> = starts.clone().map(|start| all.near(start)).collect();
        all.groups = near.map_or_else(|| Groups::Far(starts.map(|start| all.far(start)).collect()), Groups::Near);
        all.reach = all.pixels.iter().map(|&(first, _)| first as usize + length).max().unwrap_or(0);
        all
    }

    /// Returns the group of results from `start` on, or `None` when one of its halves needs more than eight pixels.
    fn near(&self, start: usize) -> Option<Near> {
        let mut near = Near { firsts: [0; 2], bytes: [[[0; 16]; 2]; 2], weights: [[[0; 8]; 2]; 2] };
        for half in 0..2 {
            // Pixels ascend with the results, so the first result has the first pixel.
            near.firsts[half] = self.pixels.get(start + half * 4).map_or(0, |&(first, _)| first);
            for i in 0..4 {
                let Some(&(first, count)) = self.pixels.get(start + half * 4 + i) else { break };
                let first = (first - near.firsts[half]) as usize;
                let (_, weights) = self.of(start + half * 4 + i);
                if count > 4 || first + count as usize > 8 {
                    return None;
                }
                for (tap, &weight) in weights.iter().enumerate() {
                    let (pair, place) = (tap / 2, i * 2 + tap % 2);
                    near.weights[pair][half][place] = weight;
                    near.bytes[pair][half][2 * place] = 2 * (first + tap) as u8;
                    near.bytes[pair][half][2 * place + 1] = 2 * (first + tap) as u8 + 1;
                }
            }
        }
        Some(near)
    }

    /// Returns the group of results from `start` on.
    fn far(&self, start: usize) -> Far {
        let first = |i: usize| self.pixels.get(start + i).map_or(0, |&(first, _)| first);
        let eight = |i: usize, at: usize| {
            let weights = self.weights.get((start + i) * self.length + at..).and_then(|rest| rest.first_chunk());
            weights.copied().unwrap_or([0; 8])
        };
        let eights = (0..self.length).step_by(8);
        Far {
            firsts: std::array::from_fn(first),
            weights: eights.map(|at| std::array::from_fn(|i| [eight(i, at), eight(i + 4, at)])).collect(),
        }
    }

    pub(crate) fn is_for(&self, from: u32, to: u32) -> bool {
        (self.from, self.to) == (from, to)
    }

    /// Returns how long a row must be for its groups. What lies behind the last pixel does not matter.
    pub(crate) fn reach(&self) -> usize {
        self.reach
    }

    /// Returns the first pixel of a result, and the weights of its pixels.
    pub(crate) fn of(&self, result: usize) -> (usize, &[i16]) {
        let (first, count) = self.pixels[result];
        (first as usize, &self.weights[result * self.length..][..count as usize])
    }

    pub(crate) fn groups(&self) -> &Groups {
        &self.groups
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
