//! A file of whole lines that never grows past its limit.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How many full files are kept besides the one that is written.
const KEPT: u32 = 3;

#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    max_bytes: u64,
    file: File,
    bytes: u64,
}

impl RotatingFile {
    /// Opens the file to append to it, or makes it.
    pub(super) fn open(path: PathBuf, max_bytes: u64) -> io::Result<RotatingFile> {
        let (file, bytes) = append_to(&path)?;
        Ok(RotatingFile { path, max_bytes, file, bytes })
    }

    /// Writes one line. On an error nothing of it stays in the file, as far as the system lets us.
    pub(super) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let length = line.len() as u64;
        if self.bytes > 0 && self.bytes + length > self.max_bytes {
            self.rotate()?;
        }
        if let Err(error) = self.file.write_all(line) {
            // A full disk takes half a line. The error to report is the first one.
            let _ = self.file.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += length;
        Ok(())
    }

    /// `FILE` becomes `FILE.1`, which becomes `FILE.2`, and so on up to a number that is free; if none is, the last one
    /// goes. What failed is done again with the next line, and must not move a file that has moved already: the free
    /// number is where it stopped, and a `FILE` that is not there has moved and only the new one is missing.
    fn rotate(&mut self) -> io::Result<()> {
        if self.path.try_exists()? {
            let mut last = 1;
            while last < KEPT && numbered(&self.path, last).try_exists()? {
                last += 1;
            }
            for n in (1..last).rev() {
                rename(&numbered(&self.path, n), &numbered(&self.path, n + 1))?;
            }
            rename(&self.path, &numbered(&self.path, 1))?;
        }
        (self.file, self.bytes) = append_to(&self.path)?;
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

/// Renames, replacing what is there. A file that is not there, because it is not yet needed or somebody has tidied up,
/// is no error.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

fn numbered(path: &Path, n: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{n}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn files_rotate_before_they_grow_past_the_limit_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("beats.jsonl");
        let mut file = RotatingFile::open(path.clone(), 8).unwrap();
        for n in 0..10 {
            file.append(format!("{n}..\n").as_bytes()).unwrap();
        }
        assert_eq!(read(&path), "8..\n9..\n");
        assert_eq!(read(&numbered(&path, 1)), "6..\n7..\n");
        assert_eq!(read(&numbered(&path, 2)), "4..\n5..\n");
        assert_eq!(read(&numbered(&path, 3)), "2..\n3..\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }

    #[test]
    fn a_line_longer_than_the_limit_has_a_file_to_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("beats.jsonl");
        let mut file = RotatingFile::open(path.clone(), 0).unwrap();
        file.append(b"first\n").unwrap();
        file.append(b"second\n").unwrap();
        assert_eq!((read(&path).as_str(), read(&numbered(&path, 1)).as_str()), ("second\n", "first\n"));
    }

    #[test]
    fn a_restart_goes_on_where_the_file_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("beats.jsonl");
        RotatingFile::open(path.clone(), 8).unwrap().append(b"1..\n").unwrap();
        let mut file = RotatingFile::open(path.clone(), 8).unwrap();
        file.append(b"2..\n").unwrap();
        file.append(b"3..\n").unwrap();
        assert_eq!((read(&path).as_str(), read(&numbered(&path, 1)).as_str()), ("3..\n", "1..\n2..\n"));
    }

    #[test]
    fn a_failed_rotation_is_an_error_and_the_next_line_tries_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("beats.jsonl");
        let mut file = RotatingFile::open(path.clone(), 4).unwrap();
        file.append(b"1..\n").unwrap();
        // A folder that is not empty cannot be replaced by a file.
        fs::create_dir_all(numbered(&path, 1).join("in the way")).unwrap();
        fs::create_dir_all(numbered(&path, 2).join("in the way")).unwrap();
        fs::create_dir_all(numbered(&path, 3).join("in the way")).unwrap();
        file.append(b"2..\n").unwrap_err();
        assert_eq!(read(&path), "1..\n");
        (1..=3).for_each(|n| fs::remove_dir_all(numbered(&path, n)).unwrap());
        file.append(b"3..\n").unwrap();
        assert_eq!((read(&path).as_str(), read(&numbered(&path, 1)).as_str()), ("3..\n", "1..\n"));
    }

    #[test]
    #[cfg(unix)]
    fn a_rotation_that_cannot_make_the_new_file_moves_the_old_ones_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("beats.jsonl");
        let mut file = RotatingFile::open(path.clone(), 4).unwrap();
        for n in 1..=4 {
            file.append(format!("{n}..\n").as_bytes()).unwrap();
        }
        fs::remove_file(&path).unwrap();
        // Nothing can be made here, and it counts as not there.
        std::os::unix::fs::symlink(folder.path().join("missing").join("beats"), &path).unwrap();
        for _ in 0..5 {
            file.append(b"5..\n").unwrap_err();
        }
        fs::remove_file(&path).unwrap();
        file.append(b"6..\n").unwrap();
        assert_eq!(read(&path), "6..\n");
        assert_eq!([1, 2, 3].map(|n| read(&numbered(&path, n))), ["3..\n", "2..\n", "1..\n"]);
    }

    #[test]
    fn a_rotation_goes_on_where_it_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("beats.jsonl");
        let mut file = RotatingFile::open(path.clone(), 4).unwrap();
        for n in 1..=4 {
            file.append(format!("{n}..\n").as_bytes()).unwrap();
        }
        // As after a rotation that moved FILE.1, but could not move FILE.
        fs::remove_file(numbered(&path, 1)).unwrap();
        file.append(b"5..\n").unwrap();
        assert_eq!([1, 2, 3].map(|n| read(&numbered(&path, n))), ["4..\n", "2..\n", "1..\n"]);
    }
}
