//! Tells Motion JPEG, where pictures follow each other in one file, from a photo with something behind it.

use super::structure::{self, Segments, marker};

/// The first bytes of the segment that lists the pictures of a file in CIPA's Multi-Picture Format.
const MULTI_PICTURE: &[u8] = b"MPF\0";

/// Returns whether `bytes` begin with two JPEGs of one size, one right behind the other, as a file of Motion JPEG does.
///
/// Phones and cameras put a second JPEG behind a photo, too: a gain map, a depth map or the view of another eye. Such a photo is no
/// sequence: either the second picture has another size, or a segment of the Multi-Picture Format lists it.
pub fn is_sequence(bytes: &[u8]) -> bool {
    let Ok(first) = structure::extent(bytes) else { return false };
    let Some(behind) = bytes[first.scan_end..].strip_prefix(&[0xFF, marker::EOI]) else { return false };
    let (this, next) = (structure::header(bytes), structure::header(behind));
    let same_size = matches!((this, next), (Ok(this), Ok(next)) if this.size == next.size);
    same_size && !is_multi_picture(bytes)
}

fn is_multi_picture(bytes: &[u8]) -> bool {
    let Ok(mut segments) = Segments::new(bytes) else { return false };
    let header = std::iter::from_fn(|| segments.next().ok().filter(|segment| segment.marker != marker::SOS));
    header.into_iter().any(|segment| segment.marker == marker::APP2 && segment.body.starts_with(MULTI_PICTURE))
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;
    use crate::jpeg::encode_rgb;

    #[test]
    fn pictures_of_one_size_are_a_sequence_and_a_photo_with_something_behind_it_is_not() {
        let jpeg = |side| encode_rgb(&RgbImage::new(side, 16), 80).unwrap();
        let photo = jpeg(16);
        let listed = [&photo[..2], b"\xFF\xE2\0\x08MPF\0\x01\x02", &photo[2..]].concat();
        for (bytes, want) in [
            ([&photo[..], &photo, &photo].concat(), true),
            ([&photo[..], &photo[..100]].concat(), false),
            (photo.clone(), false),
            ([&photo[..], &jpeg(8)].concat(), false),
            ([&photo[..], b"\0\0\0\x18ftypmp42"].concat(), false),
            ([&listed[..], &photo].concat(), false),
            (photo[..photo.len() / 2].to_vec(), false),
            (Vec::new(), false),
        ] {
            assert_eq!(is_sequence(&bytes), want, "{} bytes", bytes.len());
        }
    }
}
