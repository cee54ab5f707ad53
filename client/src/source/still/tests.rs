use std::fs;

use image::Rgb;

use super::*;

/// Returns a picture with a red left half.
fn red_left(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([200, 30, 30]) } else { Rgb([90, 90, 90]) })
}

fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Puts an EXIF segment with an orientation into a JPEG.
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    // Big-endian TIFF; one entry: tag 0x112, a short, one of them, the value; no further directory.
    let tiff = [&b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..], &[orientation], &[0; 6]].concat();
    let length = 2 + 6 + tiff.len() as u8;
    [&jpeg[..2], &[0xFF, 0xE1, 0, length], b"Exif\0\0", &tiff, &jpeg[2..]].concat()
}

struct Read {
    ready: Result<Ready, Unreadable>,
    upright: Result<Upright, Unreadable>,
}

fn read(bytes: &[u8], send_size: Option<u32>) -> Read {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    Read { ready: ready(file.path(), send_size, &mut shrinker()), upright: upright(file.path()) }
}

#[test]
fn an_upright_jpeg_that_is_small_enough_is_sent_byte_for_byte() {
    let jpeg = encoded(&red_left(64, 48), ImageFormat::Jpeg);
    for bytes in [jpeg.clone(), with_orientation(&jpeg, 1), b"\xFF\xD8\xFF\xE0 and so on".to_vec()] {
        for send_size in [None, Some(64)] {
            let Ready { jpeg, size, scale } = read(&bytes, send_size).ready.unwrap();
            assert_eq!((jpeg, size, scale), (bytes.clone().into(), None, Scale::ONE));
        }
    }
}

#[test]
fn a_turned_photo_is_upright_in_what_is_sent_and_in_what_is_drawn_on() {
    let jpeg = with_orientation(&encoded(&red_left(64, 48), ImageFormat::Jpeg), 6);
    let Read { ready, upright } = read(&jpeg, None);
    let Ready { jpeg, size, scale } = ready.unwrap();
    assert_eq!((size, scale), (Some((48, 64)), Scale::ONE));
    for picture in [jpeg::decode_rgb(&jpeg, &LIMITS).unwrap(), upright.unwrap().pixels] {
        assert_eq!(picture.dimensions(), (48, 64));
        let red = |y| picture.get_pixel(24, y).0[0].abs_diff(200) < 20;
        assert!(red(8) && !red(56), "turned by a quarter to the right, left is above");
    }
}

#[test]
fn large_pictures_are_shrunk_and_keep_their_size_for_boxes() {
    let large = red_left(300, 200);
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP] {
        let Read { ready, upright } = read(&encoded(&large, format), Some(60));
        let Ready { jpeg, size, scale } = ready.unwrap();
        assert_eq!((size, scale), (Some((300, 200)), Scale { across: 5.0, down: 5.0 }), "{format:?}");
        assert_eq!(jpeg::header(&jpeg).unwrap().size, Size { width: 60, height: 40 });
        assert_eq!(upright.unwrap().pixels.dimensions(), (300, 200));
    }
}

#[test]
fn a_jpeg_that_no_message_holds_is_encoded_again() {
    // Phones put videos of many megabytes behind a photo.
    let mut jpeg = encoded(&red_left(64, 48), ImageFormat::Jpeg);
    jpeg.resize(MOST_FRAME_BYTES + 1, 0);
    let ready = read(&jpeg, None).ready.unwrap();
    assert_eq!((ready.size, ready.scale), (Some((64, 48)), Scale::ONE));
    assert!(ready.jpeg.len() < 10_000);
}

#[test]
fn a_jpeg_that_comes_out_too_large_is_tried_smaller() {
    let mut sides = Vec::new();
    let shrunk = |fit: Fit| -> Result<Shrunk, FrameError> {
        let source = Size { width: 4000, height: 2000 };
        let size = fit.target(source);
        sides.push(size.width);
        Ok(Shrunk { jpeg: vec![0; size.pixels() as usize * 4], size, source })
    };
    let ready = shrunk_to(4000, shrunk).unwrap();
    assert_eq!(sides, [4000, 3000, 2250]);
    assert_eq!(ready.size, Some((4000, 2000)));
}

#[test]
fn no_worker_gets_more_pixels_than_it_takes() {
    let size = |width, height| Size { width, height };
    for (source, send_size, want) in [
        (size(8064, 6048), None, 7296),
        (size(8064, 6048), Some(512), 512),
        (size(65_535, 700), None, 61145),
        (size(200_000, 3), None, 65_535),
        (size(640, 360), None, 640),
        (size(640, 360), Some(1000), 640),
    ] {
        let most = most_side(source, send_size);
        assert_eq!(most, want, "{source}");
        assert!(Fit::Within(most).target(source).pixels() <= MOST_SENT_PIXELS);
    }
}

#[test]
fn what_is_too_large_or_damaged_is_said_to_be_so() {
    let mut huge = encoded(&red_left(64, 48), ImageFormat::Jpeg);
    let frame = huge.windows(4).position(|bytes| bytes == [0xFF, 0xC0, 0, 17]).unwrap();
    huge[frame + 5..frame + 9].copy_from_slice(&[0x75, 0x30, 0x75, 0x30]);
    let png = encoded(&red_left(64, 48), ImageFormat::Png);
    for (bytes, want) in [
        (&huge[..], "its 30000x30000 pixels are too many: at most 250 million"),
        (&png[..png.len() / 2], ""),
        (b"words", "not a picture of a known format"),
        (b"GIF89a", "not a picture of a known format"),
    ] {
        let Read { ready, upright } = read(bytes, Some(32));
        for Unreadable(why) in [ready.unwrap_err(), upright.unwrap_err()] {
            assert!(why.contains(want), "{why}");
        }
    }
}

#[test]
fn a_panic_costs_one_picture() {
    let error = guarded(|| -> Result<(), _> { panic!("hostile bytes") }).unwrap_err();
    assert!(error.0.contains("panicked"), "{error:?}");
}
