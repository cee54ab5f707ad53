use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, SamplingFactor};

use super::*;
use crate::job::Limits;
use crate::jpeg::decode_rgb;

/// Returns a picture of smooth colours with fine detail on them.
fn picture(width: u32, height: u32, seed: u64) -> RgbImage {
    let mut random = fastrand::Rng::with_seed(seed);
    RgbImage::from_fn(width, height, |x, y| {
        let wave = |length: f32, at: u32| ((at as f32 / length).sin() * 60.0) as i32;
        let base = [128 + wave(40.0, x), 128 + wave(25.0, y), 120 + wave(60.0, x + y)];
        image::Rgb(base.map(|value| (value + random.i32(-12..=12)).clamp(0, 255) as u8))
    })
}

/// Returns the peak signal-to-noise ratio in decibels.
fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares = a.iter().zip(b).map(|(&a, &b)| f64::from(a.abs_diff(b)).powi(2)).sum::<f64>();
    10.0 * (255.0 * 255.0 * a.len() as f64 / squares.max(1e-9)).log10()
}

fn library(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.encode(picture, picture.width() as u16, picture.height() as u16, ColorType::Rgb).unwrap();
    bytes
}

#[test]
fn as_good_and_as_small_as_the_library_at_every_quality() {
    let picture = picture(256, 192, 1);
    for quality in [1, 10, 30, 50, 75, 85, 90, 95, 100] {
        let (ours, theirs) = (encode_rgb(&picture, quality).unwrap(), library(&picture, quality));
        let quality_of = |bytes: &[u8]| psnr(&decode_rgb(bytes, &Limits::default()).unwrap(), &picture);
        let (our_psnr, their_psnr) = (quality_of(&ours), quality_of(&theirs));
        println!("{quality}: {our_psnr:.2} dB in {} bytes, {their_psnr:.2} in {}", ours.len(), theirs.len());
        assert!(our_psnr > their_psnr - 0.3, "quality {quality}: {our_psnr} dB, theirs {their_psnr}");
        assert!(ours.len() * 100 <= theirs.len() * 105, "quality {quality}: {} bytes, {}", ours.len(), theirs.len());
    }
}

#[test]
fn every_size_is_read_by_other_decoders() {
    for (width, height) in (1..40).zip((1..40).rev()).chain([(1, 1), (16, 16), (17, 33), (64, 8), (500, 400)]) {
        let picture = picture(width, height, u64::from(width));
        let bytes = encode_rgb(&picture, 95).unwrap();
        let back = image::load_from_memory(&bytes).unwrap().into_rgb8();
        assert_eq!(back.dimensions(), (width, height));
        let quality = psnr(&back, &picture);
        assert!(quality > 25.0, "{width}x{height}: {quality} dB");
        let strict = decode_rgb(&bytes, &Limits::default()).unwrap();
        assert!(psnr(&strict, &back) > 35.0, "{width}x{height}");
    }
}

#[test]
fn grey_pictures_have_one_component() {
    for (width, height) in (1..40).zip((1..40).rev()).chain([(8, 8), (16, 9), (24, 24), (200, 100)]) {
        let size = Size { width, height };
        let pixels: Vec<u8> = picture(width, height, 3).pixels().map(|pixel| pixel[0]).collect();
        let mut bytes = Vec::new();
        let grey = Raster { size, pixels };
        Encoder::new(Kernels::best(), 90).encode_luma(&grey, &mut bytes).unwrap();
        assert_eq!(crate::jpeg::header(&bytes).unwrap().components, 1);
        let back = image::load_from_memory(&bytes).unwrap().into_luma8();
        assert!(psnr(&back, &grey.pixels) > 30.0, "{size}");
    }
}

#[test]
fn every_table_of_kernels_writes_the_same_bytes() {
    for (width, height, quality) in [(33, 47, 1), (64, 64, 50), (100, 75, 85), (17, 200, 100)] {
        let size = Size { width, height };
        let picture = planes(&picture(width, height, 5), size);
        let encode = |kernels| {
            let mut bytes = Vec::new();
            Encoder::new(kernels, quality).encode_planes(&picture, &mut bytes).unwrap();
            bytes
        };
        for kernels in Kernels::supported() {
            assert_eq!(encode(kernels), encode(Kernels::scalar()), "{} {size} {quality}", kernels.name());
        }
    }
}

#[test]
fn noise_and_extremes_stay_inside_the_code_tables() {
    let mut random = fastrand::Rng::with_seed(9);
    let noise = RgbImage::from_fn(97, 61, |_, _| image::Rgb([0; 3].map(|_: u8| if random.bool() { 255 } else { 0 })));
    let checks = RgbImage::from_fn(96, 64, |x, y| image::Rgb([if (x / 8 + y / 8) % 2 == 0 { 255 } else { 0 }; 3]));
    for picture in [noise, checks] {
        let bytes = encode_rgb(&picture, 100).unwrap();
        assert!(psnr(&decode_rgb(&bytes, &Limits::default()).unwrap(), &picture) > 5.0);
    }
}

#[test]
fn an_encoder_is_used_again_for_another_size() {
    let mut encoder = Encoder::new(Kernels::best(), QUALITY);
    let mut bytes = Vec::new();
    for (width, height) in [(100, 80), (30, 200), (7, 7), (100, 80)] {
        let size = Size { width, height };
        let rgb = picture(width, height, 2);
        encoder.encode_planes(&planes(&rgb, size), &mut bytes).unwrap();
        assert_eq!(bytes, encode_rgb(&rgb, QUALITY).unwrap(), "{size}");
    }
}

#[test]
fn sides_that_do_not_fit_are_refused() {
    for (width, height) in [(0, 0), (0, 5), (65_536, 1)] {
        let error = encode_rgb(&RgbImage::new(width, height), QUALITY).unwrap_err();
        assert!(error.to_string().contains(&format!("{width}x{height}")), "{error}");
    }
    assert!(encode_rgb(&RgbImage::new(65_535, 1), QUALITY).is_ok());
}
