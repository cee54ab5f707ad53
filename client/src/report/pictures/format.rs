//! The format of an annotated picture, which the name of its file selects.

use std::fmt::Display;
use std::io::Cursor;
use std::path::Path;

use facefleet_vision::jpeg;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ImageEncoder, ImageError, ImageFormat, ImageResult, RgbImage};

use crate::report::error::ReportError;
use crate::report::pictures::profile;
use crate::source::Upright;

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

    /// Encodes a picture with its colour profile. A BMP has none.
    ///
    /// # Errors
    /// Says why the format cannot hold the picture.
    pub(super) fn encode(self, Upright { pixels, profile }: &Upright) -> Result<Vec<u8>, String> {
        let mut bytes = Cursor::new(Vec::new());
        match self.0 {
            ImageFormat::Jpeg => {
                let mut jpeg = jpeg::encode_rgb(pixels, QUALITY).map_err(said)?;
                profile.iter().for_each(|profile| profile::insert(profile, &mut jpeg));
                return Ok(jpeg);
            }
            ImageFormat::Png => with_profile(PngEncoder::new(&mut bytes), pixels, profile.as_ref()),
            ImageFormat::WebP => with_profile(WebPEncoder::new_lossless(&mut bytes), pixels, profile.as_ref()),
            other => pixels.write_to(&mut bytes, other),
        }
        .map_err(said)?;
        Ok(bytes.into_inner())
    }
}

fn with_profile(mut encoder: impl ImageEncoder, pixels: &RgbImage, profile: Option<&Vec<u8>>) -> ImageResult<()> {
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile.clone()).map_err(ImageError::Unsupported)?;
    }
    pixels.write_with_encoder(encoder)
}

fn said(error: impl Display) -> String {
    format!("it cannot be encoded: {error}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::source::upright;

    #[test]
    fn the_colour_profile_of_a_picture_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        // A profile of red, green and blue; only its header is looked at.
        let mut profile = vec![7; 3000];
        profile[16..20].copy_from_slice(b"RGB ");
        let picture = Upright { pixels: RgbImage::new(20, 10), profile: Some(profile) };
        for (name, kept) in [("a.jpg", true), ("a.png", true), ("a.webp", true), ("a.bmp", false)] {
            let file = folder.path().join(name);
            fs::write(&file, Format::of(&file).unwrap().encode(&picture).unwrap()).unwrap();
            let read = upright(&file).unwrap();
            assert_eq!(read.profile, picture.profile.clone().filter(|_| kept), "{name}");
            assert_eq!(read.pixels.dimensions(), (20, 10), "{name}");
        }
    }
}
