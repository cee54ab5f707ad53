//! Face detectors: their common interface, and the ones that there are.

mod rustface;
pub mod seeta;
pub mod yunet;

use std::fmt;
use std::str::FromStr;

use crate::geometry::{Face, Size};
use crate::raster::halved;

/// A picture in the form in which detectors take it, which is that of a JPEG: brightness, and perhaps how blue and how red it is.
/// Each plane has one byte a pixel, with rows from the top and no padding.
#[derive(Clone, Copy, Debug)]
pub struct PictureView<'a> {
    size: Size,
    luma: &'a [u8],
    colour: Option<[&'a [u8]; 2]>,
}

impl<'a> PictureView<'a> {
    /// Makes a view of a grey picture.
    ///
    /// # Panics
    /// When `luma` is not exactly as long as `size` says.
    pub fn new(size: Size, luma: &'a [u8]) -> Self {
        assert_eq!(luma.len() as u64, size.pixels(), "length for {size}");
        PictureView { size, luma, colour: None }
    }

    /// Adds colour to the view: JPEG's blue and red differences, where 128 stands for grey, with half as many pixels across and
    /// half as many down.
    ///
    /// # Panics
    /// When a plane is not exactly as long as half the size of the picture, rounded up, says.
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

    /// Returns the planes for how blue and how red the picture is, if it has colour.
    pub fn colour(self) -> Option<[&'a [u8]; 2]> {
        self.colour
    }
}

/// The faces that a detector is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Lowest score that counts, on the detector's own scale; `None` for the score below which most finds of this detector are
    /// not faces.
    pub min_score: Option<f32>,
    /// Smallest side of a face in pixels of the picture that the detector sees; `None` for what the detector finds without
    /// enlarging the picture.
    pub min_face: Option<f32>,
}

/// A detector of faces in pictures. Each thread has a detector of its own, which holds the buffers that it needs.
pub trait FaceDetector {
    /// Returns the name of the detector's [`DetectorKind`].
    fn name(&self) -> &'static str;

    /// Returns whether the detector finds more in a picture with colour. If not, colour need not even be decoded.
    fn wants_colour(&self) -> bool {
        false
    }

    /// Replaces the contents of `faces` by the wanted faces, best first, in pixels of `picture`. The picture may have any size,
    /// with colour or without.
    fn detect(&mut self, picture: PictureView<'_>, wanted: Wanted, faces: &mut Vec<Face>);
}

/// The detectors to choose from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DetectorKind {
    /// The SeetaFace funnel cascade, run by our own engine.
    #[default]
    Seeta,
    /// YuNet, which also finds faces that are turned, small or half hidden, with five landmarks each.
    Yunet,
    /// The funnel cascade, run by the `rustface` crate: it finds the same faces as our own engine, many times slower.
    Rustface,
}

impl DetectorKind {
    /// Every detector.
    pub const ALL: &'static [DetectorKind] = &[DetectorKind::Seeta, DetectorKind::Yunet, DetectorKind::Rustface];

    /// Returns the name that flags and messages use.
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

/// The error for a name that no detector has.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no detector `{0}`; choose one of: {names}", names = names())]
pub struct UnknownDetector(pub String);

fn names() -> String {
    let names: Vec<_> = DetectorKind::ALL.iter().map(|kind| kind.name()).collect();
    names.join(", ")
}

/// The error of a detector that could not be made, because its model cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// The model of our own engine for SeetaFace cannot be read.
    #[error("the model of detector seeta cannot be read: {0}")]
    Seeta(#[from] seeta::ModelError),
    /// The weights of YuNet cannot be read.
    #[error("the model of detector yunet cannot be read: {0}")]
    Yunet(#[from] yunet::WeightsError),
    /// The model of the `rustface` crate cannot be read.
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
