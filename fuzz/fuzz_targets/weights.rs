//! The reader of YuNet's weights; and what it lets through has to work, with all kernels.
#![no_main]

use std::sync::{Arc, LazyLock};

use facefleet_vision::yunet::{Weights, YuNet};
use facefleet_vision::{Kernels, Size, Wanted};
use libfuzzer_sys::fuzz_target;

/// More than one cell of the coarsest map, and no multiple of anything.
const SIZE: Size = Size { width: 59, height: 33 };

static PIXELS: LazyLock<Vec<u8>> = LazyLock::new(|| (0..SIZE.pixels() * 3).map(|i| (i * i / 7) as u8).collect());

static PUBLISHED: &[u8] = include_bytes!("../../assets/yunet_2023mar.bin");

// A file of its own, and bytes that replace some of the published one: their place comes first.
fuzz_target!(|bytes: &[u8]| {
    look(bytes);
    if let Some((place, bytes)) = bytes.split_first_chunk() {
        let place = u32::from_le_bytes(*place) as usize % PUBLISHED.len();
        let end = PUBLISHED.len().min(place + bytes.len());
        look(&[&PUBLISHED[..place], &bytes[..end - place], &PUBLISHED[end..]].concat());
    }
});

/// Reads weights and finds faces with them.
fn look(bytes: &[u8]) {
    let Ok(weights) = Weights::parse(bytes) else { return };
    let weights = Arc::new(weights);
    for kernels in Kernels::supported() {
        let mut detector = YuNet::new(Arc::clone(&weights), kernels);
        // Any score counts.
        let wanted = Wanted { min_score: Some(0.0), ..Wanted::default() };
        detector.detect_rgb(SIZE, &PIXELS, wanted, &mut Vec::new());
    }
}
