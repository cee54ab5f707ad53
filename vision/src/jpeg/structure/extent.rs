//! The picture data of a JPEG: where they end, and whether all scans are there.

use super::segments::{Segments, marker};
use super::{Header, frame_header};
use crate::error::FrameError;
use crate::tidiness::Tidiness;

/// Most scans that are decoded. Each scan costs a pass over the whole picture, however few bytes it has, so a hostile sender
/// could multiply the work with their number. Encoders write about ten.
pub(super) const MAX_SCANS: usize = 100;

/// The facts about a JPEG that the way to its end has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::jpeg) struct Extent {
    /// Offset just past the last entropy-coded byte.
    pub(in crate::jpeg) scan_end: usize,
    /// Number of scans, at least 1.
    pub(in crate::jpeg) scans: usize,
    /// The transform in Adobe's marker, if there is a marker (T.872, 6.5.3): 0 for none (red, green and blue, or inks), 1 for
    /// brightness and colour differences, 2 for these and black.
    pub(in crate::jpeg) adobe: Option<u8>,
    /// What is odd about the way from segment to segment.
    pub(in crate::jpeg) tidiness: Tidiness,
}

/// Finds the end of a JPEG whose header has been read and accepted.
///
/// A picture needs no end-of-image marker if its scans give every bit of every coefficient; whether the last scan has data to its
/// end is for its decoder to find out. With a marker, the sender may have left bits out.
///
/// # Errors
/// `Truncated` when the bytes end before the picture does, `BadHeader` when a segment breaks the rules, `Unsupported` above
/// [`MAX_SCANS`].
pub(in crate::jpeg) fn extent(bytes: &[u8]) -> Result<Extent, FrameError> {
    let mut segments = Segments::new(bytes)?;
    let header = frame_header(&mut segments)?;
    let mut coverage = Coverage::of(&header);
    let (mut scans, mut scan_end) = (0, 0);
    let tidiness = loop {
        let segment = match segments.next() {
            Ok(segment) => segment,
            Err(_) if coverage.is_complete() => break Tidiness::NoEndMarker,
            Err(error) => return Err(error),
        };
        match segment.marker {
            marker::SOS if scans == MAX_SCANS => {
                return Err(FrameError::Unsupported { feature: "more than 100 scans" });
            }
            marker::SOS => {
                coverage.add(segment.body);
                scan_end = segments.skip_scan();
                scans += 1;
            }
            marker::EOI if scans == 0 => {
                return Err(segment.bad("the picture ends before it begins"));
            }
            marker::EOI if segments.are_strays_passed => break Tidiness::StrayBytes,
            marker::EOI => break Tidiness::Tidy,
            code if marker::is_frame(code) => return Err(segment.bad("a second frame header")),
            _ => {}
        }
    };
    Ok(Extent { scan_end, scans, adobe: segments.adobe, tidiness })
}

/// Yields the end of the entropy-coded data of each scan, in a JPEG whose [`extent`] was found.
pub(in crate::jpeg) fn scan_ends(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let mut segments = Segments::new(bytes).ok();
    std::iter::from_fn(move || {
        let segments = segments.as_mut()?;
        loop {
            match segments.next().ok()?.marker {
                marker::SOS => return Some(segments.skip_scan()),
                marker::EOI => return None,
                _ => {}
            }
        }
    })
}

/// The coefficients that the scans of a picture have given so far.
struct Coverage {
    header: Header,
    /// The lowest bit of each coefficient of each component that a scan has given; 0 for the whole coefficient.
    lowest_bits: [[u8; 64]; 4],
}

impl Coverage {
    fn of(header: &Header) -> Self {
        Coverage { header: *header, lowest_bits: [[u8::MAX; 64]; 4] }
    }

    /// Counts in a scan by its header (T.81, B.2.3): the number of components, two bytes for each of them, the first and the last
    /// coefficient, and the lowest bit in the lower half of a byte. A header that breaks the rules gives nothing.
    fn add(&mut self, scan: &[u8]) {
        let Some((&count, rest)) = scan.split_first() else { return };
        let Some((selectors, &[first, last, bits])) = rest.split_at_checked(2 * usize::from(count)) else { return };
        let (first, last, bit) = if self.header.progressive { (first, last, bits % 16) } else { (0, 63, 0) };
        for &[name, _] in selectors.as_chunks().0 {
            let component = self.header.names().iter().position(|&other| other == name);
            let coefficients = component.map(|i| &mut self.lowest_bits[i]);
            if let Some(given) = coefficients.and_then(|all| all.get_mut(first.into()..=last.into())) {
                given.fill(bit);
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.lowest_bits[..self.header.names().len()].iter().flatten().all(|&bit| bit == 0)
    }
}
