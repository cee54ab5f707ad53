//! The face detector YuNet, run by our own engine.
//!
//! YuNet is described in W. Wu, H. Peng, S. Yu, "YuNet: a tiny millisecond-level face detector", Machine Intelligence Research
//! 20, 2023; the weights are those that the OpenCV Zoo published in March 2023. YuNet finds turned, small and half-hidden faces,
//! and five landmarks in each. The network was trained on coloured pictures, and finds fewer faces in grey ones.
//!
//! `weights` packs the weights for the kernels, once; `network` runs the layers (`layer`), with the first convolution (`stem`)
//! before them; `decode` turns the output into faces, and `nms` keeps one box for each face.

mod decode;
mod layer;
mod map;
mod network;
mod nms;
#[cfg(test)]
mod oracle;
mod stem;
mod weights;

use std::sync::Arc;

pub use weights::{Weights, WeightsError};

use super::{DetectorKind, FaceDetector, PictureView, Wanted};
use crate::geometry::{Face, Size};
use crate::kernels::Kernels;
use network::Network;
use nms::Candidate;

/// Lowest score of a face by default: between OpenCV's default, 0.9, and what its examples ask for, 0.6.
const MIN_SCORE: f32 = 0.7;

/// A YuNet detector. The weights are shared, and the detector can be sent to another thread.
#[derive(Debug)]
pub struct YuNet {
    kernels: &'static Kernels,
    network: Network,
    found: Vec<Candidate>,
}

impl YuNet {
    /// Makes a detector with the published weights and the fastest kernels.
    ///
    /// # Errors
    /// Those of [`Weights::published`].
    pub fn published() -> Result<YuNet, WeightsError> {
        Ok(YuNet::new(Weights::published()?, Kernels::best()))
    }

    /// Makes a detector with the caller's choice of weights and kernels.
    pub fn new(weights: Arc<Weights>, kernels: &'static Kernels) -> YuNet {
        YuNet { kernels, network: Network::new(weights, kernels), found: Vec::new() }
    }

    /// Finds faces as [`FaceDetector::detect`] does, in a picture of interleaved red, green and blue bytes.
    ///
    /// # Panics
    /// When `pixels` is not as long as `size` says.
    pub fn detect_rgb(&mut self, size: Size, pixels: &[u8], wanted: Wanted, faces: &mut Vec<Face>) {
        assert_eq!(pixels.len() as u64, 3 * size.pixels(), "length for {size}");
        let width = size.width as usize;
        let (pixels, _) = pixels.as_chunks::<3>();
        let row = |y: usize, out: [&mut [f32]; 3]| YuNet::rgb_row(&pixels[y * width..][..width], out);
        self.detect_rows(size, row, wanted, faces);
    }

    fn rgb_row(pixels: &[[u8; 3]], [blue, green, red]: [&mut [f32]; 3]) {
        for (((&[r, g, b], blue), green), red) in pixels.iter().zip(blue).zip(green).zip(red) {
            (*blue, *green, *red) = (b.into(), g.into(), r.into());
        }
    }

    fn detect_rows(
        &mut self,
        size: Size,
        row: impl FnMut(usize, [&mut [f32]; 3]),
        wanted: Wanted,
        faces: &mut Vec<Face>,
    ) {
        faces.clear();
        if size.pixels() == 0 {
            return;
        }
        let heads = self.network.run((size.width as usize, size.height as usize), row);
        decode::decode(heads, wanted.min_score.unwrap_or(MIN_SCORE), &mut self.found);
        nms::suppress(&mut self.found, faces);
        if let Some(least) = wanted.min_face {
            faces.retain(|face| face.width.min(face.height) >= least);
        }
    }
}

impl FaceDetector for YuNet {
    fn name(&self) -> &'static str {
        DetectorKind::Yunet.name()
    }

    fn wants_colour(&self) -> bool {
        true
    }

    fn detect(&mut self, picture: PictureView<'_>, wanted: Wanted, faces: &mut Vec<Face>) {
        let width = picture.size().width as usize;
        let kernels = self.kernels;
        let row = |y: usize, mut out: [&mut [f32]; 3]| {
            let luma = &picture.luma()[y * width..][..width];
            if let Some(colour) = picture.colour() {
                let half = width.div_ceil(2);
                (kernels.convolve.colours)(luma, colour.map(|colour| &colour[y / 2 * half..][..half]), out);
            } else {
                for (x, &luma) in luma.iter().enumerate() {
                    out.each_mut().iter_mut().for_each(|out| out[x] = luma.into());
                }
            }
        };
        self.detect_rows(picture.size(), row, wanted, faces);
    }
}
