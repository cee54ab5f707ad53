//! Annotated pictures, as files.

mod format;
mod names;
mod profile;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use facefleet_stream::frame::{End, Finished, Unreadable};

use crate::report::Progress;
use crate::report::drawing::draw;
use crate::report::error::ReportError;
use crate::report::part;
use crate::source::{self, PictureInput};
use format::Format;
pub(crate) use names::picture_names;

/// Writes annotated pictures to one file or to a folder. Boxes are drawn in the pictures of the input, which are read a second time,
/// because what a worker gets is smaller.
pub(super) struct Pictures {
    /// The file or folder; None if each picture has a place of its own.
    out: Option<PathBuf>,
    format: Format,
    /// The file for each picture of the input.
    files: BTreeMap<PathBuf, PathBuf>,
    written: u64,
    left_out: u64,
    progress: Progress,
}

impl Pictures {
    /// Prepares the output for the pictures of `input`.
    ///
    /// # Errors
    /// Fails if `out` cannot be a picture, or if it is to be a folder and cannot be created or has the input in it.
    pub(super) fn new(out: &Path, input: &PictureInput, progress: Progress) -> Result<Pictures, ReportError> {
        let (format, files) = match &input.folder {
            Some(folder) => {
                fs::create_dir_all(out).map_err(ReportError::write(out))?;
                holds_no_input(out, &input.paths)?;
                (Format::JPEG, picture_names(out, folder, &input.paths))
            }
            None => {
                let files = input.paths.iter().map(|picture| (picture.clone(), out.to_owned()));
                (Format::of(out)?, files.collect())
            }
        };
        Ok(Pictures { out: Some(out.to_owned()), format, files, written: 0, left_out: 0, progress })
    }

    /// Prepares a file for each picture.
    pub(super) fn each(files: BTreeMap<PathBuf, PathBuf>, progress: Progress) -> Pictures {
        Pictures { out: None, format: Format::JPEG, files, written: 0, left_out: 0, progress }
    }

    /// Writes one annotated picture. What cannot be annotated is left out, the user is told why, and the reason is returned: a picture
    /// without boxes would look as if it had no face.
    pub(super) fn write(&mut self, finished: &Finished) -> Result<Option<String>, ReportError> {
        let picture = finished.frame.image.as_deref().expect("a frame of a picture names its file");
        let file = &self.files[picture];
        match annotated(picture, self.format, &finished.end) {
            Ok(bytes) => {
                self.written += 1;
                if let Some(folder) = file.parent() {
                    fs::create_dir_all(folder).map_err(ReportError::write(folder))?;
                }
                part::write(file, &bytes).map_err(ReportError::write(file))?;
                Ok(None)
            }
            Err(why) => {
                self.left_out += 1;
                self.progress.say(&format!("not annotated: {}: {why}", picture.display()));
                Ok(Some(why))
            }
        }
    }

    /// Returns the file or folder, or None if nothing was written.
    pub(super) fn finish(self) -> Option<PathBuf> {
        let Pictures { out, written, left_out, progress, .. } = self;
        let out = out?;
        if left_out > 0 {
            progress.warn(format!("{left_out} of {} pictures are missing from {}", written + left_out, out.display()));
        }
        (written > 0).then_some(out)
    }
}

/// Returns the bytes of the annotated picture, or why there is none.
fn annotated(picture: &Path, format: Format, end: &End) -> Result<Vec<u8>, String> {
    let found = match end {
        End::Ok(found) => found,
        End::Dropped(reason) => return Err(format!("it was dropped ({})", reason.as_str())),
        End::Failed { code: _, message } => return Err(message.clone()),
    };
    let mut picture = source::upright(picture).map_err(|Unreadable(why)| why)?;
    draw(&mut picture.pixels, found)?;
    format.encode(&picture)
}

/// Checks that none of `pictures` is in the folder `out`.
fn holds_no_input(out: &Path, pictures: &[PathBuf]) -> Result<(), ReportError> {
    let out_itself = out.canonicalize().map_err(ReportError::write(out))?;
    let is_inside = |picture: &&PathBuf| picture.canonicalize().is_ok_and(|picture| picture.starts_with(&out_itself));
    match pictures.iter().find(is_inside) {
        Some(input) => Err(ReportError::HoldsInput { path: out.to_owned(), input: input.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use facefleet_proto::{DropReason, FaceBox};
    use facefleet_stream::frame::{Found, SourceFrame};
    use image::{Rgb, RgbImage};

    use super::*;

    fn progress() -> Progress {
        Progress::start(1, None, false, facefleet_service::clock::now()).remove(0)
    }

    fn found(faces: Option<Vec<FaceBox>>) -> End {
        End::Ok(Found { faces, picture: None, stages: None })
    }

    fn face(x: f32, y: f32, side: f32) -> FaceBox {
        FaceBox { x, y, width: side, height: side, score: 1.0, landmarks: None }
    }

    fn finished(image: &Path, end: End) -> Finished {
        let jpeg = Ok(Vec::new().into());
        let image = Some(image.to_owned());
        let frame = SourceFrame { image, ..SourceFrame::new(0, jpeg) };
        Finished { frame, worker: None, end }
    }

    fn one(path: &Path) -> PictureInput {
        PictureInput { paths: vec![path.to_owned()], folder: None, notes: Vec::new() }
    }

    fn names_in(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn boxes_are_drawn_in_the_picture_as_large_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("a.png");
        RgbImage::from_pixel(450, 350, Rgb([90; 3])).save(&source).unwrap();
        for name in ["out.png", "out.JPG", "out.bmp", "out.webp"] {
            let out = folder.path().join(name);
            let mut pictures = Pictures::new(&out, &one(&source), progress()).unwrap();
            pictures.write(&finished(&source, found(Some(vec![face(150.0, 100.0, 60.0)])))).unwrap();
            assert_eq!(pictures.finish(), Some(out.clone()));
            let drawn = image::open(&out).unwrap().into_rgb8();
            assert_eq!(drawn.dimensions(), (450, 350));
            let Rgb([red, green, _]) = *drawn.get_pixel(180, 100);
            assert!(green > red + 60, "{name}: a green line");
            assert!(drawn.get_pixel(180, 130).0[1].abs_diff(90) < 5, "{name}: nothing inside the box");
        }
        assert_eq!(names_in(folder.path()), ["a.png", "out.JPG", "out.bmp", "out.png", "out.webp"]);
    }

    #[test]
    fn what_cannot_be_annotated_is_left_out_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let (source, damaged) = (folder.path().join("a.png"), folder.path().join("b.png"));
        RgbImage::new(40, 30).save(&source).unwrap();
        fs::write(&damaged, b"\x89PNG\r\n\x1A\n and nothing more").unwrap();
        let out = folder.path().join("out");
        let input = PictureInput {
            paths: vec![source.clone(), damaged.clone()],
            folder: Some(folder.path().to_owned()),
            notes: Vec::new(),
        };
        let mut pictures = Pictures::new(&out, &input, progress()).unwrap();
        let failed = End::Failed { code: "truncated".into(), message: "it ends early".into() };
        for (image, end) in [
            (&source, failed),
            (&source, End::Dropped(DropReason::Interrupted)),
            (&source, found(None)),
            (&damaged, found(Some(Vec::new()))),
        ] {
            pictures.write(&finished(image, end)).unwrap();
        }
        assert_eq!((pictures.written, pictures.left_out), (0, 4));
        assert_eq!(pictures.finish(), None);
        assert_eq!(names_in(&out), [""; 0]);
    }

    #[test]
    fn an_output_that_is_no_picture_or_has_the_input_in_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("sub/a.png");
        let refused = Pictures::new(&folder.path().join("a.mp4"), &one(&source), progress()).err().unwrap();
        assert!(refused.to_string().contains("ends in jpg, jpeg"), "{refused}");
        fs::create_dir(folder.path().join("sub")).unwrap();
        RgbImage::new(8, 8).save(&source).unwrap();
        let input = PictureInput { folder: Some(folder.path().to_owned()), ..one(&source) };
        let refused = Pictures::new(&folder.path().join("sub"), &input, progress()).err().unwrap();
        assert!(matches!(refused, ReportError::HoldsInput { .. }), "{refused}");
    }
}
