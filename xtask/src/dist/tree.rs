//! Files by their place in an archive. The same files make the same bytes, whoever packs them, wherever and when.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use flate2::{Compression, GzBuilder};

use crate::error::Error;

/// What only root may write and everybody read.
const FILE: u32 = 0o644;
/// What everybody may also start, or look into.
const PROGRAM: u32 = 0o755;

/// Files by their paths, which are relative and use `/`.
#[derive(Clone, Default)]
pub(super) struct Tree(BTreeMap<String, File>);

#[derive(Clone)]
struct File {
    mode: u32,
    bytes: Vec<u8>,
}

impl Tree {
    /// Adds a file that is read.
    pub(super) fn add(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.insert(path.into(), File { mode: FILE, bytes: bytes.into() });
    }

    /// Adds a file that is started.
    pub(super) fn add_program(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.insert(path.into(), File { mode: PROGRAM, bytes: bytes.into() });
    }

    /// Adds every file of `folder` on disk below `path`.
    ///
    /// # Errors
    /// [`Error::File`]
    pub(super) fn add_folder(&mut self, path: &str, folder: &Path) -> Result<(), Error> {
        for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
            let file = entry.map_err(Error::file(folder))?.path();
            let name = file.file_name().expect("an entry of a folder has a name").to_string_lossy();
            self.add(format!("{path}/{name}"), fs::read(&file).map_err(Error::file(&file))?);
        }
        Ok(())
    }

    /// Paths, with folders before what is in them.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What the files take, in bytes.
    pub(super) fn size(&self) -> usize {
        self.0.values().map(|file| file.bytes.len()).sum()
    }

    /// A tar archive, compressed. `time`, in seconds since 1970, is that of every file.
    pub(super) fn tar_gz(&self, time: u64) -> Vec<u8> {
        let mut archive = tar::Builder::new(GzBuilder::new().write(Vec::new(), Compression::best()));
        let mut folders = BTreeSet::new();
        for (path, file) in &self.0 {
            for (end, _) in path.match_indices('/') {
                if folders.insert(&path[..end]) {
                    append(&mut archive, &path[..=end], tar::EntryType::Directory, PROGRAM, &[], time);
                }
            }
            append(&mut archive, path, tar::EntryType::Regular, file.mode, &file.bytes, time);
        }
        let finished = archive.into_inner().and_then(|gz| gz.finish());
        finished.expect("memory takes what is written")
    }
}

/// Appends one entry, which belongs to root.
fn append<W: io::Write>(
    archive: &mut tar::Builder<W>,
    path: &str,
    kind: tar::EntryType,
    mode: u32,
    bytes: &[u8],
    time: u64,
) {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_username("root").and_then(|()| header.set_groupname("root")).expect("both names are short");
    header.set_mtime(time);
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, path, bytes).expect("memory takes what is written, and paths are relative");
}

/// Bytes, compressed as Debian has man pages and changelogs: without a name or time in it.
pub(super) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzBuilder::new().write(Vec::new(), Compression::best());
    let written = gz.write_all(bytes).and_then(|()| gz.finish());
    written.expect("memory takes what is written")
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_order_of_adding_does_not_matter_and_the_time_is_the_given_one() {
        let mut one = Tree::default();
        one.add("etc/b", "2");
        one.add_program("etc/a/x", "1");
        let mut other = Tree::default();
        other.add_program("etc/a/x", "1");
        other.add("etc/b", "2");
        assert_eq!(one.tar_gz(1000), other.tar_gz(1000));
        assert_ne!(one.tar_gz(1000), one.tar_gz(1001));
        assert_eq!(one.size(), 2);
    }

    #[test]
    fn an_archive_has_folders_before_what_is_in_them_and_all_is_roots() {
        let mut tree = Tree::default();
        tree.add("etc/b", "2");
        tree.add_program("etc/a/x", "1");
        let bytes = tree.tar_gz(1000);
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 1000));
            seen.push((entry.path().unwrap().display().to_string(), header.mode().unwrap(), text));
        }
        let seen: Vec<_> = seen.iter().map(|(path, mode, text)| (path.as_str(), *mode, text.as_str())).collect();
        assert_eq!(seen, [("etc/", 0o755, ""), ("etc/a/", 0o755, ""), ("etc/a/x", 0o755, "1"), ("etc/b", 0o644, "2")]);
    }
}
