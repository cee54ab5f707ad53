//! Annotated pictures.

use std::fs;
use std::path::{Path, PathBuf};

use facefleet_vision::jpeg;

use crate::report::ReportError;
use crate::report::drawing::annotated;
use crate::source::PictureInput;
use facefleet_stream::frame::Finished;

/// JPEG quality of annotated pictures: made to be kept and looked at.
const QUALITY: u8 = 92;

/// Writes annotated pictures.
pub(super) struct Pictures {
    out: PathBuf,
    /// Whether `out` is a folder, and pictures in it are named after their source.
    folder: bool,
    written: bool,
}

impl Pictures {
    pub(super) fn new(out: &Path, input: &PictureInput) -> Result<Pictures, ReportError> {
        let folder = input.folder.is_some();
        if folder {
            fs::create_dir_all(out).map_err(ReportError::write(out))?;
        }
        Ok(Pictures { out: out.to_owned(), folder, written: false })
    }

    /// A picture that cannot be decoded is left out; its line of JSON says why.
    pub(super) fn write(&mut self, finished: &Finished) -> Result<(), ReportError> {
        let Some(picture) = annotated(finished) else { return Ok(()) };
        let path = match &finished.frame.image {
            Some(image) if self.folder => self.out.join(name_of(image)),
            _ => self.out.clone(),
        };
        self.written = true;
        let encode_error = |problem: String| ReportError::Encode { path: path.clone(), problem };
        if is_jpeg(&path) {
            let jpeg = jpeg::encode_rgb(&picture, QUALITY).map_err(|e| encode_error(e.to_string()))?;
            fs::write(&path, jpeg).map_err(ReportError::write(&path))
        } else {
            picture.save(&path).map_err(|e| encode_error(e.to_string()))
        }
    }

    /// The file or folder, if it has been written to.
    pub(super) fn finish(self) -> Option<PathBuf> {
        self.written.then_some(self.out)
    }
}

fn is_jpeg(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("jpg") || e.eq_ignore_ascii_case("jpeg"))
}

/// The name of the annotated picture: the source's, and a JPEG. `a.jpg` and `a.png` must not become one file.
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
