//! Frames without any process around them: the detector alone, and all that a worker's thread does.

use std::fs;
use std::time::Duration;

use facefleet_e2e::asset;
use facefleet_service::clock;
use facefleet_vision::{Analyzer, DetectorKind, Job, Limits, Stages};
use image::GrayImage;
use rustface::{Detector, ImageData};

use crate::Error;

/// The `rustface` crate, called by itself with the settings that the worker uses.
pub(crate) struct Alone {
    detector: Box<dyn Detector>,
    /// A frame each.
    pub(crate) times: Vec<Duration>,
}

impl Alone {
    pub(crate) fn new() -> Result<Alone, Error> {
        let path = asset("seeta_fd_frontal_v1.0.bin");
        let model = fs::read(&path).map_err(|source| Error::File { path, source })?;
        let model = rustface::read_model(&model[..]).map_err(Error::Model)?;
        let mut detector = rustface::create_detector_with_model(model);
        detector.set_pyramid_scale_factor(0.8);
        detector.set_slide_window_step(4, 4);
        detector.set_score_thresh(2.0);
        Ok(Alone { detector, times: Vec::new() })
    }

    pub(crate) fn measure(&mut self, luma: &GrayImage) {
        let start = clock::now();
        let faces = self.detector.detect(&ImageData::new(luma, luma.width(), luma.height()));
        self.times.push(clock::now() - start);
        std::hint::black_box(faces);
    }
}

/// The worker's analyzer.
pub(crate) struct InWorker {
    analyzer: Analyzer,
    job: Job,
    /// A frame each.
    pub(crate) stages: Vec<Stages>,
    /// A frame each: the stages, and what is between them.
    pub(crate) totals: Vec<Duration>,
}

impl InWorker {
    /// One that sends boxes back, and an annotated picture if `picture`.
    pub(crate) fn new(picture: bool) -> Result<InWorker, Error> {
        let analyzer = Analyzer::new(DetectorKind::Rustface, Limits::default())?;
        let job = Job { picture, ..Job::default() };
        Ok(InWorker { analyzer, job, stages: Vec::new(), totals: Vec::new() })
    }

    pub(crate) fn measure(&mut self, jpeg: &[u8]) -> Result<(), Error> {
        let start = clock::now();
        let report = self.analyzer.analyze(jpeg, &self.job)?;
        self.totals.push(clock::now() - start);
        self.stages.push(report.stages);
        Ok(())
    }
}
