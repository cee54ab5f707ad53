//! Reads the marker segments of a JPEG (ITU-T T.81, annex B), and checks whether the bytes are all there.

mod extent;
mod segments;
mod signature;
#[cfg(test)]
mod tests;

use crate::error::FrameError;
use crate::geometry::Size;
pub(super) use extent::{Extent, extent, scan_ends};
pub(super) use segments::{Segment, Segments, marker};

/// The facts that a JPEG's header gives before the first pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Picture size in pixels. Both sides are at least 1.
    pub size: Size,
    /// 1 for grey, 3 for colour, 4 for the CMYK family.
    pub components: u8,
    /// Whether the picture comes in several passes over the whole of it (progressive).
    pub progressive: bool,
    /// Names of the components; zero for those that are not there.
    names: [u8; 4],
}

impl Header {
    /// Returns whether the components are red, green and blue. Adobe's marker is believed more than the names of the components.
    pub(super) fn is_rgb(&self, extent: Extent) -> bool {
        self.components == 3 && extent.adobe.map_or(self.names() == b"RGB", |transform| transform == 0)
    }

    fn names(&self) -> &[u8] {
        &self.names[..self.components.into()]
    }
}

/// Reads the header of a JPEG: the cheap first look, before anything is decoded or allocated.
///
/// # Errors
/// `Empty`, `NotJpeg`, `BadHeader`, `ZeroSize`, `Unsupported`, or `Truncated` when the bytes end before the frame header.
pub fn header(bytes: &[u8]) -> Result<Header, FrameError> {
    frame_header(&mut Segments::new(bytes)?)
}

/// Advances to the frame header and reads it.
fn frame_header(segments: &mut Segments<'_>) -> Result<Header, FrameError> {
    loop {
        let segment = segments.next()?;
        match segment.marker {
            code if marker::is_frame(code) => return parse_frame(&segment),
            marker::SOS | marker::EOI => return Err(segment.bad("no frame header came before this marker")),
            _ => {}
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
    let mut names = [0; 4];
    for (name, &of_component) in names.iter_mut().zip(rest.iter().step_by(3)) {
        *name = of_component;
    }
    Ok(Header { size, components, progressive: segment.marker == 0xC2, names })
}
