//! Colour profiles (ICC) in JPEGs.

/// What the segments of a profile begin with (ICC.1, annex B.4).
const NAME: &[u8] = b"ICC_PROFILE\0";
/// The most bytes of a profile in one segment: a segment has 65,533 bytes, of which the name and two numbers are the first.
const MOST_BYTES: usize = 65_533 - NAME.len() - 2;

/// Puts a colour profile into a JPEG that begins with a JFIF segment. One that is too long for the 255 segments that are counted in a
/// byte is left out.
pub(super) fn insert(profile: &[u8], jpeg: &mut Vec<u8>) {
    let chunks = profile.chunks(MOST_BYTES);
    let Ok(count) = u8::try_from(chunks.len()) else { return };
    let segments = (1..=u8::MAX).zip(chunks).flat_map(|(number, chunk)| {
        let length = (2 + NAME.len() + 2 + chunk.len()) as u16;
        [&[0xFF, 0xE2][..], &length.to_be_bytes(), NAME, &[number, count], chunk].concat()
    });
    // The start marker has two bytes; then comes the JFIF segment, with its marker and its length.
    let after_jfif = 4 + usize::from(u16::from_be_bytes([jpeg[4], jpeg[5]]));
    jpeg.splice(after_jfif..after_jfif, segments.collect::<Vec<u8>>());
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use facefleet_vision::jpeg;
    use image::codecs::jpeg::JpegDecoder;
    use image::{ImageDecoder, RgbImage};

    use super::*;

    #[test]
    fn a_profile_of_any_length_comes_out_as_it_went_in() {
        for length in [1, 500, MOST_BYTES, MOST_BYTES + 1, 200_000] {
            let profile: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let mut jpeg = jpeg::encode_rgb(&RgbImage::new(16, 8), 90).unwrap();
            insert(&profile, &mut jpeg);
            let mut decoder = JpegDecoder::new(Cursor::new(&jpeg)).unwrap();
            assert!(decoder.icc_profile().unwrap() == Some(profile), "{length} bytes");
            assert_eq!(decoder.dimensions(), (16, 8));
        }
        let mut jpeg = jpeg::encode_rgb(&RgbImage::new(16, 8), 90).unwrap();
        let before = jpeg.clone();
        insert(&vec![0; 255 * MOST_BYTES + 1], &mut jpeg);
        assert_eq!(jpeg, before);
    }
}
