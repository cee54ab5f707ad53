//! The format of an annotated picture, which the name of its file selects.

use std::fmt::Display;
use std::io::Cursor;
use std::path::Path;

use facefleet_vision::jpeg;
use image::{ImageFormat, RgbImage};

use crate::report::error::ReportError;

/// JPEG quality of annotated pictures. It is high, because people keep them and look at them.
const QUALITY: u8 = 92;

/// A format that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format(ImageFormat);

impl Format {
    /// The format of all pictures in a folder.
    pub(super) const JPEG: Format = Format(ImageFormat::Jpeg);

    /// The format of a file with this name.
    ///
    /// # Errors
    /// Fails if the name ends in nothing that can be written.
    pub(super) fn of(file: &Path) -> Result<Format, ReportError> {
        let format = ImageFormat::from_path(file).ok().filter(ImageFormat::writing_enabled);
        format.map(Format).ok_or_else(|| {
            let endings = ImageFormat::all().filter(ImageFormat::writing_enabled).flat_map(ImageFormat::extensions_str);
            let endings = endings.copied().collect::<Vec<_>>().join(", ");
            ReportError::NoPictureEnding { path: file.to_owned(), endings }
        })
    }

    /// Returns whether the name of a file is that of a JPEG.
    pub(super) fn is_jpeg(file: &Path) -> bool {
        Format::of(file).is_ok_and(|format| format == Format::JPEG)
    }

    /// Encodes a picture.
    ///
    /// # Errors
    /// Says why the format cannot hold the picture.
    pub(super) fn encode(self, picture: &RgbImage) -> Result<Vec<u8>, String> {
        if self == Format::JPEG {
            return jpeg::encode_rgb(picture, QUALITY).map_err(said);
        }
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, self.0).map_err(said)?;
        Ok(bytes.into_inner())
    }
}

fn said(error: impl Display) -> String {
    format!("it cannot be encoded: {error}")
}
