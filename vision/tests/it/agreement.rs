//! Compares our engine with the `rustface` crate: both must find the same faces, to the last bit.
//!
//! A sample runs with every `cargo test`. The whole comparison takes some minutes: `cargo test --release -p facefleet-vision
//! --test it -- --ignored --nocapture every_frame`

use std::path::{Path, PathBuf};
use std::process::Command;

use facefleet_vision::seeta::{Model, Seeta, Settings};
use facefleet_vision::{Face, FaceDetector, Kernels, PictureView, Size, Wanted};
use image::GrayImage;
use image::imageops::{self, FilterType};
use prerequisites::is_shared_data_there;
use rustface::Detector;

/// The settings of both detectors, but for the smallest face, which `rustface` stores and ignores.
#[derive(Clone, Copy, Debug)]
struct Setting {
    settings: Settings,
    min_score: f32,
}

/// Returns settings to compare with, the published ones first.
fn settings() -> [Setting; 7] {
    let default = Settings::default();
    let setting = |settings, min_score| Setting { settings, min_score };
    [
        setting(default, 2.0),
        setting(default, 0.01),
        setting(Settings { window_step: (2, 2), ..default }, 2.0),
        setting(Settings { window_step: (5, 3), pyramid_factor: 0.7, ..default }, 0.95),
        setting(Settings { window_step: (4, 1), max_face: Some(90.0), ..default }, 2.8),
        setting(Settings { pyramid_factor: 0.9, max_face: Some(201.0), ..default }, 4.5),
        setting(Settings { window_step: (1, 8), pyramid_factor: 0.31, ..default }, 0.5),
    ]
}

/// The two detectors with equal settings, and the faces that they found.
struct Pair {
    setting: Setting,
    ours: Vec<Seeta>,
    theirs: Box<dyn Detector>,
    pictures: usize,
    faces: usize,
    differences: Vec<String>,
}

impl Pair {
    /// Makes the detectors, our own once for each of `tables`.
    fn new(setting: Setting, tables: &'static [Kernels]) -> Pair {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/seeta_fd_frontal_v1.0.bin");
        let model = rustface::read_model(&std::fs::read(path).unwrap()[..]).unwrap();
        let mut theirs = rustface::create_detector_with_model(model);
        let Settings { window_step: (right, down), pyramid_factor, max_face, .. } = setting.settings;
        theirs.set_slide_window_step(right, down);
        theirs.set_pyramid_scale_factor(pyramid_factor);
        theirs.set_score_thresh(setting.min_score.into());
        if let Some(side) = max_face {
            theirs.set_max_face_size(side as u32);
        }
        let ours = |kernels| Seeta::new(Model::frontal().unwrap(), setting.settings, kernels).unwrap();
        let ours = tables.iter().map(ours).collect();
        Pair { setting, ours, theirs, pictures: 0, faces: 0, differences: Vec::new() }
    }

    fn compare(&mut self, picture: &GrayImage, name: impl Fn() -> String) {
        let size = Size { width: picture.width(), height: picture.height() };
        if !self.rustface_can(size) {
            return;
        }
        self.pictures += 1;
        let theirs = self.theirs.detect(&rustface::ImageData::new(picture, size.width, size.height));
        let mut theirs: Vec<Face> = theirs.iter().map(face).collect();
        sort(&mut theirs);
        self.faces += theirs.len();
        for detector in &mut self.ours {
            let mut faces = Vec::new();
            let wanted = Wanted { min_score: Some(self.setting.min_score), min_face: None };
            detector.detect(PictureView::new(size, picture), wanted, &mut faces);
            sort(&mut faces);
            if faces != theirs {
                self.differences.push(format!("{}: {faces:?} instead of {theirs:?}, {detector:?}", name()));
            }
        }
    }

    /// Returns whether `rustface` survives a picture of this size: it panics where a level of its pyramid loses its last pixel to
    /// rounding.
    fn rustface_can(&self, size: Size) -> bool {
        let Settings { pyramid_factor, max_face, .. } = self.setting.settings;
        let short = size.width.min(size.height) as f32;
        let least = 40.0 / max_face.unwrap_or(f32::INFINITY).trunc().min(short);
        let mut scales = std::iter::successors(Some(1.0), |scale| Some(scale * pyramid_factor));
        scales.by_ref().take_while(|&scale| scale >= least).all(|scale| (short * scale) as u32 >= 40)
    }

    fn report(&self) {
        let Pair { setting, pictures, faces, differences, .. } = self;
        let Settings { window_step, pyramid_factor, max_face, .. } = setting.settings;
        println!(
            "step {window_step:?}, factor {pyramid_factor}, up to {max_face:?}, score {}: \
             {pictures} pictures, {faces} faces, {} differ",
            setting.min_score,
            differences.len()
        );
        assert!(differences.is_empty(), "{:#?}", &differences[..differences.len().min(5)]);
        assert!(*faces > 0, "a comparison without faces shows nothing");
    }
}

fn face(info: &rustface::FaceInfo) -> Face {
    let bbox = info.bbox();
    let (x, y) = (bbox.x() as f32, bbox.y() as f32);
    let (width, height) = (bbox.width() as f32, bbox.height() as f32);
    Face { x, y, width, height, score: info.score() as f32, landmarks: None }
}

fn sort(faces: &mut [Face]) {
    faces.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.y.total_cmp(&b.y)).then(a.x.total_cmp(&b.x)));
}

/// Returns a random part of a picture, turned, scaled, made brighter or darker, and noisy.
fn crop(picture: &GrayImage, rng: &mut fastrand::Rng) -> GrayImage {
    let (width, height) = picture.dimensions();
    let (right, down) = (rng.u32(40..=width.min(400)), rng.u32(40..=height.min(400)));
    let (left, top) = (rng.u32(..=width - right), rng.u32(..=height - down));
    let mut part = imageops::crop_imm(picture, left, top, right, down).to_image();
    if rng.bool() {
        part = imageops::flip_horizontal(&part);
    }
    if rng.u8(..4) == 0 {
        let filter = if rng.bool() { FilterType::Triangle } else { FilterType::Nearest };
        part = imageops::resize(&part, rng.u32(40..300), rng.u32(40..300), filter);
    }
    let (contrast, brightness, noise) = (rng.f32() * 1.5, rng.f32() * 120.0 - 60.0, rng.u8(..24));
    for pixel in part.iter_mut() {
        let noise = rng.f32() * f32::from(noise);
        *pixel = ((f32::from(*pixel) - 128.0) * contrast + 128.0 + brightness + noise) as u8;
    }
    part
}

fn photographs() -> Vec<GrayImage> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/photos");
    let names = ["astronaut.jpg", "obama.jpg"];
    names.map(|name| image::open(folder.join(name)).unwrap().into_luma8()).to_vec()
}

#[test]
fn the_photographs_have_the_same_faces_with_every_table_and_setting() {
    for setting in settings() {
        let mut pair = Pair::new(setting, Kernels::supported());
        for photograph in photographs() {
            for side in [300, 512] {
                let size = facefleet_vision::Fit::Within(side)
                    .target(Size { width: photograph.width(), height: photograph.height() });
                let picture = imageops::resize(&photograph, size.width, size.height, FilterType::Triangle);
                pair.compare(&picture, || format!("{size}"));
            }
        }
        pair.report();
    }
}

#[test]
fn crops_have_the_same_faces() {
    crops(&photographs(), 150);
}

fn crops(pictures: &[GrayImage], count: usize) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut pair = Pair::new(Setting { settings: Settings::default(), min_score: 0.5 }, Kernels::supported());
    for n in 0..count {
        let picture = crop(&pictures[rng.usize(..pictures.len())], &mut rng);
        pair.compare(&picture, || format!("crop {n}, seed {seed}"));
    }
    pair.report();
}

/// Returns the frames of a video as grey pictures.
fn frames(video: &Path) -> Vec<GrayImage> {
    let folder = tempfile::tempdir().unwrap();
    let pattern = folder.path().join("%05d.png");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(video)
        .args(["-fps_mode", "passthrough", "-pix_fmt", "gray"])
        .arg(&pattern)
        .status()
        .expect("ffmpeg is there");
    assert!(status.success(), "{}", video.display());
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| image::open(path).unwrap().into_luma8()).collect()
}

#[test]
#[ignore = "takes some minutes in a release build; the photographs and some crops are always compared"]
fn every_frame_of_the_clips_and_ten_thousand_crops() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let clips =
        ["short_hamilton_clip.mp4", "signer.mkv", "two-people.gif", "few-faces.mp4"].map(|name| folder.join(name));
    let (mut pictures, mut clips_there) = (photographs(), 0);
    for clip in clips {
        if !is_shared_data_there(&clip) {
            continue;
        }
        clips_there += 1;
        let frames = frames(&clip);
        println!("{}: {} frames", clip.display(), frames.len());
        for (i, setting) in settings().into_iter().enumerate() {
            let mut pair = Pair::new(setting, &Kernels::supported()[..1]);
            // Every frame with the published settings, as it is and stretched; some of them with the others.
            for (n, frame) in frames.iter().enumerate().step_by(if i == 0 { 1 } else { 23 }) {
                pair.compare(frame, || format!("{}, frame {n}", clip.display()));
                let stretched = imageops::resize(frame, 500, 400, FilterType::Triangle);
                pair.compare(&stretched, || format!("{}, frame {n}, stretched", clip.display()));
            }
            if pair.faces > 0 {
                pair.report();
            } else {
                println!("{setting:?}: no faces in {} pictures, by both", pair.pictures);
                assert!(pair.differences.is_empty(), "{:#?}", pair.differences);
            }
        }
        pictures.extend(frames.into_iter().step_by(25));
    }
    crops(&pictures, 10_000);
    println!("clips compared: {clips_there} of 4");
}
