//! YuNet by our engine, and the published file by `rten`, on the same coloured pixels.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use facefleet_e2e::asset;
use facefleet_service::clock;
use facefleet_vision::yunet::{Weights, YuNet};
use facefleet_vision::{DetectorError, Face, Kernels, Size, Wanted};
use image::RgbImage;
use rten::{RunOptions, ThreadPool};
use rten_tensor::NdTensor;

use crate::Error;

/// One engine with one table of kernels.
pub(super) struct Ours {
    pub(super) name: &'static str,
    detector: YuNet,
    found: Vec<Face>,
    /// A frame each.
    pub(super) times: Vec<Duration>,
    /// Found in all frames together.
    pub(super) faces: usize,
}

impl Ours {
    pub(super) fn new(name: &'static str, kernels: &'static Kernels) -> Result<Ours, Error> {
        let weights = Weights::published().map_err(DetectorError::from)?;
        Ok(Ours { name, detector: YuNet::new(weights, kernels), found: Vec::new(), times: Vec::new(), faces: 0 })
    }

    pub(super) fn measure(&mut self, picture: &RgbImage) {
        let size = Size { width: picture.width(), height: picture.height() };
        let start = clock::now();
        self.detector.detect_rgb(size, picture, Wanted::default(), &mut self.found);
        self.times.push(clock::now() - start);
        self.faces += self.found.len();
    }
}

/// The network alone: what goes in is laid out before, and nothing is made of what comes out.
pub(super) struct Rten {
    model: rten::Model,
    one_thread: Arc<ThreadPool>,
    /// A frame each.
    pub(super) times: Vec<Duration>,
}

impl Rten {
    pub(super) fn new() -> Result<Rten, Error> {
        let path = asset("face_detection_yunet_2023mar.onnx");
        let mut bytes = fs::read(&path).map_err(Error::file(&path))?;
        // The file says 640x640, which nothing in it depends on: numbers (protobuf field 1) become names (field 2).
        const FIXED: [u8; 5] = [0x0A, 3, 0x08, 0x80, 0x05];
        for name in [b'h', b'w'] {
            let at = bytes.windows(FIXED.len()).position(|window| window == FIXED).expect("a side of 640 pixels");
            bytes[at + 2..at + 5].copy_from_slice(&[0x12, 1, name]);
        }
        let model = rten::Model::load(bytes).expect("the file is part of the checkout");
        Ok(Rten { model, one_thread: Arc::new(ThreadPool::with_num_threads(1)), times: Vec::new() })
    }

    pub(super) fn measure(&mut self, picture: &RgbImage) {
        let [width, height] = padded(Size { width: picture.width(), height: picture.height() });
        let input = NdTensor::<f32, 4>::from_fn([1, 3, height, width], |[_, colour, y, x]| {
            picture.get_pixel_checked(x as u32, y as u32).map_or(0.0, |pixel| pixel.0[2 - colour].into())
        });
        let inputs = vec![(self.model.input_ids()[0], input.into())];
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.one_thread)));
        let start = clock::now();
        self.model.run(inputs, self.model.output_ids(), Some(options)).expect("the file is part of the checkout");
        self.times.push(clock::now() - start);
    }
}

/// Width and height of what the network sees.
fn padded(size: Size) -> [usize; 2] {
    [size.width, size.height].map(|side| (side as usize).next_multiple_of(32))
}

/// Multiplications, each with an addition, that the network takes for a picture.
pub(super) fn multiply_adds(size: Size) -> f64 {
    let [width, height] = padded(size);
    // A layer is a 1x1 convolution and a depthwise 3x3 one.
    let layer = |inputs: usize, outputs: usize| inputs * outputs + 9 * outputs;
    let half = 3 * 9 * 16 + layer(16, 16);
    let quarter = layer(16, 16) + layer(16, 32) + layer(32, 32) + layer(32, 64);
    // Two layers of a stage, a neck and the heads.
    let coarse = 3 * layer(64, 64) + layer(64, 16);
    let at = |stride: usize| width * height / (stride * stride);
    (at(2) * half + at(4) * quarter + (at(8) + at(16) + at(32)) * coarse) as f64
}
