//! The measurements behind this crate's choices: `cargo run --release -p facefleet-vision --example measure`.
//!
//! Everything is measured in turns within one run and printed as the shortest time in milliseconds, the one a busy machine
//! disturbs least. `jpeg-decoder` starts threads of its own: bind the run to one core (`taskset -c 0` on Linux) for a
//! fair comparison.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use facefleet_vision::{Analyzer, DetectorKind, Fit, Job, Limits, SEED, Stages, Task, jpeg};
use image::imageops::{FilterType, resize};
use image::{ExtendedColorType, RgbImage};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

const SIZES: [(u32, u32); 5] = [(320, 240), (640, 360), (1280, 720), (1920, 1080), (3840, 2160)];

fn main() {
    let photo = photo();
    println!(
        "| frame | zune luma | zune YCbCr | zune RGB | jpeg-decoder RGB | jpeg-decoder scaled | image encode | jpeg-encode |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (width, height) in SIZES {
        codecs(&mosaic(&photo, width, height));
    }
    println!();
    println!("| frame | job | decode | resize | detect | draw | encode | around the detector |");
    println!("|---|---|---|---|---|---|---|---|");
    for (width, height) in SIZES {
        let frame = jpeg::encode_rgb(&mosaic(&photo, width, height), 90).expect("these sizes can be a JPEG");
        for (name, fit, picture) in [
            ("boxes, within 512", Fit::Within(512), false),
            ("picture, within 512", Fit::Within(512), true),
            ("picture, 500x400", SEED, true),
        ] {
            stages(
                &frame,
                &format!("| {width}x{height} | {name}"),
                Job { task: Task::Faces, fit, picture, min_score: None, min_face: None },
            );
        }
    }
}

fn photo() -> RgbImage {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/photos/astronaut.jpg");
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    jpeg::decode_rgb(&bytes, &Limits::default()).expect("the photo is a JPEG")
}

/// The photo side by side until the frame is full, larger in larger frames, as a camera with more pixels has it.
fn mosaic(photo: &RgbImage, width: u32, height: u32) -> RgbImage {
    let side = (height * 4 / 5).max(200);
    let tile = resize(photo, side, side, FilterType::CatmullRom);
    RgbImage::from_fn(width, height, |x, y| *tile.get_pixel(x % side, y % side))
}

fn codecs(picture: &RgbImage) {
    let (width, height) = picture.dimensions();
    let frame = jpeg::encode_rgb(picture, 90).expect("these sizes can be a JPEG");
    let scaled = Fit::Within(512).target(facefleet_vision::Size { width, height });
    let mut ways: [Way; 7] = [
        Way::new(|| zune(&frame, ColorSpace::Luma)),
        Way::new(|| zune(&frame, ColorSpace::YCbCr)),
        Way::new(|| zune(&frame, ColorSpace::RGB)),
        Way::new(|| jpeg_decoder(&frame, None)),
        Way::new(|| jpeg_decoder(&frame, Some((scaled.width, scaled.height)))),
        Way::new(|| image_encode(picture)),
        Way::new(|| jpeg::encode_rgb(picture, jpeg::QUALITY).map_or(0, |bytes| bytes.len())),
    ];
    for _ in 0..turns(width) {
        for way in &mut ways {
            let start = now();
            black_box((way.run)());
            way.times.push(now() - start);
        }
    }
    print!("| {width}x{height} ({} KB) |", frame.len() / 1000);
    for way in &ways {
        print!(" {:.2} |", best(way.times.iter().copied()));
    }
    println!();
}

/// One of several ways to do the same, and how long it took each time.
struct Way<'a> {
    run: Box<dyn Fn() -> usize + 'a>,
    times: Vec<Duration>,
}

impl<'a> Way<'a> {
    fn new(run: impl Fn() -> usize + 'a) -> Self {
        Way { run: Box::new(run), times: Vec::new() }
    }
}

fn zune(frame: &[u8], colours: ColorSpace) -> usize {
    let options = DecoderOptions::new_fast().jpeg_set_out_colorspace(colours);
    let pixels = JpegDecoder::new_with_options(ZCursor::new(frame), options).decode();
    pixels.expect("a good frame").len()
}

fn jpeg_decoder(frame: &[u8], scale: Option<(u32, u32)>) -> usize {
    let mut decoder = jpeg_decoder::Decoder::new(frame);
    if let Some((width, height)) = scale {
        decoder.scale(width as u16, height as u16).expect("a good frame");
    }
    decoder.decode().expect("a good frame").len()
}

fn image_encode(picture: &RgbImage) -> usize {
    let mut bytes = Vec::new();
    let (width, height) = picture.dimensions();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, jpeg::QUALITY)
        .encode(picture, width, height, ExtendedColorType::Rgb8)
        .expect("these sizes can be a JPEG");
    bytes.len()
}

fn stages(frame: &[u8], name: &str, job: Job) {
    let mut analyzer = Analyzer::new(DetectorKind::default(), Limits::default()).expect("the model is compiled in");
    let runs: Vec<Stages> = (0..15).map(|_| analyzer.analyze(frame, &job).expect("a good frame").stages).collect();
    let of = |stage: fn(&Stages) -> Duration| best(runs.iter().map(stage));
    let detect = of(|s| s.detect);
    let around = [of(|s| s.decode), of(|s| s.resize), of(|s| s.draw), of(|s| s.encode)];
    let share = 100.0 * around.iter().sum::<f64>() / detect;
    let [decode, resize, draw, encode] = around;
    println!("{name} | {decode:.2} | {resize:.2} | {detect:.2} | {draw:.3} | {encode:.2} | {share:.0} % |");
}

fn turns(width: u32) -> usize {
    if width > 2000 { 9 } else { 31 }
}

/// The shortest one, in milliseconds.
fn best(times: impl Iterator<Item = Duration>) -> f64 {
    times.min().map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}
