//! A file of whole lines that never grows past its limits, in size and in age.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// How many full files are kept besides the one that is written.
const KEPT: u32 = 3;

/// When a file is full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) bytes: u64,
    /// Time since the first line.
    pub(super) age: Duration,
}

#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    limits: Limits,
    file: File,
    bytes: u64,
    /// When the first line was written, in microseconds since 1970; None: there is none, or the system does not know.
    since_us: Option<u64>,
}

impl RotatingFile {
    /// Opens the file to append to it, or makes it.
    pub(super) fn open(path: PathBuf, limits: Limits) -> io::Result<RotatingFile> {
        let (file, bytes) = append_to(&path)?;
        let since_us = if bytes > 0 { made_us(&file) } else { None };
        Ok(RotatingFile { path, limits, file, bytes, since_us })
    }

    /// Appends one line. `now_us` is the time in microseconds since 1970. On an error nothing of the line stays in the file, as
    /// far as the system lets us remove it.
    pub(super) fn append(&mut self, line: &[u8], now_us: u64) -> io::Result<()> {
        let length = line.len() as u64;
        if self.bytes > 0 && (self.bytes + length > self.limits.bytes || self.is_old(now_us)) {
            self.rotate()?;
        }
        if let Err(error) = self.file.write_all(line) {
            // A full disk takes half a line. The error to report is the first one.
            let _ = self.file.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += length;
        self.since_us.get_or_insert(now_us);
        Ok(())
    }

    /// Whether the file has reached its age limit. A clock that was set back makes the file look young, and does no other harm.
    fn is_old(&self, now_us: u64) -> bool {
        let age = self.since_us.map_or(0, |since| now_us.saturating_sub(since));
        Duration::from_micros(age) >= self.limits.age
    }

    /// Renames `FILE` to `FILE.1`, `FILE.1` to `FILE.2`, and so on up to a number that is free. If none is, the last file goes.
    ///
    /// A rotation that failed is tried again with the next line, and must not move a file that has moved already. So it stops at
    /// the first free number, where the last attempt stopped; and where `FILE` is missing, it only makes the new file.
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
        self.since_us = None;
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

/// When a file was made, which is when its first line was written; None where the system does not say.
fn made_us(file: &File) -> Option<u64> {
    let made = file.metadata().ok()?.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(made.as_micros()).ok()
}

/// Renames a file, and replaces what is there. A missing file is no error: it is not needed yet, or somebody has tidied up.
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

    /// Any time will do where it is not the age that counts.
    const NOW: u64 = 1_800_000_000_000_000;

    /// A file that does not grow old.
    fn open(path: &Path, bytes: u64) -> io::Result<RotatingFile> {
        RotatingFile::open(path.to_owned(), Limits { bytes, age: Duration::MAX })
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn files_rotate_before_they_grow_past_the_limit_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("beats.jsonl");
        let mut file = open(&path, 8).unwrap();
        for n in 0..10 {
            file.append(format!("{n}..\n").as_bytes(), NOW).unwrap();
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
        let mut file = open(&path, 0).unwrap();
        file.append(b"first\n", NOW).unwrap();
        file.append(b"second\n", NOW).unwrap();
        assert_eq!((read(&path).as_str(), read(&numbered(&path, 1)).as_str()), ("second\n", "first\n"));
    }

    #[test]
    fn a_restart_goes_on_where_the_file_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("beats.jsonl");
        open(&path, 8).unwrap().append(b"1..\n", NOW).unwrap();
        let mut file = open(&path, 8).unwrap();
        file.append(b"2..\n", NOW).unwrap();
        file.append(b"3..\n", NOW).unwrap();
        assert_eq!((read(&path).as_str(), read(&numbered(&path, 1)).as_str()), ("3..\n", "1..\n2..\n"));
    }

    #[test]
    fn a_failed_rotation_is_an_error_and_the_next_line_tries_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("beats.jsonl");
        let mut file = open(&path, 4).unwrap();
        file.append(b"1..\n", NOW).unwrap();
        // A folder that is not empty cannot be replaced by a file.
        fs::create_dir_all(numbered(&path, 1).join("in the way")).unwrap();
        fs::create_dir_all(numbered(&path, 2).join("in the way")).unwrap();
        fs::create_dir_all(numbered(&path, 3).join("in the way")).unwrap();
        file.append(b"2..\n", NOW).unwrap_err();
        assert_eq!(read(&path), "1..\n");
        (1..=3).for_each(|n| fs::remove_dir_all(numbered(&path, n)).unwrap());
        file.append(b"3..\n", NOW).unwrap();
        assert_eq!((read(&path).as_str(), read(&numbered(&path, 1)).as_str()), ("3..\n", "1..\n"));
    }

    #[test]
    #[cfg(unix)]
    fn a_rotation_that_cannot_make_the_new_file_moves_the_old_ones_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("beats.jsonl");
        let mut file = open(&path, 4).unwrap();
        for n in 1..=4 {
            file.append(format!("{n}..\n").as_bytes(), NOW).unwrap();
        }
        fs::remove_file(&path).unwrap();
        // Nothing can be made here, and it counts as not there.
        std::os::unix::fs::symlink(folder.path().join("missing").join("beats"), &path).unwrap();
        for _ in 0..5 {
            file.append(b"5..\n", NOW).unwrap_err();
        }
        fs::remove_file(&path).unwrap();
        file.append(b"6..\n", NOW).unwrap();
        assert_eq!(read(&path), "6..\n");
        assert_eq!([1, 2, 3].map(|n| read(&numbered(&path, n))), ["3..\n", "2..\n", "1..\n"]);
    }

    #[test]
    fn a_rotation_goes_on_where_it_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("beats.jsonl");
        let mut file = open(&path, 4).unwrap();
        for n in 1..=4 {
            file.append(format!("{n}..\n").as_bytes(), NOW).unwrap();
        }
        // As after a rotation that moved FILE.1, but could not move FILE.
        fs::remove_file(numbered(&path, 1)).unwrap();
        file.append(b"5..\n", NOW).unwrap();
        assert_eq!([1, 2, 3].map(|n| read(&numbered(&path, n))), ["4..\n", "2..\n", "1..\n"]);
    }

    #[test]
    fn a_file_rotates_when_its_first_line_is_old_enough() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("beats.jsonl");
        let limits = Limits { bytes: 1000, age: Duration::from_secs(60) };
        let mut file = RotatingFile::open(path.clone(), limits).unwrap();
        let at = |seconds: u64| NOW + seconds * 1_000_000;
        // The fourth is of a clock that was set back.
        for (line, seconds) in
            [(b"1..\n", 0), (b"2..\n", 59), (b"3..\n", 60), (b"4..\n", 2), (b"5..\n", 119), (b"6..\n", 120)]
        {
            file.append(line, at(seconds)).unwrap();
        }
        let files = [numbered(&path, 2), numbered(&path, 1), path].map(|path| read(&path));
        assert_eq!(files, ["1..\n2..\n", "3..\n4..\n5..\n", "6..\n"]);
    }

    #[test]
    fn a_restart_does_not_make_a_file_young() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("beats.jsonl");
        open(&path, 1000).unwrap().append(b"1..\n", NOW).unwrap();
        let limits = Limits { bytes: 1000, age: Duration::from_secs(60) };
        let mut file = RotatingFile::open(path.clone(), limits).unwrap();
        // Where the system does not say when a file was made, it is as old as what is written to it first.
        let made = made_us(&file.file).unwrap_or(NOW);
        file.append(b"2..\n", made + 59_999_999).unwrap();
        file.append(b"3..\n", made + 120_000_000).unwrap();
        assert_eq!((read(&path).as_str(), read(&numbered(&path, 1)).as_str()), ("3..\n", "1..\n2..\n"));
    }
}
