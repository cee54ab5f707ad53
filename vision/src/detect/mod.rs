//! Face detectors: what they have in common, and which there are.

mod rustface;
pub mod seeta;
pub mod yunet;

use std::fmt;
use std::str::FromStr;

use crate::geometry::{Face, Size};
use crate::raster::halved;

/// A picture as detectors take it, in the form that a JPEG has: brightness, and perhaps how blue and how red it is. Rows are
/// from the top, without padding, a byte a pixel.
#[derive(Clone, Copy, Debug)]
pub struct PictureView<'a> {
    size: Size,
    luma: &'a [u8],
    colour: Option<[&'a [u8]; 2]>,
}

impl<'a> PictureView<'a> {
    /// A view of a grey picture.
    ///
    /// # Panics
    /// When `luma` is not exactly as long as `size` says.
    pub fn new(size: Size, luma: &'a [u8]) -> Self {
        assert_eq!(luma.len() as u64, size.pixels(), "length for {size}");
        PictureView { size, luma, colour: None }
    }

    /// The same picture with colour: JPEG's differences for blue and red, 128 for none, of half as many pixels across and
    /// half as many down.
    ///
    /// # Panics
    /// When one is not exactly as long as half the picture's size, rounded up, says.
    pub fn with_colour(self, blue: &'a [u8], red: &'a [u8]) -> Self {
        let half = halved(self.size);
        for colour in [blue, red] {
            assert_eq!(colour.len() as u64, half.pixels(), "length for {half}");
        }
        PictureView { colour: Some([blue, red]), ..self }
    }

    /// Width and height.
    pub fn size(self) -> Size {
        self.size
    }

    /// The brightness of all pixels.
    pub fn luma(self) -> &'a [u8] {
        self.luma
    }

    /// How blue and how red the picture is, if it has colour.
    pub fn colour(self) -> Option<[&'a [u8]; 2]> {
        self.colour
    }
}

/// Which faces are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Lowest score that counts, in the detector's own scale; `None` for the one below which its
    /// finds are mostly not faces.
    pub min_score: Option<f32>,
    /// Smallest side of a face in pixels of the picture that the detector sees; `None` for what the detector finds
    /// without enlarging the picture.
    pub min_face: Option<f32>,
}

/// Finds faces in pictures. Holds its own buffers, so each thread has its own.
pub trait FaceDetector {
    /// The name of its [`DetectorKind`].
    fn name(&self) -> &'static str;

    /// Whether it finds more in a picture with colour. If not, colour need not even be decoded.
    fn wants_colour(&self) -> bool {
        false
    }

    /// Puts the wanted faces into `faces`, in place of what was there, best first, in pixels of `picture`. Any size of
    /// picture is allowed, with colour and without.
    fn detect(&mut self, picture: PictureView<'_>, wanted: Wanted, faces: &mut Vec<Face>);
}

/// The detectors to choose from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DetectorKind {
    /// The SeetaFace funnel cascade, by our own engine.
    #[default]
    Seeta,
    /// YuNet: also faces that are turned, small or half hidden, with five landmarks each.
    Yunet,
    /// The funnel cascade by the `rustface` crate: the same faces as by ours, many times slower.
    Rustface,
}

impl DetectorKind {
    /// Every detector.
    pub const ALL: &'static [DetectorKind] = &[DetectorKind::Seeta, DetectorKind::Yunet, DetectorKind::Rustface];

    /// The name used in flags and messages.
    pub fn name(self) -> &'static str {
        match self {
            DetectorKind::Seeta => "seeta",
            DetectorKind::Yunet => "yunet",
            DetectorKind::Rustface => "rustface",
        }
    }

    /// Makes a detector of this kind; its model is inside this library.
    ///
    /// # Errors
    /// [`DetectorError`] when the model cannot be read.
    pub fn build(self) -> Result<Box<dyn FaceDetector>, DetectorError> {
        match self {
            DetectorKind::Seeta => Ok(Box::new(seeta::Seeta::frontal()?)),
            DetectorKind::Yunet => Ok(Box::new(yunet::YuNet::published()?)),
            DetectorKind::Rustface => Ok(Box::new(rustface::Rustface::new()?)),
        }
    }
}

impl fmt::Display for DetectorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DetectorKind {
    type Err = UnknownDetector;

    fn from_str(name: &str) -> Result<Self, UnknownDetector> {
        let found = DetectorKind::ALL.iter().find(|kind| kind.name() == name);
        found.copied().ok_or_else(|| UnknownDetector(name.into()))
    }
}

/// No detector has this name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no detector `{0}`; choose one of: {names}", names = names())]
pub struct UnknownDetector(pub String);

fn names() -> String {
    let names: Vec<_> = DetectorKind::ALL.iter().map(|kind| kind.name()).collect();
    names.join(", ")
}

/// A detector could not be made: its model cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// Of our own engine.
    #[error("the model of detector seeta cannot be read: {0}")]
    Seeta(#[from] seeta::ModelError),
    /// Of YuNet.
    #[error("the model of detector yunet cannot be read: {0}")]
    Yunet(#[from] yunet::WeightsError),
    /// Of the `rustface` crate.
    #[error("the model of detector rustface cannot be read: {0}")]
    Rustface(#[from] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways_and_a_wrong_one_lists_them() {
        for &kind in DetectorKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(kind.build().unwrap().name(), kind.name());
        }
        let error = "opencv".parse::<DetectorKind>().unwrap_err();
        assert_eq!(error.to_string(), "there is no detector `opencv`; choose one of: seeta, yunet, rustface");
    }
}
