//! Files that are written whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::source::shown;

/// How much of the name of a file is in the name of its part, in bytes. The names of files are limited to 255.
const MOST_NAME_BYTES: usize = 100;

/// Writes a file as a whole, in place of one that may be there. After an error the file is as it was.
///
/// # Errors
/// Fails if the bytes cannot be written.
pub(crate) fn write(out: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = Part::of(out)?;
    fs::write(part.path(), bytes)?;
    part.publish()
}

/// A file in the making. It has a name of its own beside its destination until it is published, and is deleted if it never is.
#[derive(Debug)]
pub(crate) struct Part {
    path: TempPath,
    destination: Destination,
}

#[derive(Debug)]
enum Destination {
    /// The part takes the place of this file.
    File(PathBuf),
    /// A device or a FIFO cannot be replaced: the part is copied into it.
    Special(PathBuf),
}

impl Part {
    /// Creates an empty file beside `out`. Its name ends as that of `out` does, because programs go by the ending.
    ///
    /// # Errors
    /// Fails if the folder of `out` cannot be written to.
    pub(crate) fn of(out: &Path) -> io::Result<Part> {
        let destination = match fs::metadata(out) {
            Ok(metadata) if !metadata.is_file() => Destination::Special(out.to_owned()),
            // A link stays, and what it leads to is replaced.
            Ok(_) => Destination::File(out.canonicalize()?),
            Err(_) => Destination::File(out.to_owned()),
        };
        let name = shown(&out.file_name().unwrap_or_default().to_string_lossy(), MOST_NAME_BYTES);
        let ending = out.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
        let prefix = format!(".{name}.part-");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(&ending);
        set_permissions(&mut builder);
        let file = match &destination {
            Destination::File(out) => builder.tempfile_in(folder(out))?,
            Destination::Special(_) => builder.tempfile()?,
        };
        Ok(Part { path: file.into_temp_path(), destination })
    }

    /// The path to write to.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the complete file in its place.
    ///
    /// # Errors
    /// Fails if the bytes cannot be brought to the disk, or the file cannot be moved.
    pub(crate) fn publish(self) -> io::Result<()> {
        let Part { path, destination } = self;
        // Only who may write can bring the bytes to the disk, on Windows.
        let mut file = File::options().read(true).write(true).open(&path)?;
        file.sync_all()?;
        match destination {
            Destination::File(out) => Ok(path.persist(out)?),
            Destination::Special(out) => {
                let mut special = File::options().write(true).open(out)?;
                io::copy(&mut file, &mut special).map(drop)
            }
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Gives the file the permissions of any other new file. Files for temporary use are private to their user.
#[cfg(unix)]
fn set_permissions(builder: &mut tempfile::Builder<'_, '_>) {
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
}

#[cfg(not(unix))]
fn set_permissions(_: &mut tempfile::Builder<'_, '_>) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_there_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out.mp4");
        fs::write(&out, "old").unwrap();
        let part = Part::of(&out).unwrap();
        fs::write(part.path(), "new").unwrap();
        assert_eq!(fs::read_to_string(&out).unwrap(), "old");
        assert!(part.path().extension().is_some_and(|ending| ending == "mp4"));
        drop(part);
        assert_eq!(names(folder.path()), ["out.mp4"]);
        write(&out, b"newer").unwrap();
        assert_eq!(fs::read_to_string(&out).unwrap(), "newer");
        let long = folder.path().join(format!("{}.mp4", "x".repeat(251)));
        write(&long, b"x").unwrap();
        fs::remove_file(long).unwrap();
        let part = Part::of(&out).unwrap();
        fs::write(part.path(), "new").unwrap();
        part.publish().unwrap();
        assert_eq!(fs::read_to_string(&out).unwrap(), "new");
        assert_eq!(names(folder.path()), ["out.mp4"]);
        assert!(Part::of(&folder.path().join("none/out.mp4")).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn links_stay_and_devices_are_written_to() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (real, link, full) =
            (folder.path().join("real.mp4"), folder.path().join("link.mp4"), folder.path().join("full.mp4"));
        fs::write(&real, "old").unwrap();
        symlink(&real, &link).unwrap();
        symlink("/dev/full", &full).unwrap();
        let part = Part::of(&link).unwrap();
        fs::write(part.path(), "new").unwrap();
        part.publish().unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert!(link.is_symlink());
        let others_may_read = fs::metadata(&real).unwrap().permissions().mode() & 0o044;
        let usual = File::create(folder.path().join("usual")).unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(others_may_read, usual & 0o044);

        let part = Part::of(&full).unwrap();
        fs::write(part.path(), "new").unwrap();
        assert_eq!(part.publish().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
