//! Compares the network's output with what `rten` computes from the published file.

use std::fs;
use std::path::Path;

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use rten::Value;
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use super::decode::sigmoid;
use super::network::{Network, STRIDES, padded};
use super::{Weights, YuNet};
use crate::job::Limits;
use crate::jpeg;
use crate::kernels::Kernels;

/// Allowed difference: both engines add up hundreds of products, each in its own order.
const TOLERANCE: f32 = 1e-4;

fn asset(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Loads the published network for pictures of any size. The file fixes 640x640, which nothing in it depends on, and `rten` would
/// enforce it. So the two numbers (protobuf field 1) are replaced by two names (field 2).
fn published() -> rten::Model {
    const FIXED: [u8; 5] = [0x0A, 3, 0x08, 0x80, 0x05];
    let mut bytes = asset("face_detection_yunet_2023mar.onnx");
    for name in [b'h', b'w'] {
        let at = bytes.windows(FIXED.len()).position(|window| window == FIXED).expect("a side of 640 pixels");
        bytes[at + 2..at + 5].copy_from_slice(&[0x12, 1, name]);
    }
    rten::Model::load(bytes).unwrap()
}

/// Returns class, objectness, box and landmarks for each stride, cell by cell.
fn heads_by_rten(model: &rten::Model, picture: &RgbImage) -> [[Vec<f32>; 4]; 3] {
    let (width, height) = (padded(picture.width() as usize), padded(picture.height() as usize));
    let input = NdTensor::<f32, 4>::from_fn([1, 3, height, width], |[_, colour, y, x]| {
        picture.get_pixel_checked(x as u32, y as u32).map_or(0.0, |pixel| pixel.0[2 - colour].into())
    });
    let outputs = model.run(vec![(model.input_ids()[0], input.into())], model.output_ids(), None).unwrap();
    let floats = |value: &Value| value.as_tensor_view::<f32>().unwrap().to_vec();
    std::array::from_fn(|stride| std::array::from_fn(|kind| floats(&outputs[kind * STRIDES.len() + stride])))
}

fn heads_by_us(network: &mut Network, picture: &RgbImage) -> [[Vec<f32>; 4]; 3] {
    let size = (picture.width() as usize, picture.height() as usize);
    let maps =
        network.run(size, |y, rows| YuNet::rgb_row(&picture.as_raw().as_chunks().0[y * size.0..][..size.0], rows));
    maps.each_ref().map(|map| {
        let cells: Vec<_> = (0..map.height).flat_map(|y| map.row(0, y)).collect();
        let channels = |from: usize, to: usize| cells.iter().flat_map(move |cell| &cell.0[from..to]).copied();
        let [class, objectness] = [0, 1].map(|at| channels(at, at + 1).map(sigmoid).collect());
        [class, objectness, channels(2, 6).collect(), channels(6, 16).collect()]
    })
}

fn pictures() -> Vec<(String, RgbImage)> {
    let mut pictures = Vec::new();
    // The pictures are few and small, because `rten` is not optimised in a test.
    let sizes =
        [("astronaut", 320, 256), ("obama", 180, 225), ("astronaut", 31, 1), ("astronaut", 1, 1), ("obama", 33, 320)];
    for (name, width, height) in sizes {
        let photo = jpeg::decode_rgb(&asset(&format!("photos/{name}.jpg")), &Limits::default()).unwrap();
        let picture = imageops::resize(&photo, width, height, FilterType::Triangle);
        pictures.push((format!("{name} at {width}x{height}"), picture));
    }
    let mut rng = fastrand::Rng::with_seed(4);
    pictures.push(("noise".to_owned(), RgbImage::from_fn(200, 90, |_, _| Rgb([rng.u8(..), rng.u8(..), rng.u8(..)]))));
    pictures.push(("black".to_owned(), RgbImage::new(64, 64)));
    pictures
}

#[test]
fn every_head_says_what_rten_makes_of_the_published_file() {
    let model = published();
    let weights = Weights::published().unwrap();
    let mut networks: Vec<_> =
        Kernels::supported().iter().map(|kernels| (kernels, Network::new(weights.clone(), kernels))).collect();
    let mut worst = 0.0_f32;
    for (name, picture) in pictures() {
        let expected = heads_by_rten(&model, &picture);
        for (kernels, network) in &mut networks {
            let ours = heads_by_us(network, &picture);
            for (stride, (ours, expected)) in STRIDES.iter().zip(ours.iter().zip(&expected)) {
                for (kind, (ours, expected)) in
                    ["class", "objectness", "box", "landmarks"].iter().zip(ours.iter().zip(expected))
                {
                    let place = format!("{name}, {kernels:?}, stride {stride}, {kind}");
                    assert_eq!(ours.len(), expected.len(), "{place}");
                    let off = ours.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    assert!(off <= TOLERANCE, "{place}: {off}");
                    worst = worst.max(off);
                }
            }
        }
    }
    println!("the largest difference is {worst}");
}
