//! Annotated pictures, as files.

use std::fs;
use std::path::{Path, PathBuf};

use facefleet_vision::jpeg;

use crate::report::drawing::annotated;
use crate::report::error::ReportError;
use crate::source::PictureInput;
use facefleet_stream::frame::Finished;

/// JPEG quality of annotated pictures. It is high, because people keep them and look at them.
const QUALITY: u8 = 92;

/// Writes annotated pictures to one file or to a folder.
pub(super) struct Pictures {
    out: PathBuf,
    /// Whether `out` is a folder. Pictures in it are named after their source.
    is_folder: bool,
    has_written: bool,
}

impl Pictures {
    pub(super) fn new(out: &Path, input: &PictureInput) -> Result<Pictures, ReportError> {
        let is_folder = input.folder.is_some();
        if is_folder {
            fs::create_dir_all(out).map_err(ReportError::write(out))?;
        }
        Ok(Pictures { out: out.to_owned(), is_folder, has_written: false })
    }

    /// Writes one annotated picture. A picture that cannot be decoded is left out; its line of JSON gives the reason.
    pub(super) fn write(&mut self, finished: &Finished) -> Result<(), ReportError> {
        let Some(picture) = annotated(finished) else { return Ok(()) };
        let path = match &finished.frame.image {
            Some(image) if self.is_folder => self.out.join(name_of(image)),
            _ => self.out.clone(),
        };
        self.has_written = true;
        let encode_error = |problem: String| ReportError::Encode { path: path.clone(), problem };
        if is_jpeg(&path) {
            let jpeg = jpeg::encode_rgb(&picture, QUALITY).map_err(|e| encode_error(e.to_string()))?;
            fs::write(&path, jpeg).map_err(ReportError::write(&path))
        } else {
            picture.save(&path).map_err(|e| encode_error(e.to_string()))
        }
    }

    /// Returns the file or folder, or None if nothing was written.
    pub(super) fn finish(self) -> Option<PathBuf> {
        self.has_written.then_some(self.out)
    }
}

fn is_jpeg(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("jpg") || e.eq_ignore_ascii_case("jpeg"))
}

/// Returns the file name for the annotated picture of `image`. All are JPEGs, and `.jpg` is appended to other names, so that
/// `a.jpg` and `a.png` do not become one file.
fn name_of(image: &Path) -> PathBuf {
    let name = PathBuf::from(image.file_name().unwrap_or_default());
    if is_jpeg(&name) {
        return name;
    }
    let mut name = name.into_os_string();
    name.push(".jpg");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_apart() {
        assert_eq!(name_of("x/a.JPG".as_ref()), Path::new("a.JPG"));
        assert_eq!(name_of("x/a.png".as_ref()), Path::new("a.png.jpg"));
    }
}
