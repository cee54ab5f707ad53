//! The marker segments of a JPEG, one after the other.

use memchr::memchr;

use super::signature::signature;
use crate::error::FrameError;

/// Second bytes of markers; the first is always 0xFF (T.81, table B.1).
pub(in crate::jpeg) mod marker {
    pub(in crate::jpeg) const SOF0: u8 = 0xC0;
    pub(in crate::jpeg) const SOF1: u8 = 0xC1;
    pub(in crate::jpeg) const DHT: u8 = 0xC4;
    pub(in crate::jpeg) const SOI: u8 = 0xD8;
    pub(in crate::jpeg) const EOI: u8 = 0xD9;
    pub(in crate::jpeg) const SOS: u8 = 0xDA;
    pub(in crate::jpeg) const DQT: u8 = 0xDB;
    pub(in crate::jpeg) const DRI: u8 = 0xDD;
    pub(in crate::jpeg) const APP2: u8 = 0xE2;
    pub(in crate::jpeg) const APP14: u8 = 0xEE;

    /// Returns whether a marker is one of SOF0 to SOF15. Three codes in that range mean something else: DHT, JPG and DAC.
    pub(in crate::jpeg) fn is_frame(code: u8) -> bool {
        matches!(code, 0xC0..=0xCF) && !matches!(code, 0xC4 | 0xC8 | 0xCC)
    }

    /// Returns whether a marker is a restart marker, which stands inside a scan.
    pub(super) fn is_restart(code: u8) -> bool {
        matches!(code, 0xD0..=0xD7)
    }

    /// Returns whether a marker has a meaning between scans. Codes below 0xC0 have none.
    pub(super) fn begins_segment(code: u8) -> bool {
        code >= 0xC0 && !is_restart(code)
    }
}

/// A marker with its segment.
pub(in crate::jpeg) struct Segment<'a> {
    /// Offset of the marker's 0xFF.
    offset: usize,
    pub(in crate::jpeg) marker: u8,
    /// The bytes behind the length; empty for `EOI`.
    pub(in crate::jpeg) body: &'a [u8],
}

impl Segment<'_> {
    pub(super) fn bad(&self, problem: &'static str) -> FrameError {
        FrameError::BadHeader { offset: self.offset, problem }
    }
}

/// An iterator over the segments of a JPEG.
pub(in crate::jpeg) struct Segments<'a> {
    bytes: &'a [u8],
    position: usize,
    /// The transform in Adobe's marker, once the marker was passed.
    pub(super) adobe: Option<u8>,
    /// Whether bytes that belong to no segment were passed over.
    pub(super) are_strays_passed: bool,
}

impl<'a> Segments<'a> {
    /// Starts behind the start-of-image marker.
    pub(in crate::jpeg) fn new(bytes: &'a [u8]) -> Result<Self, FrameError> {
        match bytes {
            [] => Err(FrameError::Empty),
            [0xFF, marker::SOI, ..] => Ok(Segments { bytes, position: 2, adobe: None, are_strays_passed: false }),
            [0xFF] => Err(FrameError::Truncated { length: 1 }),
            _ => Err(FrameError::NotJpeg { found: signature(bytes) }),
        }
    }

    /// Returns the offset of what comes after the last segment.
    pub(in crate::jpeg) fn position(&self) -> usize {
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

    /// Returns the next segment. Bytes before its marker are passed over, because every decoder does so.
    pub(in crate::jpeg) fn next(&mut self) -> Result<Segment<'a>, FrameError> {
        let marker = self.marker()?;
        let mut segment = Segment { offset: self.position - 2, marker, body: &[] };
        match marker {
            marker::EOI => return Ok(segment),
            marker::SOI => return Err(segment.bad("a second picture begins before this one ends")),
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes([self.byte()?, self.byte()?]));
        let Some(length) = length.checked_sub(2) else {
            return Err(segment.bad("the segment's length is less than the length field itself"));
        };
        let body = self.bytes.get(self.position..self.position + length);
        segment.body = body.ok_or(self.truncated())?;
        self.position += length;
        if marker == marker::APP14 && segment.body.starts_with(b"Adobe") {
            self.adobe = segment.body.get(11).copied();
        }
        Ok(segment)
    }

    /// Advances behind the next marker that has a meaning here, and returns its code.
    fn marker(&mut self) -> Result<u8, FrameError> {
        loop {
            let strays = memchr(0xFF, &self.bytes[self.position..]).ok_or(self.truncated())?;
            self.position += strays;
            // Any number of 0xFF may fill the space before a marker (T.81, B.1.1.2).
            let mut code = 0xFF;
            while code == 0xFF {
                code = self.byte()?;
            }
            let has_meaning = marker::begins_segment(code);
            self.are_strays_passed |= strays > 0 || !has_meaning;
            if has_meaning {
                return Ok(code);
            }
        }
    }

    /// Advances to the first marker that ends the entropy-coded data, or to the end of the bytes, and returns the offset behind
    /// the data.
    pub(super) fn skip_scan(&mut self) -> usize {
        while let Some(at) = memchr(0xFF, &self.bytes[self.position..]) {
            self.position += at;
            // Further 0xFF bytes before a marker are fill bytes (T.81, B.1.1.2).
            let run = self.bytes[self.position..].iter().take_while(|&&byte| byte == 0xFF).count();
            match self.bytes.get(self.position + run) {
                // 0xFF 0x00 stands for a data byte 0xFF.
                Some(0) if run == 1 => self.position += 2,
                Some(&code) if marker::is_restart(code) => self.position += run + 1,
                _ => return self.position,
            }
        }
        self.position = self.bytes.len();
        self.position
    }
}
