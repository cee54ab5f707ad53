//! The `rustface` crate behind [`FaceDetector`].

use rustface::{Detector, ImageData};

use super::seeta::FRONTAL;
use super::{DetectorError, DetectorKind, FaceDetector, PictureView, Wanted};
use crate::geometry::Face;

/// Side of the classifier's window in pixels. The library can look at nothing smaller, and panics when it is asked to.
const WINDOW: u32 = 40;

/// Settings of the library's own example. A smallest side of a face can be set, too, but the library stores it and does not use
/// it: it looks for faces of at least [`WINDOW`] pixels whatever is set.
const MIN_SCORE: f32 = 2.0;
const PYRAMID_FACTOR: f32 = 0.8;
const WINDOW_STEP: u32 = 4;

/// Lowest threshold that the library takes: it refuses zero and less.
const LOWEST_THRESHOLD: f32 = 0.01;

/// SeetaFace, run by the `rustface` crate: S. Wu, M. Kan, Z. He, S. Shan, X. Chen, "Funnel-structured cascade for multi-view face
/// detection with alignment-awareness", Neurocomputing 221, 2017.
pub(super) struct Rustface {
    detector: Box<dyn Detector>,
}

impl Rustface {
    pub(super) fn new() -> Result<Self, DetectorError> {
        let model = rustface::read_model(FRONTAL)?;
        let mut detector = rustface::create_detector_with_model(model);
        detector.set_pyramid_scale_factor(PYRAMID_FACTOR);
        detector.set_slide_window_step(WINDOW_STEP, WINDOW_STEP);
        Ok(Rustface { detector })
    }
}

impl FaceDetector for Rustface {
    fn name(&self) -> &'static str {
        DetectorKind::Rustface.name()
    }

    fn detect(&mut self, picture: PictureView<'_>, wanted: Wanted, faces: &mut Vec<Face>) {
        faces.clear();
        let size = picture.size();
        if size.width.min(size.height) < WINDOW {
            return;
        }
        let threshold = f64::from(wanted.min_score.unwrap_or(MIN_SCORE).max(LOWEST_THRESHOLD));
        self.detector.set_score_thresh(threshold);
        let found = self.detector.detect(&ImageData::new(picture.luma(), size.width, size.height));
        let smallest = wanted.min_face.unwrap_or(0.0);
        faces.extend(found.iter().map(to_face).filter(|face| face.width >= smallest));
        faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    }
}

fn to_face(info: &rustface::FaceInfo) -> Face {
    let bbox = info.bbox();
    Face {
        x: bbox.x() as f32,
        y: bbox.y() as f32,
        width: bbox.width() as f32,
        height: bbox.height() as f32,
        score: info.score() as f32,
        landmarks: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;

    #[test]
    fn small_and_thin_pictures_have_no_faces_and_do_not_panic() {
        let mut detector = Rustface::new().unwrap();
        for (width, height) in [(0, 0), (1, 1), (39, 200), (200, 39), (40, 40), (41, 300)] {
            let size = Size { width, height };
            let pixels: Vec<u8> = (0..size.pixels()).map(|i| (i * 31 % 251) as u8).collect();
            for score in [2.0, 0.0, -1.0, f32::NAN] {
                let wanted = Wanted { min_score: Some(score), min_face: None };
                detector.detect(PictureView::new(size, &pixels), wanted, &mut Vec::new());
            }
        }
    }
}
