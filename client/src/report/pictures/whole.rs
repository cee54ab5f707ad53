//! Files that are whole or not there.

use std::io::{self, Write};
use std::path::Path;

use crate::source::shown;

/// How much of the name of a file is in the name of its neighbour, in bytes. The names of files are limited to 255.
const MOST_NAME_BYTES: usize = 100;

/// Writes a file, in place of one that may be there. The bytes go to a neighbour with a name that nobody has, which gets the name of
/// the file once all bytes are on the disk. After an error there is no neighbour, and the file is as it was.
pub(super) fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{}.part-", shown(&name, MOST_NAME_BYTES));
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    // A temporary file is private by default; this one becomes a file like all others, for which the umask decides.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut neighbour = builder.tempfile_in(folder)?;
    neighbour.write_all(bytes)?;
    neighbour.as_file().sync_all()?;
    neighbour.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.jpg");
        for bytes in [&b"one"[..], b"another"] {
            write(&file, bytes).unwrap();
            assert_eq!(fs::read(&file).unwrap(), bytes);
        }
        let beside = folder.path().join("b.jpg");
        fs::write(&beside, "as any file is written").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions(), fs::metadata(&beside).unwrap().permissions());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_name_that_is_taken_by_a_folder_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("a.jpg");
        fs::create_dir_all(taken.join("inside")).unwrap();
        assert!(write(&taken, b"bytes").is_err());
        assert!(taken.join("inside").is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the neighbour is gone");
        assert!(write(&folder.path().join("no folder/a.jpg"), b"bytes").is_err());
    }
}
