//! Pictures to test with.

use std::path::Path;

use facefleet_vision::{Limits, jpeg};
use image::{Rgb, RgbImage};

/// Place of the face in `astronaut()`: the square from the hairline to the chin, read off the picture by eye.
pub(crate) const FACE: [f32; 4] = [175.0, 65.0, 100.0, 110.0];

/// Returns the portrait of Eileen Collins by NASA, 512x512, with one face.
pub(crate) fn astronaut() -> RgbImage {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/photos/astronaut.jpg");
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    jpeg::decode_rgb(&bytes, &Limits::default()).unwrap()
}

/// Returns the portrait in a black picture of another size, with its corner at (`left`, `top`).
pub(crate) fn astronaut_in(width: u32, height: u32, left: i64, top: i64) -> RgbImage {
    let mut picture = RgbImage::new(width, height);
    image::imageops::overlay(&mut picture, &astronaut(), left, top);
    picture
}

/// Returns a picture in which no detector finds a face.
pub(crate) fn stripes(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x % 256) as u8, (y % 256) as u8, 128]))
}

pub(crate) fn encode(picture: &RgbImage) -> Vec<u8> {
    jpeg::encode_rgb(picture, 90).unwrap()
}
