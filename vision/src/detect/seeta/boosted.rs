//! The cascade that looks at every window: weak classifiers on local binary codes.
//!
//! A weak classifier is a place in the window and a table: the code at that place selects a weight. Weights are added up, and
//! after every tenth weak classifier the sum must reach a threshold (LAB: S. Yan, S. Shan, X. Chen, W. Gao, "Locally assembled
//! binary (LAB) feature with feature-centric cascade for fast and accurate face detection", CVPR 2008). The cascade is "soft",
//! which means that the sum goes on from group to group.
//!
//! Nearly all windows fail early, so most of the work is to find out which windows fail. Weights that are rounded up find this
//! out without losing any window: first as bytes, for many windows at once ([`Sieve`]), then as 16-bit numbers, for each window
//! that is left ([`Bound`]). The true sum is computed only for the few windows that pass both.

use crate::kernels::Sieve;

/// A boosted cascade.
#[derive(Debug)]
pub(super) struct Boosted {
    /// Place of the code of each weak classifier, right and down from the corner of the window.
    pub(super) places: Vec<(u8, u8)>,
    /// Weights of each weak classifier, one for each code.
    weights: Vec<[f32; 256]>,
    /// Least sum after each group.
    thresholds: Vec<f32>,
    pub(super) sieve: Sieve,
    bound: Bound,
}

/// The groups behind the sieve as 16-bit numbers, of which [`Bound::ONE`] make one. A sum of these numbers is never below the
/// true sum.
#[derive(Debug)]
struct Bound {
    /// Value in these units of a sieve's sum of 0.
    zero: i32,
    unit: i32,
    weights: Vec<[i16; 256]>,
    thresholds: Vec<i32>,
}

impl Boosted {
    /// Number of weak classifiers after which the sum is compared with a threshold.
    pub(super) const GROUP: usize = Sieve::GROUP;
    /// Last place of a code in a window, which has 40 pixels each way; a code covers 9 of them.
    pub(super) const LAST_PLACE: u8 = 31;
    /// Greatest weight, of either sign, that the rounded forms can hold. The weights of the published model are at most 3.
    pub(super) const GREATEST: f32 = 7.0;
    /// Number of groups that the sieve looks at.
    const SIFTED: usize = 4;

    /// Makes a cascade from as many places as weights, which are whole groups, and a threshold for each group.
    pub(super) fn new(places: Vec<(u8, u8)>, weights: Vec<[f32; 256]>, thresholds: Vec<f32>) -> Boosted {
        let sifted = Boosted::SIFTED.min(thresholds.len());
        let (first, later) = weights.split_at(sifted * Boosted::GROUP);
        let least = |table: &[f32; 256]| f64::from(table.iter().copied().fold(f32::INFINITY, f32::min));
        let most = |table: &[f32; 256]| f64::from(table.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        // The true sum is one of 32-bit floats, and each addition may be off by half a unit in the last place.
        let greatest = |table: &[f32; 256]| least(table).abs().max(most(table).abs());
        let sum: f64 = weights.iter().map(greatest).sum();
        let rounding = weights.len() as f64 * sum * f64::from(f32::EPSILON) / 2.0;
        let safe: Vec<f64> = thresholds.iter().map(|&threshold| f64::from(threshold) - rounding).collect();
        let (first_thresholds, later_thresholds) = safe.split_at(sifted);

        let widest = first.iter().map(|table| most(table) - least(table)).fold(0.0, f64::max);
        // The sieve's unit is a whole number of the bound's units, chosen so that the widest table fits into bytes.
        let unit = (widest / 255.0 * Bound::ONE).ceil().max(1.0);
        let bytes = |table: &[f32; 256]| {
            table.map(|weight| ((f64::from(weight) - least(table)) * Bound::ONE / unit).ceil() as u8)
        };
        let mut zero = 0.0;
        let sums = first_thresholds.iter().zip(first.chunks_exact(Boosted::GROUP)).map(|(&threshold, group)| {
            zero += group.iter().map(least).sum::<f64>();
            // The conversion saturates at 0, which is a threshold that no sum can miss.
            ((threshold - zero) * Bound::ONE / unit).floor() as u16
        });
        let sieve = Sieve { least: sums.collect(), tables: first.iter().map(bytes).collect() };
        let bound = Bound {
            zero: (zero * Bound::ONE).ceil() as i32,
            unit: unit as i32,
            weights: later.iter().map(|table| table.map(Bound::round_up)).collect(),
            thresholds: later_thresholds.iter().map(|&threshold| Bound::threshold(threshold)).collect(),
        };
        Boosted { places, weights, thresholds, sieve, bound }
    }

    /// Returns whether a window that the sieve has left, with the sum `sifted`, may reach all thresholds. The code of weak
    /// classifier `i` is `codes[offsets[i]]`.
    pub(super) fn may_pass(&self, sifted: u16, codes: &[u8], offsets: &[u32]) -> bool {
        let Bound { zero, unit, weights, thresholds } = &self.bound;
        let mut sum = zero + unit * i32::from(sifted);
        let offsets = &offsets[self.sieve.tables.len()..];
        let groups = weights.chunks_exact(Boosted::GROUP).zip(offsets.chunks_exact(Boosted::GROUP));
        groups.zip(thresholds).all(|((weights, offsets), &threshold)| {
            let codes = offsets.iter().map(|&offset| codes[offset as usize]);
            sum += weights.iter().zip(codes).map(|(weights, code)| i32::from(weights[usize::from(code)])).sum::<i32>();
            sum >= threshold
        })
    }

    /// Returns the true sum, if it reaches every threshold. The code of weak classifier `i` is `codes[offsets[i]]`. The sum is
    /// added up in 32-bit floats in the order of the weak classifiers, as the order decides the last bits.
    pub(super) fn score(&self, codes: &[u8], offsets: &[u32]) -> Option<f32> {
        let mut sum = 0.0;
        let groups = self.weights.chunks_exact(Boosted::GROUP).zip(offsets.chunks_exact(Boosted::GROUP));
        groups
            .zip(&self.thresholds)
            .all(|((weights, offsets), &threshold)| {
                for (weights, &offset) in weights.iter().zip(offsets) {
                    sum += weights[usize::from(codes[offset as usize])];
                }
                sum >= threshold
            })
            .then_some(sum)
    }
}

impl Bound {
    /// Units that make one: the number leaves room in 16 bits for weights up to [`Boosted::GREATEST`].
    const ONE: f64 = 4096.0;
    fn round_up(weight: f32) -> i16 {
        (f64::from(weight) * Bound::ONE).ceil() as i16
    }

    fn threshold(threshold: f64) -> i32 {
        (threshold * Bound::ONE).floor() as i32
    }
}
