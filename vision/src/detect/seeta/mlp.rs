//! The networks that look closer at a window: small, fully connected.

use super::surf::Patch;
use crate::kernels::{Dense, Kernels};

/// A network on SURF features. Says how likely a window is a face, and where in it.
#[derive(Debug)]
pub(super) struct Mlp {
    pub(super) patches: Vec<Patch>,
    /// Rows of the plane of gradients that the patches look at, a bit each.
    pub(super) rows: u64,
    pub(super) threshold: f32,
    layers: Vec<Dense>,
}

/// What a network says of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Verdict {
    /// 0 to 1.
    pub(super) score: f32,
    /// How far the face is to the right, down, and larger: 0.5 is "not at all", 1 a whole side.
    pub(super) right: f32,
    pub(super) down: f32,
    pub(super) larger: f32,
}

/// Outputs of one layer, inputs of the next.
#[derive(Debug, Default)]
pub(super) struct Activations {
    pub(super) now: Vec<f32>,
    next: Vec<f32>,
}

impl Mlp {
    pub(super) const OUTPUTS: usize = 4;

    /// Layers that fit together, of which the last has [`Mlp::OUTPUTS`] outputs.
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
