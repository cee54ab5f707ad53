//! JPEG decoders and encoders side by side, ours and the libraries', at the sizes of cameras.

use std::fs;
use std::hint::black_box;
use std::time::Duration;

use facefleet_e2e::asset;
use facefleet_service::clock;
use facefleet_vision::{Analyzer, DetectorKind, Fit, Job, Limits, Size, Task, jpeg};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{ExtendedColorType, RgbImage};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::Error;
use crate::times::median_ms;

const SIZES: [Size; 5] = [
    Size { width: 320, height: 240 },
    Size { width: 640, height: 360 },
    Size { width: 1280, height: 720 },
    Size { width: 1920, height: 1080 },
    Size { width: 3840, height: 2160 },
];

/// Quality of the JPEGs that are decoded, which is what cameras use.
const QUALITY: u8 = 90;

/// Names of what is measured, in the order of [`Codecs::ms`].
pub(super) const NAMES: [&str; 9] = [
    "decode luma, zune-jpeg",
    "decode luma, ours",
    "decode, zune-jpeg",
    "decode, ours",
    "decode, jpeg-decoder",
    "decode to 512, jpeg-decoder",
    "encode, image (4:4:4)",
    "encode, jpeg-encoder",
    "encode, ours",
];

/// The times of decoders and encoders for a picture of one size.
pub(super) struct Codecs {
    pub(super) size: Size,
    /// Medians in milliseconds.
    pub(super) ms: [f64; NAMES.len()],
}

/// Measures at every size.
///
/// # Errors
/// [`Error::File`] and [`Error::Frame`] when the photograph of the checkout cannot be read.
pub(super) fn measure() -> Result<Vec<Codecs>, Error> {
    let path = asset("photos/astronaut.jpg");
    let photo = jpeg::decode_rgb(&fs::read(&path).map_err(Error::file(&path))?, &Limits::default())?;
    SIZES.iter().map(|&size| at(size, &photo)).collect()
}

fn at(size: Size, photo: &RgbImage) -> Result<Codecs, Error> {
    let turns = if size.width > 2000 { 9 } else { 31 };
    eprintln!("JPEG of {size}: {turns} turns");
    let picture = mosaic(photo, size);
    let frame = jpeg::encode_rgb(&picture, QUALITY).expect("these sizes can be a JPEG");
    let small = Fit::Within(512).target(size);
    // Only a picture that goes back has all its planes decoded. What else that job does is not part of the stage.
    let view = Job { task: Task::View, ..Job::default() };
    let all = Job { fit: Fit::Within(8), picture: true, ..Job::default() };
    let analyzer = || Analyzer::new(DetectorKind::default(), Limits::default());
    let (mut luma, mut planes) = (analyzer()?, analyzer()?);
    let mut ways: [Box<dyn FnMut() -> Duration + '_>; NAMES.len()] = [
        Box::new(|| timed(|| zune(&frame, ColorSpace::Luma))),
        Box::new(|| decode_stage(&mut luma, &frame, &view)),
        Box::new(|| timed(|| zune(&frame, ColorSpace::YCbCr))),
        Box::new(|| decode_stage(&mut planes, &frame, &all)),
        Box::new(|| timed(|| jpeg_decoder(&frame, None))),
        Box::new(|| timed(|| jpeg_decoder(&frame, Some(small)))),
        Box::new(|| timed(|| image_encode(&picture))),
        Box::new(|| timed(|| jpeg_encode(&picture))),
        Box::new(|| timed(|| jpeg::encode_rgb(&picture, jpeg::QUALITY).map_or(0, |bytes| bytes.len()))),
    ];
    let mut times = [const { Vec::new() }; NAMES.len()];
    for _ in 0..turns {
        for (way, times) in ways.iter_mut().zip(&mut times) {
            times.push(way());
        }
    }
    Ok(Codecs { size, ms: times.map(median_ms) })
}

/// Puts the photograph side by side until the frame is full. It is larger in larger frames, as a camera with more pixels has
/// it.
fn mosaic(photo: &RgbImage, Size { width, height }: Size) -> RgbImage {
    let side = (height * 4 / 5).max(200);
    let tile = imageops::resize(photo, side, side, FilterType::CatmullRom);
    RgbImage::from_fn(width, height, |x, y| *tile.get_pixel(x % side, y % side))
}

fn timed(run: impl FnOnce() -> usize) -> Duration {
    let start = clock::now();
    black_box(run());
    clock::now() - start
}

fn decode_stage(analyzer: &mut Analyzer, frame: &[u8], job: &Job) -> Duration {
    analyzer.analyze(frame, job).expect("our own JPEG is a good one").stages.decode
}

fn zune(frame: &[u8], colours: ColorSpace) -> usize {
    let options = DecoderOptions::new_fast().jpeg_set_out_colorspace(colours);
    let pixels = JpegDecoder::new_with_options(ZCursor::new(frame), options).decode();
    pixels.expect("our own JPEG is a good one").len()
}

/// Decodes at the frame's own size, or at the smallest size not below `least` that takes fewer coefficients.
fn jpeg_decoder(frame: &[u8], least: Option<Size>) -> usize {
    let mut decoder = jpeg_decoder::Decoder::new(frame);
    if let Some(Size { width, height }) = least {
        decoder.scale(width as u16, height as u16).expect("our own JPEG is a good one");
    }
    decoder.decode().expect("our own JPEG is a good one").len()
}

fn jpeg_encode(picture: &RgbImage) -> usize {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, jpeg::QUALITY);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    let (width, height) = picture.dimensions();
    encoder.encode(picture, width as u16, height as u16, ColorType::Rgb).expect("these sizes can be a JPEG");
    bytes.len()
}

fn image_encode(picture: &RgbImage) -> usize {
    let mut bytes = Vec::new();
    let (width, height) = picture.dimensions();
    JpegEncoder::new_with_quality(&mut bytes, jpeg::QUALITY)
        .encode(picture, width, height, ExtendedColorType::Rgb8)
        .expect("these sizes can be a JPEG");
    bytes.len()
}
