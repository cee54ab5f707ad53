//! How closely a JPEG keeps to the standard.

use std::fmt;

/// Whether a JPEG is written as the standard says. Cameras and programs write whole pictures that are not, and these are decoded
/// as others decode them. A picture that lacks a part is an error, however it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tidiness {
    /// The picture is as the standard says.
    #[default]
    Tidy,
    /// No end-of-image marker follows the picture.
    NoEndMarker,
    /// Bytes that mean nothing stand between two segments, or behind the last block of the picture.
    StrayBytes,
    /// A restart marker is missing, or has the wrong number.
    RestartMarkers,
}

impl Tidiness {
    /// Returns this, or `other` if this is tidy.
    pub(crate) fn or(self, other: Tidiness) -> Tidiness {
        if self == Tidiness::Tidy { other } else { self }
    }
}

/// Writes what a person is told of a frame, as the rest of a sentence.
impl fmt::Display for Tidiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tidiness::Tidy => "is as the standard says",
            Tidiness::NoEndMarker => "has no end-of-image marker",
            Tidiness::StrayBytes => "has bytes that mean nothing",
            Tidiness::RestartMarkers => "lacks a restart marker, or has a wrong one",
        })
    }
}
