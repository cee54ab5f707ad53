//! A decoder for the JPEGs that cameras and video tools send: baseline, grey or three components, one scan.
//!
//! The decoder reads every bit of a scan, keeps the planes that are wanted, and refuses a picture that has too few bits or too
//! many, as a flipped bit nearly always does. All other kinds of JPEG go to the library.

mod bits;
mod huffman;
#[cfg(test)]
mod sampling_tests;
mod scan;
mod tables;
#[cfg(test)]
mod tests;

use memchr::memchr;

use super::structure::{Extent, Header};
use crate::error::FrameError;
use crate::kernels::Kernels;
use crate::raster::Raster;
use scan::Scan;
use tables::Tables;

/// The damage in a scan, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Damage(&'static str);

impl From<Damage> for FrameError {
    fn from(Damage(reason): Damage) -> Self {
        FrameError::Corrupt { reason: reason.to_owned() }
    }
}

/// The decoder with its tables and buffers.
pub(super) struct Baseline {
    kernels: &'static Kernels,
    tables: Tables,
    /// Bytes of the scan, without stuffed bytes and markers.
    bytes: Vec<u8>,
    /// End of each restart interval in `bytes`.
    ends: Vec<usize>,
    /// A row of MCUs of each component.
    strips: [Vec<u8>; 3],
}

impl Baseline {
    pub(super) fn new(kernels: &'static Kernels) -> Self {
        Baseline {
            kernels,
            tables: Tables::new(),
            bytes: Vec::new(),
            ends: Vec::new(),
            strips: [const { Vec::new() }; 3],
        }
    }

    /// Decodes as many components of `bytes` as there are planes, each at its own resolution. Returns false, and leaves `planes`
    /// as they were, when the picture is of a kind that is decoded elsewhere.
    ///
    /// # Errors
    /// `Corrupt` when the scan has not exactly the bits that its picture takes.
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        header: &Header,
        extent: Extent,
        planes: &mut [&mut Raster],
    ) -> Result<bool, FrameError> {
        let known = matches!(header.components, 1 | 3);
        if !known || header.progressive || extent.scans != 1 || planes.len() > usize::from(header.components) {
            return Ok(false);
        }
        let Some(start) = self.tables.read(bytes) else { return Ok(false) };
        self.unstuff(&bytes[start..extent.scan_end])?;
        let scan = Scan { kernels: self.kernels, tables: &self.tables, bytes: &self.bytes, ends: &self.ends };
        scan.decode(&mut self.strips, planes)?;
        Ok(true)
    }

    /// Removes the zero byte behind each 0xFF, and the restart markers with the 0xFF bytes that may fill the space before them.
    /// Restart markers must count from 0 to 7 and start again.
    fn unstuff(&mut self, mut rest: &[u8]) -> Result<(), Damage> {
        self.bytes.clear();
        self.ends.clear();
        while let Some(at) = memchr(0xFF, rest) {
            let (code, data) = match rest.get(at + 1) {
                Some(0) => (0, at + 1),
                Some(0xFF) => {
                    self.bytes.extend_from_slice(&rest[..at]);
                    rest = &rest[at + 1..];
                    continue;
                }
                Some(&code) => (code, at),
                None => return Err(Damage("half a marker at the end of the scan")),
            };
            self.bytes.extend_from_slice(&rest[..data]);
            rest = &rest[at + 2..];
            if code != 0 {
                if usize::from(code & 7) != self.ends.len() % 8 {
                    return Err(Damage("a restart marker out of turn"));
                }
                self.ends.push(self.bytes.len());
            }
        }
        self.bytes.extend_from_slice(rest);
        self.ends.push(self.bytes.len());
        // Padding lets the reader take eight bytes at a time.
        self.bytes.extend([0; 8]);
        Ok(())
    }
}
