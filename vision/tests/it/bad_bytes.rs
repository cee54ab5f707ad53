//! Analyzes bad frames: each gets its error, and the analyzer goes on.

use facefleet_vision::{Analyzer, DetectorKind, Fit, FrameError, Job, Limits, Size, Task, jpeg};

use crate::pictures::{FACE, astronaut, encode, stripes};

const LIMITS: Limits = Limits { max_pixels: 1_000_000 };

fn analyzer() -> Analyzer {
    Analyzer::new(DetectorKind::Rustface, LIMITS).unwrap()
}

/// Returns `jpeg` with other numbers in its frame header: height and width stand 5 bytes after its marker.
fn with_size(mut jpeg: Vec<u8>, width: u16, height: u16) -> Vec<u8> {
    let at = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    jpeg[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

fn png() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    stripes(8, 8).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A kind of [`FrameError`].
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    is_of: fn(&FrameError) -> bool,
}

impl Kind {
    #[track_caller]
    fn assert(self, error: &FrameError, what: impl std::fmt::Debug) {
        assert!((self.is_of)(error), "{what:?} is {error:?}, and not {}", self.name);
    }
}

macro_rules! kind {
    ($variant:ident) => {
        Kind { name: stringify!($variant), is_of: |error| matches!(error, FrameError::$variant { .. }) }
    };
}

/// Returns a frame for every kind of error that bytes alone can bring about.
fn bad_frames() -> Vec<(Kind, Vec<u8>)> {
    let good = encode(&stripes(128, 96));
    let mut lossless = good.clone();
    let at = good.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    lossless[at + 1] = 0xC3;
    let mut short = good.clone();
    let at = good.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    short[at + 3] = 1;
    let mut cut_and_closed = good[..good.len() - 150].to_vec();
    cut_and_closed.extend([0xFF, 0xD9]);
    vec![
        (kind!(Empty), Vec::new()),
        (kind!(NotJpeg), png()),
        (kind!(NotJpeg), b"GIF89a\x01\0\x01\0".to_vec()),
        (kind!(BadHeader), short),
        (kind!(ZeroSize), with_size(good.clone(), 0, 0)),
        (kind!(ZeroSize), with_size(good.clone(), 128, 0)),
        (kind!(TooManyPixels), with_size(good.clone(), 60_000, 60_000)),
        (kind!(Unsupported), lossless),
        (kind!(Truncated), good[..good.len() / 2].to_vec()),
        (kind!(Truncated), good[..good.len() - 3].to_vec()),
        (kind!(Corrupt), cut_and_closed),
        // More rows than there is data for: a decoder that forgives would fill them with grey.
        (kind!(Corrupt), with_size(good, 128, 480)),
    ]
}

#[test]
fn every_bad_frame_gets_its_error_and_the_next_good_one_its_face() {
    let mut analyzer = analyzer();
    let good = encode(&astronaut());
    for (kind, bytes) in bad_frames() {
        for task in [Task::View, Task::Faces, Task::Canny] {
            for picture in [false, true] {
                let job = Job { task, picture, ..Job::default() };
                let error = analyzer.analyze(&bytes, &job).unwrap_err();
                kind.assert(&error, job);
            }
        }
        kind.assert(&jpeg::decode_rgb(&bytes, &LIMITS).unwrap_err(), "a picture");
        let faces = analyzer.analyze(&good, &Job::default()).unwrap().faces;
        assert!((faces[0].x - FACE[0]).abs() < 20.0, "after {}: {faces:?}", kind.name);
    }
}

#[test]
fn messages_say_what_it_is_and_what_to_do() {
    let message = |bytes: &[u8]| jpeg::decode_rgb(bytes, &LIMITS).unwrap_err().to_string();
    let huge = with_size(encode(&stripes(64, 48)), 60_000, 60_000);
    for (got, want) in [
        (message(&png()), "the frame is not a JPEG but a PNG; convert it to JPEG before sending"),
        (
            message(&huge),
            "the JPEG header says 60000x60000, which is over the limit of 1000000 pixels; \
             shrink the picture or raise the limit",
        ),
        (message(b""), "the frame has no bytes; send one whole JPEG a frame"),
    ] {
        assert_eq!(got, want);
    }
}

#[test]
fn a_job_may_not_ask_for_any_size_it_likes() {
    let frame = encode(&stripes(64, 48));
    let stretch = |width, height| Fit::Stretch(Size { width, height });
    for (kind, fit) in [
        (kind!(BadTarget), stretch(0, 400)),
        (kind!(BadTarget), stretch(u32::MAX, u32::MAX)),
        (kind!(BadTarget), stretch(1001, 1000)),
        (kind!(BadTarget), Fit::Within(0)),
        (kind!(Encode), stretch(70_000, 1)),
    ] {
        let error = analyzer().analyze(&frame, &Job { fit, picture: true, ..Job::default() }).unwrap_err();
        kind.assert(&error, fit);
    }
    let long = Job { fit: stretch(70_000, 1), ..Job::default() };
    let error = analyzer().analyze(&frame, &long).unwrap_err();
    assert!(matches!(error, FrameError::BadTarget { .. }), "without a picture, it takes memory all the same: {error}");
}

#[test]
fn no_prefix_of_a_jpeg_is_a_picture_or_a_panic() {
    let mut analyzer = analyzer();
    let good = encode(&stripes(40, 30));
    // What is behind the last block is no part of the picture.
    for length in 0..good.len() - 2 {
        let error = analyzer.analyze(&good[..length], &Job::default()).unwrap_err();
        let want = if length == 0 { kind!(Empty) } else { kind!(Truncated) };
        want.assert(&error, length);
    }
}

#[test]
fn flipped_bytes_are_answered_and_never_panic() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut analyzer = analyzer();
    let good = encode(&stripes(48, 44));
    for _ in 0..2_000 {
        let mut bytes = good.clone();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..bytes.len());
            bytes[at] = random.u8(..);
        }
        let task = *random.choice([Task::View, Task::Faces, Task::Canny].iter()).unwrap();
        // 44 pixels are enough for the detector to have one look.
        let job = Job { task, picture: random.bool(), fit: Fit::Within(48), ..Job::default() };
        match analyzer.analyze(&bytes, &job) {
            // What a library panics on is caught, and is an answer too.
            Ok(_) | Err(FrameError::Panicked { .. }) => {}
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    assert!(analyzer.analyze(&good, &Job::default()).is_ok());
}
