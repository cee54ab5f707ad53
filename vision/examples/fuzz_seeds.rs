//! What the fuzz targets start from: `cargo run -p facefleet-vision --example fuzz_seeds -- FOLDER` writes a small JPEG of every
//! kind into FOLDER/frame and a small model into FOLDER/model. The published model is too large to be changed byte by byte.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use facefleet_vision::{Limits, Model, jpeg};
use image::imageops::{self, FilterType};
use image::{DynamicImage, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

fn main() -> io::Result<()> {
    let folder = PathBuf::from(env::args_os().nth(1).expect("usage: fuzz_seeds FOLDER"));
    for (name, bytes) in frames() {
        write(&folder.join("frame"), &format!("{name}.jpg"), &bytes)?;
    }
    let model = model();
    Model::parse(&model).expect("this is how a model is written");
    write(&folder.join("model"), "tiny.bin", &model)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(name), bytes)
}

/// A face, in every kind of JPEG.
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
    vec![
        ("420", kind(colour, ColorType::Rgb, subsampled, |_| {})),
        ("444", kind(colour, ColorType::Rgb, full, |_| {})),
        ("422", kind(colour, ColorType::Rgb, SamplingFactor::F_2_1, |_| {})),
        ("440", kind(colour, ColorType::Rgb, SamplingFactor::F_1_2, |_| {})),
        ("grey", kind(&grey, ColorType::Luma, full, |_| {})),
        ("cmyk", kind(&four, ColorType::Cmyk, full, |_| {})),
        ("restarts", kind(colour, ColorType::Rgb, subsampled, |encoder| encoder.set_restart_interval(3))),
        ("tables", kind(colour, ColorType::Rgb, subsampled, |encoder| encoder.set_optimized_huffman_tables(true))),
        ("progressive", kind(colour, ColorType::Rgb, subsampled, |encoder| encoder.set_progressive(true))),
    ]
}

/// The face of the portrait in the assets; neither side is a multiple of a block's.
fn face() -> RgbImage {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/photos/astronaut.jpg");
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let portrait = jpeg::decode_rgb(&bytes, &Limits::default()).expect("the photo is a JPEG");
    let face = imageops::crop_imm(&portrait, 150, 40, 150, 160).to_image();
    imageops::resize(&face, 60, 64, FilterType::Triangle)
}

/// A funnel of one cascade and one network, both as small as the format lets them be, that finds a face in every window.
fn model() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut integers = |values: &[i32]| values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
    let floats = |values: &[f32]| values.iter().map(|value| value.to_bits().cast_signed()).collect::<Vec<_>>();
    const WEAK: usize = 10;
    // Two tiers; in the first one classifier of one stage, boosted, with 256 bins.
    integers(&[2, 1, 1, 0, WEAK as i32, 255]);
    // Places.
    (0..WEAK as i32).for_each(|i| integers(&[3 * i, 31 - 3 * i]));
    integers(&floats(&[-100.0; WEAK]));
    (0..WEAK).for_each(|i| integers(&floats(&[0.1 * i as f32; 256])));
    integers(&[-1]);
    // In the second one classifier of one stage, a network of three layers, with one feature.
    integers(&[1, 1, 1, 3, 1, 1]);
    integers(&floats(&[0.1]));
    // 32 inputs, two hidden values, four outputs; weights and biases.
    integers(&[32, 2]);
    integers(&floats(&[0.5; 66]));
    integers(&[4]);
    integers(&floats(&[0.25; 12]));
    // It reads one list, the first.
    integers(&[1, 0]);
    bytes
}
