//! Tests our engine where `rustface` panics, ignores a setting, or reads what is not its own.

use std::sync::Arc;

use facefleet_vision::seeta::{BadSetting, Model, Seeta, Settings};
use facefleet_vision::{Face, FaceDetector, Kernels, PictureView, Size, Wanted};
use image::GrayImage;
use image::imageops::{self, FilterType};

use crate::pictures::{FACE, astronaut};

fn detect(detector: &mut Seeta, picture: &GrayImage, min_face: Option<f32>) -> Vec<Face> {
    let size = Size { width: picture.width(), height: picture.height() };
    let mut faces = Vec::new();
    detector.detect(PictureView::new(size, picture), Wanted { min_score: None, min_face }, &mut faces);
    faces
}

/// Returns the portrait so small that its face has about `side` pixels, and the scale.
fn portrait(side: f32) -> (GrayImage, f32) {
    let scale = side / FACE[3];
    let length = (512.0 * scale) as u32;
    (imageops::resize(&imageops::grayscale(&astronaut()), length, length, FilterType::Triangle), scale)
}

#[test]
fn the_smallest_face_is_a_setting_that_works() {
    let mut detector = Seeta::frontal().unwrap();
    let (small, scale) = portrait(26.0);
    assert_eq!(detect(&mut detector, &small, None), [], "smaller than the window, and not looked for");
    let [face] = detect(&mut detector, &small, Some(20.0))[..] else { panic!("one face of about 26 pixels") };
    let middle = |from: f32, length: f32| from + length / 2.0;
    let off = (middle(face.x, face.width) - middle(FACE[0], FACE[2]) * scale).abs()
        + (middle(face.y, face.height) - middle(FACE[1], FACE[3]) * scale).abs();
    assert!(off < 8.0 && (18.0..40.0).contains(&face.width), "{face:?}");

    let (large, _) = portrait(150.0);
    assert_eq!(detect(&mut detector, &large, Some(60.0)).len(), 1);
    assert_eq!(detect(&mut detector, &large, Some(300.0)), [], "a face that is smaller than wanted");
}

#[test]
fn faces_below_twenty_pixels_are_looked_for_as_if_twenty_were_asked() {
    let mut detector = Seeta::frontal().unwrap();
    let (small, _) = portrait(26.0);
    let at_twenty = detect(&mut detector, &small, Some(20.0));
    for side in [19.0, 1.0, 0.0, -5.0, f32::NEG_INFINITY, f32::NAN] {
        assert_eq!(detect(&mut detector, &small, Some(side)), at_twenty, "{side}");
    }
    assert_eq!(detect(&mut detector, &small, Some(f32::INFINITY)), []);
}

#[test]
fn any_size_and_content_has_an_answer() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut detector = Seeta::frontal().unwrap();
    let sides = [0, 1, 2, 3, 8, 19, 20, 21, 39, 40, 41, 42, 43, 44, 50, 63, 64, 65, 97];
    let mut sizes: Vec<(u32, u32)> = sides.iter().flat_map(|&w| sides.map(|h| (w, h))).collect();
    sizes.extend([(1, 2000), (2000, 1), (40, 2000), (2000, 40), (41, 999), (777, 43)]);
    for (width, height) in sizes {
        for content in ["black", "white", "noise", "stripes"] {
            let picture = GrayImage::from_fn(width, height, |x, _| {
                image::Luma([match content {
                    "black" => 0,
                    "white" => 255,
                    "noise" => rng.u8(..),
                    _ => 255 * (x / 3 % 2) as u8,
                }])
            });
            for min_face in [None, Some(20.0)] {
                let faces = detect(&mut detector, &picture, min_face);
                assert!(content == "noise" || faces.is_empty(), "{content} of {width}x{height}: {faces:?}");
            }
        }
    }
}

#[test]
fn settings_that_nothing_can_be_searched_with_are_refused() {
    let model = Model::frontal().unwrap();
    let default = Settings::default();
    for (settings, name) in [
        (Settings { window_step: (0, 4), ..default }, "window_step"),
        (Settings { window_step: (4, 41), ..default }, "window_step"),
        (Settings { pyramid_factor: 1.0, ..default }, "pyramid_factor"),
        (Settings { pyramid_factor: f32::NAN, ..default }, "pyramid_factor"),
        (Settings { min_face: 19.9, ..default }, "min_face"),
        (Settings { min_face: f32::INFINITY, ..default }, "min_face"),
        (Settings { max_face: Some(-1.0), ..default }, "max_face"),
    ] {
        let error: BadSetting = Seeta::new(Arc::clone(&model), settings, Kernels::best()).unwrap_err();
        assert_eq!(error.name, name, "{error}");
    }
    let error = Seeta::new(model, Settings { pyramid_factor: 2.0, ..default }, Kernels::best()).unwrap_err();
    assert_eq!(error.to_string(), "pyramid_factor is 2; it must be 0.01 to 0.99");
}

#[test]
fn the_largest_face_may_be_smaller_than_the_smallest() {
    let settings = Settings { min_face: 60.0, max_face: Some(50.0), ..Settings::default() };
    let mut detector = Seeta::new(Model::frontal().unwrap(), settings, Kernels::best()).unwrap();
    assert_eq!(detect(&mut detector, &portrait(100.0).0, None), []);
}

#[test]
fn a_detector_can_go_to_another_thread() {
    let mut detector = Seeta::frontal().unwrap();
    let (picture, _) = portrait(100.0);
    let here = detect(&mut detector, &picture, None);
    let there = std::thread::spawn(move || detect(&mut detector, &portrait(100.0).0, None)).join().unwrap();
    assert_eq!(here.len(), 1);
    assert_eq!(here, there);
}

#[test]
fn no_face_is_smaller_than_wanted() {
    let mut detector = Seeta::frontal().unwrap();
    let (picture, _) = portrait(100.0);
    let [face] = detect(&mut detector, &picture, None)[..] else { panic!("one face") };
    assert_eq!(detect(&mut detector, &picture, Some(face.width + 1.0)), []);
}

/// Returns the published model, and where its parts begin: the counts, places, thresholds and weights of the first cascade, then
/// the networks.
fn model() -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/seeta_fd_frontal_v1.0.bin");
    std::fs::read(path).unwrap()
}

#[test]
fn a_model_cut_short_or_too_long_is_refused() {
    let mut bytes = model();
    let ends = (0..64).chain((64..bytes.len()).step_by(9973)).chain([bytes.len() - 1]);
    for end in ends {
        let error = Model::parse(&bytes[..end]).unwrap_err();
        assert!(error.offset <= end && error.length == end, "{error}");
    }
    bytes.extend([0; 4]);
    let error = Model::parse(&bytes).unwrap_err();
    assert!(error.to_string().contains("4 bytes are left over"), "{error}");
    assert!(Model::parse(&[0xFF; 1000]).unwrap_err().to_string().contains("-1 tiers"));
}

#[test]
fn a_damaged_model_is_refused_or_gives_an_answer() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let good = model();
    let (picture, _) = portrait(60.0);
    let mut refused = 0;
    for _ in 0..60 {
        let mut bytes = good.clone();
        // Counts and places are at the front of the file, the rest is nearly all weights.
        let reach = if rng.bool() { 2000 } else { bytes.len() };
        // From one byte, which most models survive, to 128, which hardly one does.
        for _ in 0..1 << rng.u32(..8) {
            let at = rng.usize(..reach);
            bytes[at] = rng.u8(..);
        }
        match Model::parse(&bytes) {
            Err(_) => refused += 1,
            Ok(model) => {
                let mut detector = Seeta::new(Arc::new(model), Settings::default(), Kernels::best()).unwrap();
                detect(&mut detector, &picture, Some(20.0));
            }
        }
    }
    assert!((1..60).contains(&refused), "{refused} of 60 refused");
}
