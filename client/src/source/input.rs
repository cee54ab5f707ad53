//! Interpretation of INPUT on the command line: video, camera or pictures.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::ffmpeg;
use crate::source::content::{Content, is_motion_jpeg, is_named_as_motion_jpeg, is_named_as_photo};
use crate::source::folder;

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

/// How ffmpeg opens an input, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VideoKind {
    /// A file on this machine or behind a URL. It can be opened again, and ffprobe can look at it first.
    File,
    /// Standard input, a FIFO, or a socket. Its bytes come once.
    Pipe,
    /// A URL that may be a file or a camera, such as `http://`. Only who opens it learns which, and some cameras take only one
    /// viewer, so it is opened once.
    Url,
    /// A network camera, or another live source with a URL. It is opened once.
    Stream,
    /// A camera of this machine, through Video4Linux.
    Device,
}

/// Picture files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PictureInput {
    /// The files, sorted by name.
    pub(crate) paths: Vec<PathBuf>,
    /// The folder, or None if INPUT is one picture.
    pub(crate) folder: Option<PathBuf>,
    /// Lines for people: what is left out of the folder, and of which files only a part is read.
    pub(crate) notes: Vec<String>,
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
    /// INPUT is standard input, which is a terminal or another device.
    #[error("standard input is no file and no pipe: give a file name, or pipe a video into this program")]
    Terminal,
    /// The folder has no pictures.
    #[error("{} has no pictures (JPEG, PNG, BMP or WebP){notes}", path.display())]
    NoPictures {
        /// The folder.
        path: PathBuf,
        /// What is in it instead, after a semicolon.
        notes: String,
    },
}

/// The name of standard input.
const STDIN: &str = "-";
/// URL schemes of cameras and other sources that do not wait for their reader.
const STREAM_SCHEMES: [&str; 8] = ["rtsp", "rtsps", "rtmp", "rtmps", "udp", "tcp", "rtp", "srt"];

/// Endings of video files in URLs.
const FILE_ENDINGS: [&str; 12] = ["mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "flv", "wmv", "ogv", "gif"];

impl Input {
    /// Determines what `name` is. With `recursive`, the pictures of a folder include those of its subfolders.
    ///
    /// # Errors
    /// Fails if a file or folder cannot be read or is empty.
    pub(crate) fn new(name: &str, recursive: bool) -> Result<Input, InputError> {
        // ffmpeg takes both for a path, and does not decode percent signs in it.
        let name = name.strip_prefix("file://").or(name.strip_prefix("file:")).unwrap_or(name);
        match name.split_once("://") {
            _ if name == STDIN => Input::stdin(),
            Some((scheme, rest)) => {
                let scheme = scheme.to_ascii_lowercase();
                let url = format!("{scheme}://{rest}");
                Ok(Input::video(&url, kind_of_url(&scheme, &url)))
            }
            None => Input::at(Path::new(name), recursive),
        }
    }

    fn video(name: &str, kind: VideoKind) -> Input {
        Input::Video(VideoInput { name: name.to_owned(), kind })
    }

    /// Determines what a path leads to.
    fn at(path: &Path, recursive: bool) -> Result<Input, InputError> {
        let unreadable = |source| InputError::Unreadable { path: path.to_owned(), source };
        let name = path.to_string_lossy();
        let metadata = fs::metadata(path).map_err(unreadable)?;
        if metadata.is_dir() {
            let found = folder::search(path, recursive).map_err(unreadable)?.without_videos(path);
            let folder::Found { pictures: paths, notes, videos: _ } = found;
            if paths.is_empty() {
                let notes = notes.iter().map(|note| format!("; {note}")).collect();
                return Err(InputError::NoPictures { path: path.to_owned(), notes });
            }
            return Ok(Input::Pictures(PictureInput { paths, folder: Some(path.to_owned()), notes }));
        }
        if is_device(&metadata) {
            return Ok(Input::video(&name, VideoKind::Device));
        }
        if !metadata.is_file() {
            return Ok(Input::video(&name, VideoKind::Pipe));
        }
        if metadata.len() == 0 {
            return Err(InputError::Empty { path: path.to_owned() });
        }
        let content = Content::of(path).map_err(unreadable)?;
        let moves = content == Content::Picture
            && (is_named_as_motion_jpeg(path) || is_motion_jpeg(path).map_err(unreadable)?);
        if matches!(content, Content::Video | Content::Other) || moves && !is_named_as_photo(path) {
            return Ok(Input::video(&name, VideoKind::File));
        }
        let note = match content {
            Content::Animated => Some(format!("{name} is an animated WebP: only its first picture is searched")),
            // ffmpeg goes by the name, and reads one picture.
            _ if moves => {
                Some(format!("{name} is Motion JPEG: only its first picture is searched; rename it to .mjpeg"))
            }
            _ => None,
        };
        let notes = note.into_iter().collect();
        Ok(Input::Pictures(PictureInput { paths: vec![path.to_owned()], folder: None, notes }))
    }

    /// Determines what standard input is. What is redirected from a file can be opened by its own name, and be read more than once.
    #[cfg(unix)]
    fn stdin() -> Result<Input, InputError> {
        let path = Path::new("/dev/stdin");
        let unreadable = |source| InputError::Unreadable { path: path.to_owned(), source };
        let metadata = fs::metadata(path).map_err(unreadable)?;
        if metadata.is_file() {
            return Input::at(&path.canonicalize().map_err(unreadable)?, false);
        }
        if is_device(&metadata) {
            return Err(InputError::Terminal);
        }
        Ok(Input::video(STDIN, VideoKind::Pipe))
    }

    #[cfg(not(unix))]
    fn stdin() -> Result<Input, InputError> {
        Ok(Input::video(STDIN, VideoKind::Pipe))
    }

    /// Lines for people: what of the input is not read.
    pub(crate) fn notes(&self) -> &[String] {
        match self {
            Input::Video(_) => &[],
            Input::Pictures(pictures) => &pictures.notes,
        }
    }
}

fn kind_of_url(scheme: &str, url: &str) -> VideoKind {
    match scheme {
        _ if STREAM_SCHEMES.contains(&scheme) => VideoKind::Stream,
        _ if names_a_file(url) => VideoKind::File,
        _ => VideoKind::Url,
    }
}

/// Returns whether the path of a URL ends as that of a video file, which no camera does.
fn names_a_file(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let ending = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, ending)| ending);
    FILE_ENDINGS.iter().any(|file| ending.eq_ignore_ascii_case(file))
}

impl VideoInput {
    /// The name without user, password and query, for messages that others may read.
    pub(crate) fn shown(&self) -> String {
        match self.name.split_once("://") {
            Some((scheme, rest)) => {
                let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let host = rest[..authority].rfind('@').map_or(0, |at| at + 1);
                let path = rest[host..].split(['?', '#']).next().unwrap_or_default();
                format!("{scheme}://{path}")
            }
            None => self.name.clone(),
        }
    }

    /// Whether the input comes over a network, which may be silent.
    pub(crate) fn is_remote(&self) -> bool {
        self.name.contains("://")
    }

    /// The arguments that come before the name, and make ffmpeg give up a silent network: it would not notice that this program was
    /// killed.
    pub(crate) fn timeout(&self) -> &'static [&'static str] {
        /// One minute, in microseconds: longer than this program waits.
        const MOST_SILENCE: &str = "60000000";
        match self.name.split("://").next() {
            // For RTSP, versions of ffmpeg differ in what the option is called.
            Some("rtsp" | "rtsps") => &[],
            Some("udp") => &["-timeout", MOST_SILENCE],
            _ if self.is_remote() => &["-rw_timeout", MOST_SILENCE],
            _ => &[],
        }
    }

    /// The name as an argument of ffmpeg.
    pub(crate) fn url(&self) -> OsString {
        match self.kind {
            VideoKind::Pipe if self.name == STDIN => "pipe:0".into(),
            VideoKind::File | VideoKind::Pipe if !self.is_remote() => ffmpeg::file(self.name.as_ref()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str) -> VideoKind {
        match Input::new(name, false) {
            Ok(Input::Video(video)) => video.kind,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn urls_are_cameras_or_files() {
        assert_eq!(kind("rtsp://10.0.0.9/stream1"), VideoKind::Stream);
        assert_eq!(kind("RTSP://10.0.0.9/stream1"), VideoKind::Stream);
        assert_eq!(kind("https://example.org/a.MP4?key=1"), VideoKind::File);
        assert_eq!(kind("http://example.org/cgi-bin/mjpg?channel=1.mp4"), VideoKind::Url);
        assert_eq!(kind("udp://10.0.0.9:5000"), VideoKind::Stream);
    }

    #[test]
    fn messages_name_no_password() {
        for (name, shown) in [
            ("rtsp://ada:p@ss@cam.lan:554/a@b", "rtsp://cam.lan:554/a@b"),
            ("http://cam.lan/x?user=a@b", "http://cam.lan/x"),
            ("films/a@b.mp4", "films/a@b.mp4"),
        ] {
            assert_eq!(VideoInput { name: name.into(), kind: VideoKind::Stream }.shown(), shown);
        }
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
        let one = Input::new(&jpeg_called_png, false).unwrap();
        assert!(matches!(one, Input::Pictures(PictureInput { folder: None, .. })));
        assert_eq!(one.notes(), [""; 0]);
        assert_eq!(kind(&text_called_mp4), VideoKind::File);
        assert!(matches!(Input::new(&empty, false), Err(InputError::Empty { .. })));
        let all = Input::new(folder.path().to_str().unwrap(), false).unwrap();
        assert!(
            all.notes()[0].ends_with("2 files that are no pictures and no videos (a.jpg, c.mp4)"),
            "{:?}",
            all.notes()
        );
        let Input::Pictures(PictureInput { paths, folder: Some(at), .. }) = all else { panic!("{all:?}") };
        assert_eq!((paths, at.as_path()), (vec![jpeg_called_png.into()], folder.path()));
    }

    #[test]
    fn motion_jpeg_is_a_video() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let jpeg = facefleet_vision::jpeg::encode_rgb(&image::RgbImage::new(16, 16), 80).unwrap();
        fs::write(file.path(), jpeg.repeat(2)).unwrap();
        assert_eq!(kind(file.path().to_str().unwrap()), VideoKind::File);
        let photo = file.path().with_extension("jpg");
        fs::copy(file.path(), &photo).unwrap();
        let named = Input::new(photo.to_str().unwrap(), false).unwrap();
        fs::remove_file(&photo).unwrap();
        assert!(named.notes()[0].contains("rename it to .mjpeg"), "{:?}", named.notes());
    }

    #[test]
    fn what_is_not_there_is_named() {
        let error = Input::new("no/such/file.mp4", false).unwrap_err();
        assert!(error.to_string().contains("no/such/file.mp4"), "{error}");
        let empty = tempfile::tempdir().unwrap();
        std::fs::write(empty.path().join("notes.txt"), "words").unwrap();
        let error = Input::new(empty.path().to_str().unwrap(), false).unwrap_err();
        assert!(error.to_string().ends_with("1 file that is no picture and no video (notes.txt)"), "{error}");
    }
}
