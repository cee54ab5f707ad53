//! Names of annotated pictures in the folder for them.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use crate::report::pictures::format::Format;

/// Returns the file in `out` for each of `pictures`, which are in `folder` or its subfolders. All are JPEGs: `.jpg` is appended to
/// other names, as often as it takes until no two pictures share a file.
pub(crate) fn picture_names(out: &Path, folder: &Path, pictures: &[PathBuf]) -> BTreeMap<PathBuf, PathBuf> {
    // A path that is taken by a file cannot be a folder, either.
    let mut taken: HashSet<PathBuf> = HashSet::new();
    let mut files = BTreeMap::new();
    let relative = |picture: &Path| picture.strip_prefix(folder).unwrap_or(picture).to_owned();
    for picture in pictures {
        let name = relative(picture);
        taken.extend(name.ancestors().skip(1).map(Path::to_owned));
        if Format::is_jpeg(&name) {
            taken.insert(name);
        }
    }
    for picture in pictures {
        let mut name = relative(picture);
        if !Format::is_jpeg(&name) {
            while !Format::is_jpeg(&name) || taken.contains(&name) {
                name.as_mut_os_string().push(".jpg");
            }
            taken.insert(name.clone());
        }
        files.insert(picture.clone(), out.join(name));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pictures: &[&str]) -> Vec<String> {
        let pictures: Vec<PathBuf> = pictures.iter().map(|name| Path::new("in").join(name)).collect();
        let files = picture_names("out".as_ref(), "in".as_ref(), &pictures);
        pictures.iter().map(|picture| files[picture].to_string_lossy().replace('\\', "/")).collect()
    }

    #[test]
    fn pictures_keep_their_subfolders_and_get_an_ending() {
        let names = names(&["a.JPG", "a.jpg", "a.png", "b.HEIC", "c", "sub/a.jpg", "sub/more/a.jpeg"]);
        let want = ["a.JPG", "a.jpg", "a.png.jpg", "b.HEIC.jpg", "c.jpg", "sub/a.jpg", "sub/more/a.jpeg"];
        assert_eq!(names, want.map(|name| format!("out/{name}")));
    }

    #[test]
    fn no_two_pictures_share_a_file_and_no_file_is_a_folder() {
        let names = names(&["a.png", "a.png.jpg", "b", "b.jpg/c.jpg"]);
        assert_eq!(names, ["out/a.png.jpg.jpg", "out/a.png.jpg", "out/b.jpg.jpg", "out/b.jpg/c.jpg"]);
    }
}
