//! Interpretation of INPUT on the command line: video, camera or pictures.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::ffmpeg;

/// A source of frames, before it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Anything that ffmpeg reads.
    Video(VideoInput),
    /// One picture, or all pictures of a folder.
    Pictures(PictureInput),
}

/// An input that ffmpeg reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VideoInput {
    /// A path, a URL, or a device.
    pub(crate) name: String,
    /// How ffmpeg opens the input.
    pub(crate) kind: VideoKind,
}

/// How ffmpeg opens an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VideoKind {
    /// A file, or the URL of a file. It can be opened twice, and ffprobe can read its length.
    File,
    /// A network camera, or another live source with a URL.
    Stream,
    /// A camera of this machine, through Video4Linux.
    Camera,
}

/// Picture files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PictureInput {
    /// The files, sorted by name.
    pub(crate) paths: Vec<PathBuf>,
    /// The folder, or None if INPUT is one picture.
    pub(crate) folder: Option<PathBuf>,
}

/// Why INPUT gives no frames.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file or folder does not exist or may not be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file is empty.
    #[error("{} is empty: there is nothing to read in it", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The folder has no pictures.
    #[error("{} has no pictures: files that end in {}", path.display(), PICTURE_ENDINGS.join(", "))]
    NoPictures {
        /// The folder.
        path: PathBuf,
    },
}

/// File name extensions of pictures in a folder, in lower case.
const PICTURE_ENDINGS: [&str; 5] = ["jpg", "jpeg", "png", "bmp", "webp"];
/// URL schemes of cameras and other sources that do not wait for their reader.
const STREAM_SCHEMES: [&str; 7] = ["rtsp", "rtsps", "rtmp", "rtmps", "udp", "rtp", "srt"];

impl Input {
    /// Determines what `name` is.
    ///
    /// # Errors
    /// Fails if a file or folder cannot be read or is empty.
    pub(crate) fn new(name: &str) -> Result<Input, InputError> {
        if let Some((scheme, _)) = name.split_once("://") {
            let camera = STREAM_SCHEMES.contains(&scheme.to_ascii_lowercase().as_str());
            let kind = if camera { VideoKind::Stream } else { VideoKind::File };
            return Ok(Input::Video(VideoInput { name: name.to_owned(), kind }));
        }
        let path = Path::new(name);
        let unreadable = |source| InputError::Unreadable { path: path.to_owned(), source };
        let metadata = fs::metadata(path).map_err(unreadable)?;
        if metadata.is_dir() {
            let paths = pictures_in(path).map_err(unreadable)?;
            if paths.is_empty() {
                return Err(InputError::NoPictures { path: path.to_owned() });
            }
            return Ok(Input::Pictures(PictureInput { paths, folder: Some(path.to_owned()) }));
        }
        if is_device(&metadata) {
            return Ok(Input::Video(VideoInput { name: name.to_owned(), kind: VideoKind::Camera }));
        }
        if metadata.is_file() && metadata.len() == 0 {
            return Err(InputError::Empty { path: path.to_owned() });
        }
        if is_picture(path).map_err(unreadable)? {
            return Ok(Input::Pictures(PictureInput { paths: vec![path.to_owned()], folder: None }));
        }
        Ok(Input::Video(VideoInput { name: name.to_owned(), kind: VideoKind::File }))
    }
}

impl Input {
    /// Returns whether the source does not wait for its reader: a camera does not, a file does.
    pub(crate) fn is_live(&self) -> bool {
        match self {
            Input::Video(VideoInput { kind, name: _ }) => *kind != VideoKind::File,
            Input::Pictures(_) => false,
        }
    }
}

impl VideoInput {
    /// The name as an argument of ffmpeg.
    pub(crate) fn url(&self) -> OsString {
        match self.kind {
            VideoKind::File if !self.name.contains("://") => ffmpeg::file(self.name.as_ref()),
            _ => OsString::from(&self.name),
        }
    }
}

#[cfg(unix)]
fn is_device(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_char_device(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_device(_: &fs::Metadata) -> bool {
    false
}

/// Returns whether a file holds a still picture, by its first bytes and not by its name. A GIF is a video and read by ffmpeg.
fn is_picture(path: &Path) -> io::Result<bool> {
    use image::ImageFormat::{Bmp, Jpeg, Png, WebP};
    let mut start = Vec::new();
    File::open(path)?.take(16).read_to_end(&mut start)?;
    Ok(matches!(image::guess_format(&start), Ok(Jpeg | Png | Bmp | WebP)))
}

fn pictures_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let ending = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        if PICTURE_ENDINGS.contains(&ending.as_str()) && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str) -> VideoKind {
        match Input::new(name) {
            Ok(Input::Video(video)) => video.kind,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn urls_are_cameras_or_files() {
        assert_eq!(kind("rtsp://10.0.0.9/stream1"), VideoKind::Stream);
        assert_eq!(kind("RTSP://10.0.0.9/stream1"), VideoKind::Stream);
        assert_eq!(kind("https://example.org/a.mp4"), VideoKind::File);
        assert!(Input::new("udp://10.0.0.9:5000").unwrap().is_live());
        assert!(!Input::new("https://example.org/a.mp4").unwrap().is_live());
    }

    #[test]
    fn files_are_told_apart_by_their_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let jpeg_called_png = write("b.png", b"\xFF\xD8\xFF\xE0 and so on");
        let text_called_mp4 = write("c.mp4", b"hello");
        let empty = write("a.jpg", b"");
        let one = Input::new(&jpeg_called_png).unwrap();
        assert!(matches!(one, Input::Pictures(PictureInput { folder: None, .. })));
        assert_eq!(kind(&text_called_mp4), VideoKind::File);
        assert!(matches!(Input::new(&empty), Err(InputError::Empty { .. })));
        let all = Input::new(folder.path().to_str().unwrap()).unwrap();
        let paths = [empty.into(), jpeg_called_png.into()].to_vec();
        assert_eq!(all, Input::Pictures(PictureInput { paths, folder: Some(folder.path().to_owned()) }));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let error = Input::new("no/such/file.mp4").unwrap_err();
        assert!(error.to_string().contains("no/such/file.mp4"), "{error}");
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(Input::new(empty.path().to_str().unwrap()), Err(InputError::NoPictures { .. })));
    }
}
