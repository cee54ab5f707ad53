//! The pictures and videos of a folder, and what is left out of it.

use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::source::content::{Content, is_motion_jpeg, is_named_as_motion_jpeg, is_named_as_photo};
use crate::source::shown;

/// How many file names a line lists.
const LISTED: usize = 5;
/// The longest file name in a line, in bytes.
const MOST_NAME_BYTES: usize = 60;

/// What was found in a folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The pictures, sorted by path.
    pub(crate) pictures: Vec<PathBuf>,
    /// The videos, sorted by path.
    pub(crate) videos: Vec<PathBuf>,
    /// Lines for people: what was left out, and of what only a part is read.
    pub(crate) notes: Vec<String>,
}

impl Found {
    /// Leaves the videos out, which have outputs of their own, and adds a line that says so.
    pub(super) fn without_videos(mut self, folder: &Path) -> Found {
        let (at, names) = (folder.display(), names(folder, &self.videos));
        let videos = match self.videos.len() {
            0 => return self,
            1 => "1 video".to_owned(),
            count => format!("{count} videos"),
        };
        self.notes.push(format!("left out of {at}: {videos} ({names}); --out-dir writes outputs for each file"));
        self.videos.clear();
        self
    }
}

/// Finds the pictures and videos of `folder`, and with `recursive` those of its subfolders. Links are followed, but never back to a folder
/// that is being searched.
///
/// # Errors
/// Fails if the folder itself cannot be read. What cannot be read in it is left out.
pub(crate) fn search(folder: &Path, recursive: bool) -> io::Result<Found> {
    let depth = if recursive { usize::MAX } else { 1 };
    let (mut pictures, mut videos, mut subfolders) = (Vec::new(), Vec::new(), 0);
    let [mut others, mut unreadable, mut animated] = [const { Vec::new() }; 3];
    for entry in WalkDir::new(folder).follow_links(true).min_depth(1).max_depth(depth).sort_by_file_name() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if error.depth() == 0 => return Err(error.into()),
            Err(error) => {
                unreadable.push(error.path().unwrap_or(folder).to_owned());
                continue;
            }
        };
        let path = entry.path().to_owned();
        if entry.file_type().is_dir() {
            subfolders += usize::from(!recursive);
            continue;
        }
        // Only regular files are opened: opening a FIFO would wait for whoever writes to it.
        let content = if entry.file_type().is_file() { Content::of(&path) } else { Ok(Content::Other) };
        match content {
            Ok(Content::Picture)
                if is_named_as_motion_jpeg(&path)
                    || !is_named_as_photo(&path) && is_motion_jpeg(&path).unwrap_or(false) =>
            {
                videos.push(path);
            }
            Ok(Content::Picture) => pictures.push(path),
            Ok(Content::Animated) => {
                animated.push(path.clone());
                pictures.push(path);
            }
            Ok(Content::Video) => videos.push(path),
            Ok(Content::Other) => others.push(path),
            Err(_) => unreadable.push(path),
        }
    }
    pictures.sort();
    videos.sort();
    let named = |paths: &[PathBuf], one: &str, many: &str| match paths {
        [] => None,
        [_] => Some(format!("1 {one} ({})", names(folder, paths))),
        _ => Some(format!("{} {many} ({})", paths.len(), names(folder, paths))),
    };
    let left_out: Vec<String> = [
        (subfolders == 1).then(|| "1 subfolder (use --recursive)".to_owned()),
        (subfolders > 1).then(|| format!("{subfolders} subfolders (use --recursive)")),
        named(&others, "file that is no picture and no video", "files that are no pictures and no videos"),
        named(&unreadable, "that cannot be read", "that cannot be read"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let left_out = (!left_out.is_empty()).then(|| format!("left out of {}: {}", folder.display(), left_out.join(", ")));
    let animated = named(&animated, "animated WebP", "animated WebPs");
    let animated = animated.map(|animated| format!("only the first picture is searched of {animated}"));
    Ok(Found { pictures, videos, notes: left_out.into_iter().chain(animated).collect() })
}

/// Lists the first few of `paths`, relative to `folder`.
fn names(folder: &Path, paths: &[PathBuf]) -> String {
    let name = |path: &PathBuf| shown(&path.strip_prefix(folder).unwrap_or(path).to_string_lossy(), MOST_NAME_BYTES);
    let mut names: Vec<String> = paths.iter().take(LISTED).map(name).collect();
    if paths.len() > LISTED {
        names.push("…".into());
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0 and so on";

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    /// Searches a folder, and returns the names of the pictures and the notes without the path of the folder.
    fn search_in(folder: &tempfile::TempDir, recursive: bool) -> (Vec<String>, Vec<String>) {
        let Found { pictures, videos: _, notes } = search(folder.path(), recursive).unwrap();
        let name = |path: &PathBuf| path.strip_prefix(folder.path()).unwrap().to_string_lossy().replace('\\', "/");
        let at = folder.path().display().to_string();
        (pictures.iter().map(name).collect(), notes.iter().map(|note| note.replace(&at, "in")).collect())
    }

    #[test]
    fn the_bytes_select_and_what_is_left_out_is_counted_and_named() {
        let folder = folder(&[
            ("a.jpg", JPEG),
            ("b.HEIC", JPEG),
            ("c", JPEG),
            ("d.jpg", b""),
            ("e.jpg", b"words"),
            ("f.gif", b"GIF89a"),
            ("g.tif", b"II*\0"),
            ("h.mp4", b"\0\0\0\x18ftypmp42"),
            ("i.txt", b"words"),
            ("trip/h.jpg", JPEG),
            ("trip/more/i.jpg", JPEG),
        ]);
        let left_out = "left out of in: 1 subfolder (use --recursive), \
                        4 files that are no pictures and no videos (d.jpg, e.jpg, g.tif, i.txt)";
        let (pictures, notes) = search_in(&folder, false);
        assert_eq!(pictures, ["a.jpg", "b.HEIC", "c"]);
        assert_eq!(notes, [left_out]);
        let (pictures, notes) = search_in(&folder, true);
        assert_eq!(pictures, ["a.jpg", "b.HEIC", "c", "trip/h.jpg", "trip/more/i.jpg"]);
        assert_eq!(notes, [left_out.replace("1 subfolder (use --recursive), ", "")]);
        let videos = search(folder.path(), false).unwrap().videos;
        assert_eq!(videos, ["f.gif", "h.mp4"].map(|name| folder.path().join(name)));
    }

    #[test]
    fn nothing_is_said_of_a_folder_that_is_read_as_a_whole() {
        assert_eq!(search_in(&folder(&[("a.jpg", JPEG)]), false), (vec!["a.jpg".into()], vec![]));
        assert!(search(Path::new("no/such/folder"), false).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_back_sockets_and_dead_links_end_no_search() {
        use std::os::unix::fs::symlink;
        use std::os::unix::net::UnixListener;

        let folder = folder(&[("sub/a.jpg", JPEG)]);
        symlink(folder.path(), folder.path().join("sub/back")).unwrap();
        symlink("nowhere", folder.path().join("dead.jpg")).unwrap();
        symlink("sub/a.jpg", folder.path().join("link.jpg")).unwrap();
        // Opened for reading, a socket fails and a FIFO waits; neither is opened.
        let _socket = UnixListener::bind(folder.path().join("socket")).unwrap();
        let (pictures, notes) = search_in(&folder, true);
        assert_eq!(pictures, ["link.jpg", "sub/a.jpg"]);
        let left_out = "left out of in: 1 file that is no picture and no video (socket), 2 that cannot be read (dead.jpg, sub/back)";
        assert_eq!(notes, [left_out]);
    }
}
