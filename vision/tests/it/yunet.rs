//! YuNet finds the faces that OpenCV's detector finds, and has an answer to any picture and any file of weights.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use facefleet_vision::yunet::{Weights, YuNet};
use facefleet_vision::{
    Analyzer, DetectorKind, Face, FaceDetector, Fit, Job, Kernels, Limits, PictureView, Point, Size, Wanted,
};
use image::RgbImage;
use prerequisites::{FFMPEG, is_shared_data_there, lacking};
use serde_json::Value;

use crate::pictures::{FACE, astronaut, encode};

/// Faces that OpenCV finds, as `golden/yunet_opencv.py` wrote them.
const GOLDEN: &str = include_str!("../golden/yunet_opencv.jsonl");

/// Allowed difference of boxes and landmarks in pixels.
const PLACE: f32 = 1.0;
const SCORE: f32 = 0.01;

/// A frame, and the faces that OpenCV finds in it.
struct Frame {
    clip: String,
    step: u64,
    number: usize,
    size: Size,
    adler32: u64,
    faces: Vec<Face>,
}

fn golden() -> Vec<Frame> {
    let lines = GOLDEN.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let frame = |line: Value| Frame {
        clip: line["clip"].as_str().unwrap().to_owned(),
        step: line["step"].as_u64().unwrap(),
        number: line["frame"].as_u64().unwrap() as usize,
        size: Size { width: number(&line["size"][0]) as u32, height: number(&line["size"][1]) as u32 },
        adler32: line["adler32"].as_u64().unwrap(),
        faces: line["faces"].as_array().unwrap().iter().map(face).collect(),
    };
    lines.map(frame).collect()
}

fn number(value: &Value) -> f32 {
    value.as_f64().unwrap() as f32
}

fn face(values: &Value) -> Face {
    let value = |at: usize| number(&values[at]);
    Face {
        x: value(0),
        y: value(1),
        width: value(2),
        height: value(3),
        score: value(14),
        landmarks: Some(std::array::from_fn(|i| Point { x: value(4 + 2 * i), y: value(5 + 2 * i) })),
    }
}

/// Returns every `step`th frame of a video, all in one piece, as red, green and blue bytes. The flags of ffmpeg are those of the
/// script.
fn pixels(clip: &Path, step: u64) -> Vec<u8> {
    let output = Command::new(FFMPEG.program)
        .args(["-v", "error", "-i"])
        .arg(clip)
        .args(["-vf", &format!("select=not(mod(n\\,{step}))"), "-fps_mode", "passthrough"])
        .args(["-sws_flags", "bitexact+accurate_rnd+full_chroma_int", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {}", clip.display(), String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn adler32(bytes: &[u8]) -> u64 {
    let (mut a, mut b) = (1, 0);
    // No sum comes near 64 bits within so many bytes.
    for bytes in bytes.chunks(5552) {
        for &byte in bytes {
            a += u64::from(byte);
            b += a;
        }
        (a, b) = (a % 65_521, b % 65_521);
    }
    b << 16 | a
}

/// Returns the greatest differences between two faces' places and scores.
fn apart(a: &Face, b: &Face) -> (f32, f32) {
    let places = |face: &Face| {
        let points = face.landmarks.unwrap().into_iter().flat_map(|Point { x, y }| [x, y]);
        [face.x, face.y, face.width, face.height].into_iter().chain(points).collect::<Vec<f32>>()
    };
    let place = places(a).iter().zip(places(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    (place, (a.score - b.score).abs())
}

#[test]
fn the_clips_have_the_faces_that_opencv_finds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if !FFMPEG.is_there() {
        return;
    }
    let mut detector = YuNet::published().unwrap();
    for frames in golden().chunk_by(|a, b| a.clip == b.clip) {
        let first = &frames[0];
        let clip: PathBuf = root.join(&first.clip);
        if first.clip.starts_with("../shared/") && !is_shared_data_there(&clip) {
            continue;
        }
        let pixels = pixels(&clip, first.step);
        let pictures: Vec<&[u8]> = pixels.chunks_exact(3 * first.size.pixels() as usize).collect();
        assert_eq!(pictures.len(), frames.len(), "frames of {}", first.clip);
        if pictures.iter().zip(frames).any(|(picture, frame)| adler32(picture) != frame.adler32) {
            lacking(&format!("an ffmpeg that makes of {} the pixels that the script saw is not installed", first.clip));
            continue;
        }
        let (mut count, mut place, mut score) = (0, 0.0_f32, 0.0_f32);
        for (picture, frame) in pictures.iter().zip(frames) {
            let name = format!("{}, frame {}", frame.clip, frame.step * frame.number as u64);
            let mut faces = Vec::new();
            detector.detect_rgb(frame.size, picture, Wanted::default(), &mut faces);
            assert_eq!(faces.len(), frame.faces.len(), "{name}: {faces:#?}, OpenCV: {:#?}", frame.faces);
            for expected in &frame.faces {
                let ours = faces.iter().map(|face| apart(face, expected));
                let nearest = ours.min_by(|a, b| a.0.total_cmp(&b.0)).expect("as many faces");
                assert!(nearest.0 < PLACE && nearest.1 < SCORE, "{name}: {faces:#?}, OpenCV: {expected:#?}");
                (place, score) = (place.max(nearest.0), score.max(nearest.1));
            }
            count += faces.len();
        }
        println!(
            "{}: {} frames, {count} faces, places off by at most {place} pixels, scores by {score}",
            first.clip,
            frames.len()
        );
    }
}

fn detect(detector: &mut YuNet, picture: &RgbImage, wanted: Wanted) -> Vec<Face> {
    let size = Size { width: picture.width(), height: picture.height() };
    let mut faces = Vec::new();
    detector.detect_rgb(size, picture, wanted, &mut faces);
    faces
}

#[test]
fn a_frame_has_its_face_with_landmarks_in_the_right_order() {
    let mut analyzer = Analyzer::new(DetectorKind::Yunet, Limits::default()).unwrap();
    let job = Job { fit: Fit::Within(320), landmarks: true, ..Job::default() };
    let [face] = analyzer.analyze(&encode(&astronaut()), &job).unwrap().faces[..] else { panic!("one face") };
    let [left, top, width, height] = FACE;
    let off = (face.x + face.width / 2.0 - left - width / 2.0).abs()
        + (face.y + face.height / 2.0 - top - height / 2.0).abs();
    assert!(off < 20.0, "{face:?}");
    let [right_eye, left_eye, nose, right_mouth, left_mouth] = face.landmarks.unwrap();
    assert!(right_eye.x < nose.x && nose.x < left_eye.x && right_mouth.x < left_mouth.x, "{face:?}");
    assert!(right_eye.y < nose.y && left_eye.y < nose.y && nose.y < right_mouth.y.min(left_mouth.y), "{face:?}");
    assert!(face.x < right_eye.x && left_eye.x < face.x + face.width, "{face:?}");
}

#[test]
fn colour_counts_and_grey_is_a_picture_too() {
    let mut detector = YuNet::published().unwrap();
    let picture = astronaut();
    let size = Size { width: picture.width(), height: picture.height() };
    let half = ((size.width / 2) * (size.height / 2)) as usize;
    let luma = image::imageops::grayscale(&picture);
    let (mut grey, mut neutral, mut blue) = (Vec::new(), Vec::new(), Vec::new());
    let view = PictureView::new(size, &luma);
    detector.detect(view, Wanted::default(), &mut grey);
    detector.detect(view.with_colour(&vec![128; half], &vec![128; half]), Wanted::default(), &mut neutral);
    detector.detect(view.with_colour(&vec![250; half], &vec![90; half]), Wanted::default(), &mut blue);
    assert_eq!(grey.len(), 1);
    assert_eq!(grey, neutral);
    assert_ne!(grey, blue);
    let coloured = detect(&mut detector, &picture, Wanted::default());
    assert!(coloured[0].score > grey[0].score, "{coloured:?} {grey:?}");
}

#[test]
fn any_size_and_content_has_an_answer() {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut detectors: Vec<YuNet> =
        Kernels::supported().iter().map(|kernels| YuNet::new(Weights::published().unwrap(), kernels)).collect();
    let sides = [0, 1, 2, 31, 32, 33, 65];
    let mut sizes: Vec<(u32, u32)> = sides.iter().flat_map(|&width| sides.map(|height| (width, height))).collect();
    sizes.extend([(1, 700), (700, 1), (97, 161), (320, 256)]);
    for (width, height) in sizes {
        for content in ["black", "white", "noise"] {
            let picture = RgbImage::from_fn(width, height, |_, _| match content {
                "black" => image::Rgb([0; 3]),
                "white" => image::Rgb([255; 3]),
                _ => image::Rgb([rng.u8(..), rng.u8(..), rng.u8(..)]),
            });
            for detector in &mut detectors {
                let faces = detect(detector, &picture, Wanted::default());
                assert!(content == "noise" || faces.is_empty(), "{content} of {width}x{height}: {faces:?}");
            }
        }
    }
}

#[test]
fn a_picture_of_eight_megapixels_has_its_face() {
    let mut picture = RgbImage::new(3840, 2160);
    image::imageops::overlay(&mut picture, &astronaut(), 3000, 1500);
    let faces = detect(&mut YuNet::published().unwrap(), &picture, Wanted::default());
    assert_eq!(faces.len(), 1, "{faces:?}");
    assert!((3150.0..3200.0).contains(&faces[0].x) && (1540.0..1600.0).contains(&faces[0].y), "{faces:?}");
}

#[test]
fn what_is_wanted_is_found() {
    let mut detector = YuNet::published().unwrap();
    let picture = astronaut();
    let find = |detector: &mut YuNet, min_score, min_face| detect(detector, &picture, Wanted { min_score, min_face });
    let [face] = find(&mut detector, None, None)[..] else { panic!("one face") };
    let side = face.width.min(face.height);
    assert_eq!(find(&mut detector, None, Some(side - 0.1)).len(), 1);
    assert_eq!(find(&mut detector, None, Some(side + 0.1)), []);
    assert_eq!(find(&mut detector, Some(face.score), None).len(), 1);
    assert_eq!(find(&mut detector, Some(face.score + 0.001), None), []);
    let everything = find(&mut detector, Some(0.0), None);
    assert!(everything.len() > 1 && everything.is_sorted_by(|a, b| a.score >= b.score));
    for strange in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, 1.0, 2.0] {
        let faces = find(&mut detector, Some(strange), Some(strange));
        assert!(strange <= 0.0 || faces.is_empty(), "{strange}: {} faces", faces.len());
    }
}

#[test]
fn a_detector_can_go_to_another_thread() {
    let mut detector = YuNet::published().unwrap();
    let here = detect(&mut detector, &astronaut(), Wanted::default());
    let there = std::thread::spawn(move || detect(&mut detector, &astronaut(), Wanted::default())).join().unwrap();
    assert_eq!(here, there);
}

fn weights() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/yunet_2023mar.bin");
    std::fs::read(path).unwrap()
}

#[test]
fn damaged_weights_say_what_is_wrong() {
    let good = weights();
    let problem = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        let error = Weights::parse(&bytes).unwrap_err();
        assert_eq!(error.length, bytes.len());
        error.problem
    };
    assert_eq!(problem(&|bytes| bytes.truncate(5)), "the first bytes: 8 bytes are needed");
    assert_eq!(problem(&|bytes| bytes[0] = b'P'), r"it begins with `Pfyunet\x00`");
    assert_eq!(problem(&|bytes| bytes[8] = 9), "the version is 9 and not 1");
    assert_eq!(problem(&|bytes| bytes[12] = 34), "the number of convolutions is 34 and not 35");
    assert_eq!(problem(&|bytes| bytes[20] = 1), "the first convolution: inputs is 1 and not 3");
    assert_eq!(problem(&|bytes| bytes[29] = 1), "stage 0, 1x1: outputs is 272 and not 16");
    assert_eq!(problem(&|bytes| bytes.truncate(bytes.len() - 1)), "heads of stride 32, 3x3: 64 bytes are needed");
    assert_eq!(problem(&|bytes| bytes.push(0)), "1 bytes are left over");
    let nan = |bytes: &mut Vec<u8>| {
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    };
    assert_eq!(problem(&nan), "heads of stride 32, 3x3: a weight is NaN");
    for end in (0..good.len()).step_by(997) {
        let error = Weights::parse(&good[..end]).unwrap_err();
        assert!(error.offset <= end, "{error}");
    }
}

#[test]
fn weights_of_any_value_have_an_answer() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let good = weights();
    // Magic, version, number of convolutions, and three numbers for each of these.
    let first = 8 + 4 + 4 + 35 * 12;
    let mut used = 0;
    for _ in 0..30 {
        let mut bytes = good.clone();
        for _ in 0..rng.usize(1..40) {
            let at = rng.usize(first..bytes.len());
            bytes[at] = rng.u8(..);
        }
        if let Ok(weights) = Weights::parse(&bytes) {
            used += 1;
            let mut detector = YuNet::new(Arc::new(weights), Kernels::best());
            detect(&mut detector, &RgbImage::from_pixel(70, 40, image::Rgb([200; 3])), Wanted::default());
        }
    }
    assert!(used > 0, "no damage got through");
}
