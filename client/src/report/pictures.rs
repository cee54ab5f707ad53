//! Annotated pictures.

use std::fs;
use std::path::{Path, PathBuf};

use facefleet_vision::jpeg;

use crate::frame::Finished;
use crate::report::ReportError;
use crate::report::annotate::annotated;
use crate::source::PictureInput;

/// JPEG quality of annotated pictures: made to be kept and looked at.
const QUALITY: u8 = 92;

/// Where annotated pictures go.
pub(super) enum Pictures {
    /// The one picture.
    File(PathBuf),
    /// Pictures by the name of their source.
    Folder(PathBuf),
}

impl Pictures {
    pub(super) fn new(out: &Path, input: &PictureInput) -> Result<Pictures, ReportError> {
        if input.folder.is_none() {
            return Ok(Pictures::File(out.to_owned()));
        }
        fs::create_dir_all(out).map_err(ReportError::write(out))?;
        Ok(Pictures::Folder(out.to_owned()))
    }

    /// A picture that cannot be decoded is left out; its line of JSON says why.
    pub(super) fn write(&self, finished: &Finished) -> Result<(), ReportError> {
        let Some(picture) = annotated(finished) else { return Ok(()) };
        let path = match (self, &finished.frame.image) {
            (Pictures::Folder(folder), Some(image)) => folder.join(name_of(image)),
            (Pictures::File(path) | Pictures::Folder(path), _) => path.clone(),
        };
        let encode_error = |problem: String| ReportError::Encode { path: path.clone(), problem };
        if is_jpeg(&path) {
            let jpeg = jpeg::encode_rgb(&picture, QUALITY).map_err(|e| encode_error(e.to_string()))?;
            fs::write(&path, jpeg).map_err(ReportError::write(&path))
        } else {
            picture.save(&path).map_err(|e| encode_error(e.to_string()))
        }
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
