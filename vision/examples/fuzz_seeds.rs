//! Writes the inputs that the fuzz targets start from: `cargo run -p facefleet-vision --example fuzz_seeds -- FOLDER` writes a
//! small JPEG of every kind into FOLDER/frame, the head of YuNet's weights into FOLDER/weights, and a small model without the
//! weights of its cascade into FOLDER/model. Weights are nearly all of a model, and no reader goes wrong in them; the fuzz target
//! puts them back.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use facefleet_vision::seeta::Model;
use facefleet_vision::{Limits, jpeg};
use image::imageops::{self, FilterType};
use image::{DynamicImage, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

fn main() -> io::Result<()> {
    let folder = PathBuf::from(env::args_os().nth(1).expect("usage: fuzz_seeds FOLDER"));
    for (name, bytes) in frames() {
        write(&folder.join("frame"), &format!("{name}.jpg"), &bytes)?;
    }
    let weights = asset("yunet_2023mar.bin");
    // The place that they replace, and the shapes of some layers.
    write(&folder.join("weights"), "head.bin", &[&[0; 4], &weights[..64]].concat())?;
    let (before, after) = model();
    let whole = [&before[..], &[0; WEAK * 256 * size_of::<f32>()], &after].concat();
    Model::parse(&whole).expect("this is how a model is written");
    write(&folder.join("model"), "tiny.bin", &[before, after].concat())
}

/// Number of weak classifiers in the cascade, as few as there can be.
const WEAK: usize = 10;

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(name), bytes)
}

/// Returns a face in every kind of JPEG.
fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let face = face();
    let (colour, grey) = (face.as_raw(), DynamicImage::from(face.clone()).into_luma8().into_raw());
    let four: Vec<u8> = face.pixels().flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 20]).collect();
    let (subsampled, full) = (SamplingFactor::F_2_2, SamplingFactor::F_1_1);
    let kind = |pixels: &[u8], colours, sampling, change: fn(&mut Encoder<&mut Vec<u8>>)| {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 40);
        encoder.set_sampling_factor(sampling);
        change(&mut encoder);
        let (width, height) = (face.width() as u16, face.height() as u16);
        encoder.encode(pixels, width, height, colours).expect("a small picture can be a JPEG");
        bytes
    };
    let restarts = kind(colour, ColorType::Rgb, subsampled, |encoder| encoder.set_restart_interval(3));
    let end = restarts.len() - 2;
    let marker = restarts.windows(2).position(|pair| pair == [0xFF, 0xD1]).expect("there are more than two intervals");
    vec![
        ("420", kind(colour, ColorType::Rgb, subsampled, |_| {})),
        ("444", kind(colour, ColorType::Rgb, full, |_| {})),
        ("422", kind(colour, ColorType::Rgb, SamplingFactor::F_2_1, |_| {})),
        ("440", kind(colour, ColorType::Rgb, SamplingFactor::F_1_2, |_| {})),
        ("grey", kind(&grey, ColorType::Luma, full, |_| {})),
        ("cmyk", kind(&four, ColorType::Cmyk, full, |_| {})),
        ("no_end", restarts[..end].to_vec()),
        ("strays", [&restarts[..2], &[0; 3], &restarts[2..end], b"\r\n", &restarts[end..]].concat()),
        ("lost_restart", [&restarts[..marker], &restarts[marker + 2..]].concat()),
        ("restarts", restarts),
        ("tables", kind(colour, ColorType::Rgb, subsampled, |encoder| encoder.set_optimized_huffman_tables(true))),
        ("progressive", kind(colour, ColorType::Rgb, subsampled, |encoder| encoder.set_progressive(true))),
    ]
}

fn asset(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the face of the portrait in the assets. Neither side is a multiple of a block's.
fn face() -> RgbImage {
    let portrait = jpeg::decode_rgb(&asset("photos/astronaut.jpg"), &Limits::default()).expect("the photo is a JPEG");
    let face = imageops::crop_imm(&portrait, 150, 40, 150, 160).to_image();
    imageops::resize(&face, 60, 64, FilterType::Triangle)
}

/// Returns a funnel of one cascade and one network, both as small as the format allows, that finds a face in every window: the
/// bytes before the weights of the cascade, and the bytes behind them.
fn model() -> (Vec<u8>, Vec<u8>) {
    let bits = |value: f32| value.to_bits().cast_signed();
    // Two tiers; in the first one classifier of one stage, boosted, with 256 bins.
    let mut before = vec![2, 1, 1, 0, WEAK as i32, 255];
    // Its places and thresholds.
    before.extend((0..WEAK as i32).flat_map(|i| [3 * i, 31 - 3 * i]));
    before.extend([bits(-100.0); WEAK]);
    // It reads no lists.
    let mut after = vec![-1];
    // In the second tier one classifier of one stage, a network of three layers, with one feature and this threshold.
    after.extend([1, 1, 1, 3, 1, 1, bits(0.1)]);
    // 32 inputs, a hidden value with weights and a bias, four outputs with theirs.
    after.extend([32, 1]);
    after.extend([bits(0.5); 32 + 1]);
    after.push(4);
    after.extend([bits(0.25); 4 + 4]);
    // It reads one list, the first.
    after.extend([1, 0]);
    let bytes = |values: Vec<i32>| values.into_iter().flat_map(i32::to_le_bytes).collect();
    (bytes(before), bytes(after))
}
