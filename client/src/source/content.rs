//! What a file holds, by its bytes and not by its name.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use facefleet_vision::jpeg;
use image::ImageFormat::{Bmp, Jpeg, Png, WebP};
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;

/// What a file holds, as far as its first bytes show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// One still picture.
    Picture,
    /// A WebP with several pictures, of which only the first is read: ffmpeg 5.1 does not read animated WebP.
    Animated,
    /// A video in one of the usual containers. A GIF and an animated PNG are videos: ffmpeg reads them.
    Video,
    /// Something else. ffmpeg may read it all the same.
    Other,
}

/// The number of bytes by which a format is recognised: MPEG-TS shows only with its second packet.
const SIGNATURE_BYTES: u64 = 200;
/// The length of a packet of MPEG-TS, and the byte with which it begins.
const TS_PACKET: usize = 188;
const TS_SYNC: u8 = 0x47;
/// How much of a JPEG is read to see whether another follows it: more than any frame of Motion JPEG takes.
const MOST_LOOKED_AT: u64 = 64 << 20;

impl Content {
    /// Looks at the start of a file. Motion JPEG begins as a photo does, so it counts as a picture here.
    pub(super) fn of(path: &Path) -> io::Result<Content> {
        let mut file = BufReader::new(File::open(path)?);
        let mut start = Vec::new();
        file.by_ref().take(SIGNATURE_BYTES).read_to_end(&mut start)?;
        file.rewind()?;
        // A damaged header counts as that of a still picture: whoever decodes the picture says what is wrong with it.
        Ok(match image::guess_format(&start) {
            Ok(Png) if PngDecoder::new(&mut file).and_then(|png| png.is_apng()).unwrap_or(false) => Content::Video,
            Ok(WebP) if WebPDecoder::new(&mut file).is_ok_and(|webp| webp.has_animation()) => Content::Animated,
            Ok(Jpeg | Png | Bmp | WebP) => Content::Picture,
            _ if is_video(&start) => Content::Video,
            _ => Content::Other,
        })
    }
}

/// Returns whether a file begins as a usual container of video does.
fn is_video(start: &[u8]) -> bool {
    const SIGNATURES: [&[u8]; 8] = [
        b"\x1A\x45\xDF\xA3",
        b"GIF8",
        b"FLV\x01",
        b"OggS",
        b"\x00\x00\x01\xBA",
        b"\x00\x00\x01\xB3",
        b"\x30\x26\xB2\x75\x8E\x66\xCF\x11",
        b"\x06\x0E\x2B\x34\x02\x05\x01\x01",
    ];
    let (first, kind, brand) = (start.get(..4), start.get(4..8), start.get(8..12));
    SIGNATURES.iter().any(|signature| start.starts_with(signature))
        // ISO base media and QuickTime; pictures have the same container with a brand of their own.
        || kind == Some(b"ftyp") && !matches!(brand, Some(b"heic" | b"heix" | b"mif1" | b"avif"))
        || matches!(kind, Some(b"moov" | b"mdat" | b"wide"))
        || first == Some(b"RIFF") && brand == Some(b"AVI ")
        // The packets of a camcorder have four bytes before them. The byte alone is the letter G, with which many texts begin.
        || is_ts(start, TS_PACKET)
        || start.get(4..).is_some_and(|start| is_ts(start, TS_PACKET + 4))
}

/// Returns whether two packets of MPEG-TS begin `step` bytes apart.
fn is_ts(start: &[u8], step: usize) -> bool {
    start.first() == Some(&TS_SYNC) && start.get(step) == Some(&TS_SYNC)
}

/// Returns whether a file is named like Motion JPEG, whose pictures may change their size.
pub(super) fn is_named_as_motion_jpeg(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ["mjpeg", "mjpg"].iter().any(|mjpeg| ending.eq_ignore_ascii_case(mjpeg)))
}

/// Returns whether a file is named like a photo. Such files are not searched for a second JPEG, because that means reading all of each, and
/// a folder may hold many photos.
pub(super) fn is_named_as_photo(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ["jpg", "jpeg"].iter().any(|jpeg| ending.eq_ignore_ascii_case(jpeg)))
}

/// Returns whether a file is Motion JPEG: JPEGs of one size, one behind the other.
pub(super) fn is_motion_jpeg(path: &Path) -> io::Result<bool> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_LOOKED_AT).read_to_end(&mut bytes)?;
    Ok(jpeg::is_sequence(&bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Cursor;

    use image::{ImageFormat, RgbImage};

    use super::*;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        RgbImage::new(16, 16).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// Returns a PNG that says before its pixels that it is animated, as the extension of the format asks. Its one picture is the
    /// whole animation.
    fn apng() -> Vec<u8> {
        let mut png = encoded(Png);
        let animation = b"\0\0\0\x08acTL\0\0\0\x01\0\0\0\0\xB4\x2D\xE9\xA0";
        // The signature has 8 bytes, and the chunk IHDR has 25.
        png.splice(33..33, animation.iter().copied());
        png
    }

    /// Returns a WebP whose extended header has the flag of an animation, and one frame.
    fn animated_webp() -> Vec<u8> {
        let still = encoded(WebP);
        let chunk = |name: &[u8], body: &[u8]| [name, &(body.len() as u32).to_le_bytes(), body].concat();
        // Place (0, 0), size less one, 100 ms, no flags; then the picture's own chunk.
        let frame = [&[0, 0, 0, 0, 0, 0, 15, 0, 0, 15, 0, 0, 100, 0, 0, 0], &still[12..]].concat();
        let chunks =
            [chunk(b"VP8X", &[0x02, 0, 0, 0, 15, 0, 0, 15, 0, 0]), chunk(b"ANIM", &[0; 6]), chunk(b"ANMF", &frame)];
        chunk(b"RIFF", &[&b"WEBP"[..], &chunks.concat()].concat())
    }

    #[test]
    fn the_bytes_decide_whatever_the_name_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gif");
        for (bytes, want) in [
            (encoded(Jpeg), Content::Picture),
            (encoded(Png), Content::Picture),
            (encoded(Bmp), Content::Picture),
            (encoded(WebP), Content::Picture),
            (b"\x89PNG\r\n\x1A\n and nothing more".to_vec(), Content::Picture),
            (apng(), Content::Video),
            (animated_webp(), Content::Animated),
            (b"GIF89a".to_vec(), Content::Video),
            (b"\0\0\0\x18ftypmp42".to_vec(), Content::Video),
            (b"\0\0\0\x18ftypheic".to_vec(), Content::Other),
            (b"\x1A\x45\xDF\xA3....".to_vec(), Content::Video),
            (b"RIFF....AVI LIST".to_vec(), Content::Video),
            (b"II*\0".to_vec(), Content::Other),
            (b"hello".to_vec(), Content::Other),
            (b"Group photo of the ninth of May".repeat(9), Content::Other),
            ([&b"\x47\x40\x11\x10"[..], &[0xFF; 184]].concat().repeat(2), Content::Video),
            ([&b"\0\0\0\0\x47\x40\x11\x10"[..], &[0xFF; 184]].concat().repeat(2), Content::Video),
            (Vec::new(), Content::Other),
        ] {
            fs::write(&path, &bytes).unwrap();
            assert_eq!(Content::of(&path).unwrap(), want, "{:?}", &bytes[..bytes.len().min(40)]);
        }
    }

    #[test]
    fn motion_jpeg_is_told_from_a_photo() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        let jpeg = encoded(Jpeg);
        fs::write(&path, &jpeg).unwrap();
        assert!(!is_motion_jpeg(&path).unwrap());
        fs::write(&path, jpeg.repeat(3)).unwrap();
        assert!(is_motion_jpeg(&path).unwrap());
    }
}
