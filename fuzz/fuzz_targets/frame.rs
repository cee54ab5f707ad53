//! The way of a frame, from JPEG bytes to faces and to a picture that is a JPEG again.
#![no_main]

use facefleet_vision::{Analyzer, DetectorKind, Fit, FrameError, Job, Limits, Report, jpeg};
use libfuzzer_sys::fuzz_target;

/// Small enough that thousands of frames a second go through.
const LIMITS: Limits = Limits { max_pixels: 128 * 128 };
/// Smaller than most seeds and larger than the detector's window.
const FIT: Fit = Fit::Within(56);

fuzz_target!(|bytes: &[u8]| {
    let mut analyzer = Analyzer::new(DetectorKind::Seeta, LIMITS).expect("the model is compiled in");
    let mut analyze = |picture| done(analyzer.analyze(bytes, &Job { fit: FIT, picture, ..Job::default() }));
    let (boxes, picture) = (analyze(false), analyze(true));
    if let (Some(boxes), Some(picture)) = (boxes, picture) {
        assert_eq!(boxes.faces, picture.faces, "faces depend on whether a picture goes back");
        let sent = picture.picture.expect("it was asked for");
        jpeg::decode_rgb(&sent, &LIMITS).expect("what was encoded can be decoded");
    }
});

/// A frame may be refused, but nothing may panic on it, not even where the panic is caught.
fn done(result: Result<Report, FrameError>) -> Option<Report> {
    match result {
        Ok(report) => Some(report),
        Err(error @ FrameError::Panicked { .. }) => panic!("{error}"),
        Err(_) => None,
    }
}
