//! The networks that look closer at a window: small multilayer perceptrons.

use super::surf::Patch;
use crate::kernels::{Dense, Kernels};

/// A fully connected network on SURF features. Its outputs say how likely a window is a face, and where in the window.
#[derive(Debug)]
pub(super) struct Mlp {
    pub(super) patches: Vec<Patch>,
    /// Rows of the plane of gradient sums in which the patches have corners, as a bit each.
    pub(super) rows: u64,
    pub(super) threshold: f32,
    layers: Vec<Dense>,
}

/// The output of a network for a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Verdict {
    /// Likelihood of a face, 0 to 1.
    pub(super) score: f32,
    /// Distance of the face to the right and down, and how much larger it is: 0.5 is "not at all", 1 is a whole side.
    pub(super) right: f32,
    pub(super) down: f32,
    pub(super) larger: f32,
}

/// The outputs of a layer, which are the inputs of the next, in two buffers that take turns.
#[derive(Debug, Default)]
pub(super) struct Activations {
    pub(super) now: Vec<f32>,
    next: Vec<f32>,
}

impl Mlp {
    pub(super) const OUTPUTS: usize = 4;

    /// Makes a network of layers that fit together. The last layer must have [`Mlp::OUTPUTS`] outputs.
    pub(super) fn new(patches: Vec<Patch>, threshold: f32, layers: Vec<Dense>) -> Mlp {
        let rows = patches.iter().fold(0, |rows, patch| rows | patch.rows());
        Mlp { patches, rows, threshold, layers }
    }

    /// Runs the network on the features in `activations.now`.
    pub(super) fn judge(&self, kernels: &Kernels, activations: &mut Activations) -> Verdict {
        let Activations { now, next } = activations;
        let (last, hidden) = self.layers.split_last().expect("a network has layers");
        for layer in hidden {
            next.resize(layer.blocks() * Dense::BLOCK, 0.0);
            (kernels.dense)(layer, now, next);
            next.iter_mut().for_each(|value| *value = value.max(0.0));
            std::mem::swap(now, next);
        }
        next.resize(last.blocks() * Dense::BLOCK, 0.0);
        (kernels.dense)(last, now, next);
        let sigmoid = |value: f32| 1.0 / (1.0 + (-value).exp());
        let [score, right, down, larger] = *next.first_chunk::<{ Mlp::OUTPUTS }>().expect("checked by the parser");
        Verdict { score: sigmoid(score), right: sigmoid(right), down: sigmoid(down), larger: sigmoid(larger) }
    }
}
