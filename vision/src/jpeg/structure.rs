//! Reads the marker segments of a JPEG (ITU-T T.81, annex B), and checks whether the bytes are all there.

use crate::error::FrameError;
use crate::geometry::Size;

/// The facts that a JPEG's header gives before the first pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Picture size in pixels. Both sides are at least 1.
    pub size: Size,
    /// 1 for grey, 3 for colour, 4 for the CMYK family.
    pub components: u8,
    /// Whether the picture comes in several passes over the whole of it (progressive).
    pub progressive: bool,
    /// Whether the components are named R, G and B.
    pub(super) named_rgb: bool,
}

impl Header {
    /// Returns whether the components are red, green and blue. Adobe's marker is believed more than the names of the components.
    pub(super) fn is_rgb(&self, extent: Extent) -> bool {
        self.components == 3 && extent.adobe.map_or(self.named_rgb, |transform| transform == 0)
    }
}

/// Reads the header of a JPEG: the cheap first look, before anything is decoded or allocated.
///
/// # Errors
/// `Empty`, `NotJpeg`, `BadHeader`, `ZeroSize`, `Unsupported`, or `Truncated` when the bytes end before the frame header.
pub fn header(bytes: &[u8]) -> Result<Header, FrameError> {
    Segments::new(bytes)?.frame_header()
}

/// Most scans that are decoded. Each scan costs a pass over the whole picture, however few bytes it has, so a hostile sender
/// could multiply the work with their number. Encoders write about ten.
const MAX_SCANS: usize = 100;

/// The end of the picture data of a complete JPEG, and what the way to it has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Offset just past the last entropy-coded byte.
    pub(super) scan_end: usize,
    /// Offset just past the end-of-image marker. What comes after is not part of the picture.
    pub(super) end: usize,
    /// Number of scans, at least 1.
    pub(super) scans: usize,
    /// The transform in Adobe's marker, if there is a marker (T.872, 6.5.3): 0 for none (red, green and blue, or inks), 1 for
    /// brightness and colour differences, 2 for these and black.
    pub(super) adobe: Option<u8>,
}

/// Finds the end of a JPEG whose header has been read and accepted.
///
/// # Errors
/// `Truncated` when there is no end-of-image marker, `BadHeader` when a segment breaks the rules, `Unsupported` above
/// [`MAX_SCANS`].
pub(super) fn extent(bytes: &[u8]) -> Result<Extent, FrameError> {
    let mut segments = Segments::new(bytes)?;
    segments.frame_header()?;
    let mut scans = 0;
    let mut scan_end = 0;
    loop {
        let segment = segments.next()?;
        match segment.marker {
            marker::SOS if scans == MAX_SCANS => {
                return Err(FrameError::Unsupported { feature: "more than 100 scans" });
            }
            marker::SOS => {
                scan_end = segments.skip_scan()?;
                scans += 1;
            }
            marker::EOI if scans == 0 => {
                return Err(segment.bad("the picture ends before it begins"));
            }
            marker::EOI => {
                return Ok(Extent { scan_end, end: segments.position, scans, adobe: segments.adobe });
            }
            code if marker::is_frame(code) => return Err(segment.bad("a second frame header")),
            _ => {}
        }
    }
}

/// Yields the end of the entropy-coded data of each scan, in a JPEG whose [`extent`] was found.
pub(super) fn scan_ends(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let mut segments = Segments::new(bytes).ok();
    std::iter::from_fn(move || {
        let segments = segments.as_mut()?;
        loop {
            match segments.next().ok()?.marker {
                marker::SOS => return segments.skip_scan().ok(),
                marker::EOI => return None,
                _ => {}
            }
        }
    })
}

/// Second bytes of markers; the first is always 0xFF (T.81, table B.1).
pub(super) mod marker {
    pub(in crate::jpeg) const SOF0: u8 = 0xC0;
    pub(in crate::jpeg) const SOF1: u8 = 0xC1;
    pub(in crate::jpeg) const DHT: u8 = 0xC4;
    pub(in crate::jpeg) const SOI: u8 = 0xD8;
    pub(in crate::jpeg) const EOI: u8 = 0xD9;
    pub(in crate::jpeg) const SOS: u8 = 0xDA;
    pub(in crate::jpeg) const DQT: u8 = 0xDB;
    pub(in crate::jpeg) const DRI: u8 = 0xDD;
    pub(in crate::jpeg) const APP14: u8 = 0xEE;

    /// Returns whether a marker is one of SOF0 to SOF15. Three codes in that range mean something else: DHT, JPG and DAC.
    pub(in crate::jpeg) fn is_frame(code: u8) -> bool {
        matches!(code, 0xC0..=0xCF) && !matches!(code, 0xC4 | 0xC8 | 0xCC)
    }

    /// Returns whether a marker is a restart marker, which stands inside a scan.
    pub(super) fn is_restart(code: u8) -> bool {
        matches!(code, 0xD0..=0xD7)
    }
}

/// A marker with its segment.
pub(super) struct Segment<'a> {
    /// Offset of the marker's 0xFF.
    offset: usize,
    pub(super) marker: u8,
    /// The bytes behind the length; empty for `EOI`.
    pub(super) body: &'a [u8],
}

impl Segment<'_> {
    fn bad(&self, problem: &'static str) -> FrameError {
        FrameError::BadHeader { offset: self.offset, problem }
    }
}

/// An iterator over the segments of a JPEG.
pub(super) struct Segments<'a> {
    bytes: &'a [u8],
    position: usize,
    /// The transform in Adobe's marker, once the marker was passed.
    adobe: Option<u8>,
}

impl<'a> Segments<'a> {
    /// Starts behind the start-of-image marker.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, FrameError> {
        match bytes {
            [] => Err(FrameError::Empty),
            [0xFF, marker::SOI, ..] => Ok(Segments { bytes, position: 2, adobe: None }),
            [0xFF] => Err(FrameError::Truncated { length: 1 }),
            _ => Err(FrameError::NotJpeg { found: signature(bytes) }),
        }
    }

    /// Returns the offset of what comes after the last segment.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    fn byte(&mut self) -> Result<u8, FrameError> {
        let byte = *self.bytes.get(self.position).ok_or(self.truncated())?;
        self.position += 1;
        Ok(byte)
    }

    fn truncated(&self) -> FrameError {
        FrameError::Truncated { length: self.bytes.len() }
    }

    pub(super) fn next(&mut self) -> Result<Segment<'a>, FrameError> {
        let mut segment = Segment { offset: self.position, marker: 0xFF, body: &[] };
        if self.byte()? != 0xFF {
            return Err(segment.bad("a marker was expected here"));
        }
        // Any number of 0xFF may fill the space before a marker (T.81, B.1.1.2).
        while segment.marker == 0xFF {
            segment.marker = self.byte()?;
        }
        if segment.marker == marker::EOI {
            return Ok(segment);
        }
        if matches!(segment.marker, 0x00 | 0x01 | marker::SOI) || marker::is_restart(segment.marker) {
            return Err(segment.bad("this marker may not stand between segments"));
        }
        let length = usize::from(u16::from_be_bytes([self.byte()?, self.byte()?]));
        let Some(length) = length.checked_sub(2) else {
            return Err(segment.bad("the segment's length is less than the length field itself"));
        };
        let body = self.bytes.get(self.position..self.position + length);
        segment.body = body.ok_or(self.truncated())?;
        self.position += length;
        if segment.marker == marker::APP14 && segment.body.starts_with(b"Adobe") {
            self.adobe = segment.body.get(11).copied();
        }
        Ok(segment)
    }

    /// Advances to the frame header and reads it.
    fn frame_header(&mut self) -> Result<Header, FrameError> {
        loop {
            let segment = self.next()?;
            match segment.marker {
                code if marker::is_frame(code) => return parse_frame(&segment),
                marker::SOS | marker::EOI => {
                    return Err(segment.bad("no frame header came before this marker"));
                }
                _ => {}
            }
        }
    }

    /// Advances to the first marker that ends the entropy-coded data, and returns the marker's offset.
    fn skip_scan(&mut self) -> Result<usize, FrameError> {
        loop {
            let at = memchr::memchr(0xFF, &self.bytes[self.position..]);
            self.position += at.ok_or(self.truncated())?;
            // Further 0xFF bytes before a marker are fill bytes (T.81, B.1.1.2).
            let run = self.bytes[self.position..].iter().take_while(|&&byte| byte == 0xFF).count();
            match self.bytes.get(self.position + run) {
                None => return Err(self.truncated()),
                // 0xFF 0x00 stands for a data byte 0xFF.
                Some(0) if run == 1 => self.position += 2,
                Some(&code) if marker::is_restart(code) => self.position += run + 1,
                Some(_) => return Ok(self.position),
            }
        }
    }
}

/// Reads a frame header (T.81, B.2.2): precision, height, width, number of components, then 3 bytes for each of them.
fn parse_frame(segment: &Segment<'_>) -> Result<Header, FrameError> {
    let &[precision, h1, h0, w1, w0, components, ref rest @ ..] = segment.body else {
        return Err(segment.bad("the frame header is too short"));
    };
    let unsupported = |feature| Err(FrameError::Unsupported { feature });
    match segment.marker {
        0xC0..=0xC2 => {}
        0xC3 => return unsupported("lossless coding"),
        0xC9..=0xCB => return unsupported("arithmetic coding"),
        _ => return unsupported("hierarchical coding"),
    }
    let size = Size { width: u16::from_be_bytes([w1, w0]).into(), height: u16::from_be_bytes([h1, h0]).into() };
    if size.pixels() == 0 {
        return Err(FrameError::ZeroSize { size });
    }
    if precision != 8 {
        return unsupported("samples of other than 8 bits");
    }
    if !matches!(components, 1 | 3 | 4) {
        return unsupported("a number of colour components other than 1, 3 and 4");
    }
    if rest.len() != 3 * usize::from(components) {
        return Err(segment.bad("the frame header does not have the length its components need"));
    }
    let named_rgb = rest.iter().step_by(3).eq(b"RGB");
    Ok(Header { size, components, progressive: segment.marker == 0xC2, named_rgb })
}

/// Names the kind of file that begins like `bytes`, with an article.
fn signature(bytes: &[u8]) -> &'static str {
    const SIGNATURES: [(&[u8], &str); 8] = [
        (b"\x89PNG", "a PNG"),
        (b"GIF8", "a GIF"),
        (b"BM", "a BMP"),
        (b"II*\0", "a TIFF"),
        (b"MM\0*", "a TIFF"),
        (b"\xFF\x0A", "a JPEG XL"),
        (b"\0\0\0\x0CjP  ", "a JPEG 2000"),
        (b"\x1A\x45\xDF\xA3", "a Matroska or WebM video"),
    ];
    let known = SIGNATURES.iter().find(|(start, _)| bytes.starts_with(start));
    match (known, bytes.get(4..8), bytes.get(8..12)) {
        (Some((_, name)), ..) => name,
        (None, _, Some(b"WEBP")) => "a WebP",
        (None, Some(b"ftyp"), _) => "an MP4, HEIC or AVIF file",
        _ => "something unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a JPEG of SOI, a frame header of `marker` for `width` x `height` grey pixels, a scan of one byte, and EOI.
    fn small(marker: u8, precision: u8, width: u16, height: u16) -> Vec<u8> {
        let ([h1, h0], [w1, w0]) = (height.to_be_bytes(), width.to_be_bytes());
        let mut bytes = vec![0xFF, 0xD8, 0xFF, marker, 0, 11, precision];
        bytes.extend([h1, h0, w1, w0, 1, 1, 0x11, 0]);
        bytes.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0x55, 0xFF, 0xD9]);
        bytes
    }

    #[test]
    fn header_and_extent_of_a_small_file() {
        let mut bytes = small(0xC0, 8, 640, 360);
        let want =
            Header { size: Size { width: 640, height: 360 }, components: 1, progressive: false, named_rgb: false };
        assert_eq!(header(&bytes).unwrap(), want);
        assert!(header(&small(0xC2, 8, 1, 1)).unwrap().progressive);
        let want = Extent { scan_end: bytes.len() - 2, end: bytes.len(), scans: 1, adobe: None };
        assert_eq!(extent(&bytes).unwrap(), want);
        bytes.extend(b"trailing \xFF\xD9");
        assert_eq!(extent(&bytes).unwrap(), want);
    }

    #[test]
    fn stuffed_bytes_restarts_and_fill_bytes_do_not_end_a_scan_early() {
        let mut bytes = small(0xC0, 8, 1, 1);
        let at = bytes.len() - 2;
        bytes.splice(at..at, [0xFF, 0x00, 0xFF, 0xD3, 7, 0xFF, 0xFF, 0xFF, 0xD4, 7, 0xFF, 0xFF, 0xFF]);
        let extent = extent(&bytes).unwrap();
        assert_eq!(extent.scan_end, bytes.len() - 5, "the fill bytes begin here");
        assert_eq!(extent.end, bytes.len());
        assert!(scan_ends(&bytes).eq([extent.scan_end]));
    }

    #[test]
    fn every_prefix_is_truncated() {
        let bytes = small(0xC0, 8, 4, 4);
        for length in 1..bytes.len() {
            let error = extent(&bytes[..length]).unwrap_err();
            assert!(matches!(error, FrameError::Truncated { .. }), "{length} bytes: {error}");
        }
    }

    #[test]
    fn broken_rules_are_named_with_their_place() {
        for (bytes, want) in [
            (&b"\xFF\xD8\x00"[..], "at byte 2: a marker was expected"),
            (b"\xFF\xD8\xFF\xD8", "at byte 2: this marker may not"),
            (b"\xFF\xD8\xFF\xE0\0\x01", "at byte 2: the segment's length"),
            (b"\xFF\xD8\xFF\xD9", "at byte 2: no frame header"),
            (b"\xFF\xD8\xFF\xC0\0\x05\x08\0\x01", "at byte 2: the frame header is too"),
        ] {
            let error = header(bytes).unwrap_err();
            assert!(error.to_string().contains(want), "{error}");
            assert!(matches!(error, FrameError::BadHeader { .. }), "{error}");
        }
        let mut twice = small(0xC0, 8, 1, 1);
        twice.splice(15..15, small(0xC0, 8, 9, 9)[2..15].to_vec());
        assert!(extent(&twice).unwrap_err().to_string().contains("a second"));
        let mut no_scan = small(0xC0, 8, 1, 1);
        no_scan.drain(15..26);
        assert!(extent(&no_scan).unwrap_err().to_string().contains("before"));
    }

    #[test]
    fn what_cannot_be_decoded_is_said_to_be_so() {
        for (bytes, want) in [
            (small(0xC3, 8, 1, 1), "lossless"),
            (small(0xC9, 8, 1, 1), "arithmetic"),
            (small(0xC5, 8, 1, 1), "hierarchical"),
            (small(0xC1, 12, 1, 1), "8 bits"),
        ] {
            let error = header(&bytes).unwrap_err();
            assert!(error.to_string().contains(want), "{error}");
            assert!(matches!(error, FrameError::Unsupported { .. }), "{error}");
        }
    }

    #[test]
    fn a_picture_has_so_many_scans_and_no_more() {
        let with_scans = |count: usize| {
            let mut bytes = small(0xC2, 8, 1, 1);
            let scan = bytes[15..26].to_vec();
            bytes.splice(15..26, scan.repeat(count));
            bytes
        };
        assert_eq!(extent(&with_scans(MAX_SCANS)).unwrap().scans, MAX_SCANS);
        let error = extent(&with_scans(MAX_SCANS + 1)).unwrap_err();
        assert!(matches!(error, FrameError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(&format!("more than {MAX_SCANS} scans")), "{error}");
    }

    #[test]
    fn other_formats_are_named() {
        for (bytes, want) in [
            (&b"\x89PNG\r\n\x1A\n"[..], "a PNG"),
            (b"GIF89a", "a GIF"),
            (b"BM", "a BMP"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP"),
            (b"\0\0\0\x18ftypmp42", "an MP4, HEIC or AVIF file"),
            (b"hello", "something unknown"),
            (b"\xFF\xFF", "something unknown"),
        ] {
            match header(bytes) {
                Err(FrameError::NotJpeg { found }) => assert_eq!(found, want),
                other => panic!("{want}: {other:?}"),
            }
        }
    }
}
