//! Work whose instructions are counted: a detector alone, on one photograph of 500×400 pixels.
//!
//! `cargo run --release -p facefleet-vision --example count -- DETECTOR KERNELS FRAMES` runs `seeta` or `yunet` FRAMES times,
//! with the table of kernels of that name. It counts nothing by itself: `valgrind --tool=callgrind` does, or the emulator that
//! `cargo xtask pi-check` runs it in. The difference between a run with one frame and a run with more is the cost of a frame once
//! the buffers are there.

use std::env;
use std::path::Path;
use std::sync::Arc;

use facefleet_vision::seeta::{Model, Seeta, Settings};
use facefleet_vision::yunet::{Weights, YuNet};
use facefleet_vision::{FaceDetector, Kernels, Limits, PictureView, Size, Wanted, jpeg};
use image::RgbImage;
use image::imageops::{self, FilterType};

/// The size at which the programs before this one call their detector.
const SIZE: Size = Size { width: 500, height: 400 };

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [detector, kernels, frames] = &arguments[..] else { panic!("usage: count DETECTOR KERNELS FRAMES") };
    let kernels = named(kernels);
    let frames: usize = frames.parse().expect("FRAMES is a number");

    let photo = photo();
    let mut faces = Vec::new();
    match detector.as_str() {
        "seeta" => {
            let model = Model::parse(&asset("seeta_fd_frontal_v1.0.bin")).expect("the model is a good one");
            let mut seeta = Seeta::new(Arc::new(model), Settings::default(), kernels).expect("the settings are good");
            let luma = imageops::grayscale(&photo);
            for _ in 0..frames {
                seeta.detect(PictureView::new(SIZE, &luma), Wanted::default(), &mut faces);
            }
        }
        "yunet" => {
            let weights = Weights::published().expect("the weights are good ones");
            let mut yunet = YuNet::new(weights, kernels);
            for _ in 0..frames {
                yunet.detect_rgb(SIZE, &photo, Wanted::default(), &mut faces);
            }
        }
        other => panic!("nothing is counted of `{other}`"),
    }
    println!("kernels {}, frames {frames}, faces {}", kernels.name(), faces.len());
    assert!(!faces.is_empty(), "there is a face in this photograph");
}

fn named(name: &str) -> &'static Kernels {
    let tables = Kernels::supported();
    tables.iter().find(|table| table.name() == name).unwrap_or_else(|| {
        let names: Vec<_> = tables.iter().map(Kernels::name).collect();
        panic!("this processor runs no kernels `{name}`, only: {}", names.join(", "))
    })
}

fn asset(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn photo() -> RgbImage {
    let photo = jpeg::decode_rgb(&asset("photos/astronaut.jpg"), &Limits::default()).expect("the photo is a JPEG");
    imageops::resize(&photo, SIZE.width, SIZE.height, FilterType::Triangle)
}
