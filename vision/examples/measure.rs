//! The measurements behind this crate's choices: `cargo run --release -p facefleet-vision --example measure`.
//!
//! Everything is measured in turns within one run and printed as the shortest time in milliseconds, the one a busy machine
//! disturbs least. `jpeg-decoder` starts threads of its own: bind the run to one core (`taskset -c 0` on Linux) for a
//! fair comparison.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use facefleet_vision::{Analyzer, DetectorKind, Fit, Job, Limits, Stages, Task, jpeg};
use image::imageops::{FilterType, resize};
use image::{ExtendedColorType, RgbImage};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, SamplingFactor};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

const SIZES: [(u32, u32); 5] = [(320, 240), (640, 360), (1280, 720), (1920, 1080), (3840, 2160)];

fn main() {
    let photo = photo();
    println!("Decoding: brightness alone, then all.\n");
    println!("| frame | zune-jpeg luma | ours luma | zune-jpeg | ours | jpeg-decoder | jpeg-decoder scaled |");
    println!("|---|---|---|---|---|---|---|");
    for (width, height) in SIZES {
        decoders(&mosaic(&photo, width, height));
    }
    println!("\nEncoding red, green and blue, 4:2:0, quality {}.\n", jpeg::QUALITY);
    println!("| frame | image (4:4:4) | jpeg-encoder | ours |");
    println!("|---|---|---|---|");
    for (width, height) in SIZES {
        encoders(&mosaic(&photo, width, height));
    }
    println!("\nWhole frames.\n");
    println!("| frame | job | decode | resize | detect | draw | encode | around the detector |");
    println!("|---|---|---|---|---|---|---|---|");
    for (width, height) in SIZES {
        let frame = jpeg::encode_rgb(&mosaic(&photo, width, height), 90).expect("these sizes can be a JPEG");
        for (name, fit, picture) in [
            ("boxes, 500x400", Fit::LEGACY, false),
            ("boxes, within 512", Fit::Within(512), false),
            ("picture, within 512", Fit::Within(512), true),
            ("picture, 500x400", Fit::LEGACY, true),
        ] {
            let job = Job { fit, picture, ..Job::default() };
            let [decode, resize, detect, draw, encode] = stages(&frame, job);
            let share = 100.0 * (decode + resize + draw + encode) / detect;
            println!(
                "| {width}x{height} | {name} | {decode:.2} | {resize:.2} | {detect:.2} | {draw:.3} | {encode:.2} | {share:.0} % |"
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

fn decoders(picture: &RgbImage) {
    let (width, height) = picture.dimensions();
    let frame = jpeg::encode_rgb(picture, 90).expect("these sizes can be a JPEG");
    let scaled = Fit::Within(512).target(facefleet_vision::Size { width, height });
    let view = Job { task: Task::View, ..Job::default() };
    // All three planes are decoded for a picture. The rest of that job is cheap at this size, and not counted.
    let picture = Job { fit: Fit::Within(8), picture: true, ..Job::default() };
    let (mut luma, mut planes) = (analyzer(), analyzer());
    let mut ways = [
        Way::new(|| timed(|| zune(&frame, ColorSpace::Luma))),
        Way::new(|| decode_stage(&mut luma, &frame, &view)),
        Way::new(|| timed(|| zune(&frame, ColorSpace::YCbCr))),
        Way::new(|| decode_stage(&mut planes, &frame, &picture)),
        Way::new(|| timed(|| jpeg_decoder(&frame, None))),
        Way::new(|| timed(|| jpeg_decoder(&frame, Some((scaled.width, scaled.height))))),
    ];
    measure(&mut ways, turns(width));
    print_row(&format!("{width}x{height} ({} KB)", frame.len() / 1000), &ways);
}

fn encoders(picture: &RgbImage) {
    let (width, height) = picture.dimensions();
    let mut ways = [
        Way::new(|| timed(|| image_encode(picture))),
        Way::new(|| timed(|| jpeg_encode(picture))),
        Way::new(|| timed(|| jpeg::encode_rgb(picture, jpeg::QUALITY).map_or(0, |bytes| bytes.len()))),
    ];
    measure(&mut ways, turns(width));
    print_row(&format!("{width}x{height}"), &ways);
}

/// One of several ways to do the same, and how long it took each time.
struct Way<'a> {
    run: Box<dyn FnMut() -> Duration + 'a>,
    times: Vec<Duration>,
}

impl<'a> Way<'a> {
    fn new(run: impl FnMut() -> Duration + 'a) -> Self {
        Way { run: Box::new(run), times: Vec::new() }
    }
}

fn measure(ways: &mut [Way<'_>], turns: usize) {
    for _ in 0..turns {
        for way in &mut *ways {
            way.times.push((way.run)());
        }
    }
}

fn print_row(name: &str, ways: &[Way<'_>]) {
    print!("| {name} |");
    for way in ways {
        print!(" {:.2} |", best(way.times.iter().copied()));
    }
    println!();
}

fn timed<T>(run: impl FnOnce() -> T) -> Duration {
    let start = now();
    black_box(run());
    now() - start
}

fn analyzer() -> Analyzer {
    Analyzer::new(DetectorKind::default(), Limits::default()).expect("the model is compiled in")
}

fn decode_stage(analyzer: &mut Analyzer, frame: &[u8], job: &Job) -> Duration {
    analyzer.analyze(frame, job).expect("a good frame").stages.decode
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

fn jpeg_encode(picture: &RgbImage) -> usize {
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, jpeg::QUALITY);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    let (width, height) = picture.dimensions();
    encoder.encode(picture, width as u16, height as u16, ColorType::Rgb).expect("these sizes can be a JPEG");
    bytes.len()
}

fn image_encode(picture: &RgbImage) -> usize {
    let mut bytes = Vec::new();
    let (width, height) = picture.dimensions();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, jpeg::QUALITY)
        .encode(picture, width, height, ExtendedColorType::Rgb8)
        .expect("these sizes can be a JPEG");
    bytes.len()
}

/// Milliseconds of each stage.
fn stages(frame: &[u8], job: Job) -> [f64; 5] {
    let mut analyzer = analyzer();
    let runs: Vec<Stages> = (0..31).map(|_| analyzer.analyze(frame, &job).expect("a good frame").stages).collect();
    let of = |stage: fn(&Stages) -> Duration| best(runs.iter().map(stage));
    [of(|s| s.decode), of(|s| s.resize), of(|s| s.detect), of(|s| s.draw), of(|s| s.encode)]
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
