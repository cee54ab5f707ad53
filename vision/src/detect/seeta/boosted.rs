//! The cascade that looks at every window: weak classifiers on local binary codes.
//!
//! A weak classifier is one place in the window and a table: the code at that place selects a weight. Weights are added
//! up, and after every tenth weak classifier the sum must reach a threshold (LAB: S. Yan, S. Shan, X. Chen, W. Gao,
//! "Locally assembled binary (LAB) feature with feature-centric cascade for fast and accurate face detection", CVPR
//! 2008; the cascade is "soft" in that its sum goes on from group to group).

/// A boosted cascade.
#[derive(Debug)]
pub(super) struct Boosted {
    pub(super) weak: Vec<Weak>,
    /// The least sum after each group.
    pub(super) thresholds: Vec<f32>,
}

/// A weak classifier.
#[derive(Debug)]
pub(super) struct Weak {
    /// Where its code is, from the top left corner of the window.
    pub(super) x: u8,
    pub(super) y: u8,
    /// A weight for each code.
    pub(super) weights: Box<[f32; 256]>,
}

impl Boosted {
    /// Weak classifiers between two looks at the sum.
    pub(super) const GROUP: usize = 10;
    /// A code covers 9 of the window's 40 pixels each way.
    pub(super) const LAST_PLACE: u8 = 31;

    /// Parts of equal length, a multiple of [`Boosted::GROUP`]. Thresholds that nothing looks at are in the file too.
    pub(super) fn new(places: &[(u8, u8)], thresholds: &[f32], weights: &[Box<[f32; 256]>]) -> Boosted {
        let weak = places.iter().zip(weights).map(|(&(x, y), weights)| Weak { x, y, weights: weights.clone() });
        let thresholds = thresholds.iter().skip(Boosted::GROUP - 1).step_by(Boosted::GROUP);
        Boosted { weak: weak.collect(), thresholds: thresholds.copied().collect() }
    }
}
