//! The reader of model files; and what it lets through has to work, alike with all kernels.
#![no_main]

use std::sync::{Arc, LazyLock};

use facefleet_vision::seeta::{Model, Seeta, Settings};
use facefleet_vision::{FaceDetector as _, Kernels, PictureView, Size, Wanted};
use libfuzzer_sys::fuzz_target;

/// A few windows, at the borders too, at two sizes.
const SIZE: Size = Size { width: 59, height: 53 };

/// Not flat anywhere: flat windows are never looked at.
static PIXELS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    (0..SIZE.height).flat_map(|y| (0..SIZE.width).map(move |x| (x * x + 7 * y * x + y) as u8)).collect()
});

/// The weights of a cascade, which are nearly all of a model and not where a reader goes wrong: with them among the bytes to
/// change, the others would hardly be.
static WEIGHTS: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..10 * 256).flat_map(|i| ((i * 37 % 256) as f32 / 256.0).to_le_bytes()).collect());
/// Where they go in the seed that `vision/examples/fuzz_seeds.rs` writes.
const WEIGHTS_AT: usize = 4 * (6 + 10 * 2 + 10);

fuzz_target!(|bytes: &[u8]| {
    look(bytes);
    if let Some((before, after)) = bytes.split_at_checked(WEIGHTS_AT) {
        look(&[before, &WEIGHTS, after].concat());
    }
});

/// Reads a model and finds faces with it.
fn look(bytes: &[u8]) {
    let Ok(model) = Model::parse(bytes) else { return };
    let model = Arc::new(model);
    let mut answers = Kernels::supported().iter().map(|kernels| {
        let mut detector = Seeta::new(Arc::clone(&model), Settings::default(), kernels).expect("the defaults are good");
        let mut faces = Vec::new();
        // Any score counts.
        let wanted = Wanted { min_score: Some(f32::MIN), ..Wanted::default() };
        detector.detect(PictureView::new(SIZE, &PIXELS), wanted, &mut faces);
        (kernels.name(), faces)
    });
    let (first, faces) = answers.next().expect("there is plain Rust at least");
    for (other, others) in answers {
        assert_eq!(faces, others, "{first} and {other}");
    }
}
