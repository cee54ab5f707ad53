//! What is measured at a size, and what comes of it.

use std::fs;
use std::sync::Arc;

use facefleet_e2e::asset;
use facefleet_vision::seeta::{Model, Seeta, Settings};
use facefleet_vision::{DetectorError, DetectorKind, Fit, Job, Kernels, Size};
use image::{RgbImage, imageops};

use super::yunet::{Ours, Rten, multiply_adds};
use crate::Error;
use crate::alone::Alone;
use crate::in_worker::InWorker;
use crate::times::median_ms;

/// Detectors that look at the same pixels, and analyzers that take the whole way of a frame.
pub(super) struct Sides {
    size: Size,
    detectors: Vec<(&'static str, Alone)>,
    yunets: [Ours; 2],
    rten: Rten,
    boxes: InWorker,
    picture: InWorker,
    /// Frames that the analyzer of `boxes` has seen before anything else.
    warmed_up: usize,
}

/// What a frame costs at a size: medians, in milliseconds.
pub(super) struct Costs {
    pub(super) size: Size,
    pub(super) detectors: Vec<Detector>,
    /// Milliseconds to decode a frame of which only boxes are wanted.
    pub(super) decode: f64,
    /// Milliseconds to resize a frame of which only boxes are wanted.
    pub(super) resize: f64,
    /// Milliseconds to draw on a frame of which a picture goes back.
    pub(super) draw: f64,
    /// Milliseconds to encode a frame of which a picture goes back.
    pub(super) encode: f64,
    /// How often a frame that only boxes are wanted of takes memory, at worst, when every frame was seen before.
    pub(super) allocations: u64,
}

/// One detector by itself.
pub(super) struct Detector {
    /// In the JSON file.
    pub(super) name: &'static str,
    pub(super) ms: f64,
    /// Found in all frames and rounds together; `rten` runs a network and finds none.
    pub(super) faces: Option<usize>,
}

impl Sides {
    /// Everything for one size, with the buffers of the analyzer for boxes warmed up with `jpegs`.
    pub(super) fn new(size: Size, jpegs: &[Vec<u8>]) -> Result<Sides, Error> {
        let in_worker = |picture| InWorker::new(Job { picture, fit: Fit::Stretch(size), ..Job::default() });
        let (mut boxes, picture) = (in_worker(false)?, in_worker(true)?);
        jpegs.iter().try_for_each(|jpeg| boxes.measure(jpeg))?;
        Ok(Sides {
            size,
            detectors: detectors()?,
            yunets: [Ours::new(YUNET_SCALAR, Kernels::scalar())?, Ours::new(YUNET, Kernels::best())?],
            rten: Rten::new()?,
            boxes,
            picture,
            warmed_up: jpegs.len(),
        })
    }

    /// One frame, and the same at the size.
    pub(super) fn measure(&mut self, jpeg: &[u8], picture: &RgbImage) -> Result<(), Error> {
        let luma = imageops::grayscale(picture);
        for (_, detector) in &mut self.detectors {
            detector.measure(&luma);
        }
        self.rten.measure(picture);
        for yunet in &mut self.yunets {
            yunet.measure(picture);
        }
        self.boxes.measure(jpeg)?;
        self.picture.measure(jpeg)
    }

    /// What all frames so far come to; there must be some.
    pub(super) fn costs(self) -> Costs {
        let Sides { size, detectors, yunets, rten, boxes, picture, warmed_up } = self;
        let detectors = detectors.into_iter().map(|(name, Alone { times, faces, .. })| Detector {
            name,
            ms: median_ms(times),
            faces: Some(faces),
        });
        let rten = Detector { name: RTEN_YUNET, ms: median_ms(rten.times), faces: None };
        let yunets = yunets.into_iter().map(|Ours { name, times, faces, .. }| Detector {
            name,
            ms: median_ms(times),
            faces: Some(faces),
        });
        Costs {
            size,
            detectors: detectors.chain([rten]).chain(yunets).collect(),
            decode: boxes.stage_ms(|s| s.decode),
            resize: boxes.stage_ms(|s| s.resize),
            draw: picture.stage_ms(|s| s.draw),
            encode: picture.stage_ms(|s| s.encode),
            allocations: boxes.allocations.into_iter().skip(warmed_up).max().unwrap_or_default(),
        }
    }
}

/// All detectors, with what they are called in the JSON file.
fn detectors() -> Result<Vec<(&'static str, Alone)>, Error> {
    let path = asset("seeta_fd_frontal_v1.0.bin");
    let model = Model::parse(&fs::read(&path).map_err(Error::file(&path))?).map_err(DetectorError::from)?;
    let model = Arc::new(model);
    let seeta = |kernels| {
        let detector = Seeta::new(Arc::clone(&model), Settings::default(), kernels);
        Alone::new(Box::new(detector.expect("the default settings are good")))
    };
    let rustface = Alone::new(DetectorKind::Rustface.build()?);
    Ok(vec![(RUSTFACE, rustface), (SCALAR, seeta(Kernels::scalar())), (SEETA, seeta(Kernels::best()))])
}

/// The `rustface` crate.
pub(super) const RUSTFACE: &str = "rustface";
/// Our engine in plain Rust.
pub(super) const SCALAR: &str = "seeta_scalar";
/// Our engine as it is used.
pub(super) const SEETA: &str = "seeta";
/// YuNet by the `rten` crate.
pub(super) const RTEN_YUNET: &str = "rten_yunet";
/// YuNet by our engine in plain Rust.
pub(super) const YUNET_SCALAR: &str = "yunet_scalar";
/// YuNet by our engine as it is used.
pub(super) const YUNET: &str = "yunet";

impl Costs {
    /// The time of a detector; all are there.
    pub(super) fn of(&self, name: &str) -> f64 {
        self.detectors.iter().find(|detector| detector.name == name).map_or(f64::NAN, |detector| detector.ms)
    }

    /// Billions of floating-point operations a second that YuNet comes to.
    pub(super) fn yunet_gflops(&self) -> f64 {
        2.0 * multiply_adds(self.size) / self.of(YUNET) / 1e6
    }

    /// What is around the detector of a frame that only boxes are wanted of, as a share of it.
    pub(super) fn around(&self) -> f64 {
        (self.decode + self.resize) / self.of(SEETA)
    }
}
