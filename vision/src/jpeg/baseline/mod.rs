//! A decoder for the JPEGs that cameras and video tools send: baseline, grey or three components, one scan.
//!
//! The decoder reads every bit of a scan, keeps the planes that are wanted, and refuses a picture that lacks a block. A block that
//! is not there is never made up. All other kinds of JPEG go to the library.

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
use crate::tidiness::Tidiness;
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
    /// Places in `bytes` of the restart markers, and the end of the scan.
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

    /// Decodes as many components of `bytes` as there are planes, each at its own resolution, and returns how tidy the scan is.
    /// Returns `None`, and leaves `planes` as they were, when the picture is of a kind that is decoded elsewhere.
    ///
    /// # Errors
    /// `Corrupt` when the scan lacks blocks of the picture, or has bits that cannot be blocks or what may stand behind them.
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        header: &Header,
        extent: Extent,
        planes: &mut [&mut Raster],
    ) -> Result<Option<Tidiness>, FrameError> {
        let known = matches!(header.components, 1 | 3);
        if !known || header.progressive || extent.scans != 1 || planes.len() > usize::from(header.components) {
            return Ok(None);
        }
        let Some(start) = self.tables.read(bytes) else { return Ok(None) };
        let numbering = self.unstuff(&bytes[start..extent.scan_end])?;
        let scan = Scan { kernels: self.kernels, tables: &self.tables, bytes: &self.bytes, ends: &self.ends };
        let tidiness = scan.decode(&mut self.strips, planes)?;
        Ok(Some(tidiness.or(numbering)))
    }

    /// Removes the zero byte behind each 0xFF, and the restart markers with the 0xFF bytes that may fill the space before them.
    /// Restart markers count from 0 to 7 and start again; they keep their order when their numbers are wrong.
    fn unstuff(&mut self, mut rest: &[u8]) -> Result<Tidiness, Damage> {
        self.bytes.clear();
        self.ends.clear();
        let mut tidiness = Tidiness::Tidy;
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
                    tidiness = Tidiness::RestartMarkers;
                }
                self.ends.push(self.bytes.len());
            }
        }
        self.bytes.extend_from_slice(rest);
        self.ends.push(self.bytes.len());
        // Padding lets the reader take eight bytes at a time.
        self.bytes.extend([0; 8]);
        Ok(tidiness)
    }
}
