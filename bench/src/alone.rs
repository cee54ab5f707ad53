//! A detector without anything around it.

use std::time::Duration;

use facefleet_service::clock;
use facefleet_vision::{Face, FaceDetector, PictureView, Size, Wanted};
use image::GrayImage;

/// A detector, and what it has done so far.
pub(crate) struct Alone {
    detector: Box<dyn FaceDetector>,
    found: Vec<Face>,
    /// A frame each.
    pub(crate) times: Vec<Duration>,
    /// Found in all frames together.
    pub(crate) faces: usize,
}

impl Alone {
    pub(crate) fn new(detector: Box<dyn FaceDetector>) -> Alone {
        Alone { detector, found: Vec::new(), times: Vec::new(), faces: 0 }
    }

    pub(crate) fn measure(&mut self, luma: &GrayImage) {
        let size = Size { width: luma.width(), height: luma.height() };
        let start = clock::now();
        self.detector.detect(PictureView::new(size, luma), Wanted::default(), &mut self.found);
        self.times.push(clock::now() - start);
        self.faces += self.found.len();
    }
}
