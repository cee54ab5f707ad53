//! Records which tests were skipped, and why: each says so in a file, since a test program has no other way to tell its caller.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::{self, Display, Formatter};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// The variable of the environment that names the file to which each skipped test adds a line.
pub const SKIPPED: &str = "FACEFLEET_SKIPPED";

/// Says on stderr and in the file that a test was skipped.
pub(crate) fn skip(test: &str, why: &str) {
    // Not `eprintln!`: the test runner keeps what that writes, and shows it for failed tests alone.
    let _ = writeln!(io::stderr(), "SKIPPED {test}: {why}");
    if let Some(path) = env::var_os(SKIPPED) {
        add(Path::new(&path), test, why).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// Adds a line with one write, so that lines of tests that run at the same time do not mix.
fn add(path: &Path, test: &str, why: &str) -> io::Result<()> {
    let mut file = File::options().create(true).append(true).open(path)?;
    file.write_all(format!("{test}\t{why}\n").as_bytes())
}

/// The tests that were skipped, by reason. Its text is part of a sentence: `2 (etcd is not installed), 1 (…)`.
#[derive(Debug, Default, PartialEq)]
pub struct Skips(BTreeMap<String, BTreeSet<String>>);

impl Skips {
    /// Reads the file that tests have written. One that is not there says that none was skipped.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read(path: &Path) -> io::Result<Skips> {
        match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Skips::default()),
            read => read.map(|lines| Skips::parse(&lines)),
        }
    }

    /// A test that lacks one thing twice counts once.
    fn parse(lines: &str) -> Skips {
        let mut skips = Skips::default();
        for (test, why) in lines.lines().filter_map(|line| line.split_once('\t')) {
            skips.0.entry(why.to_owned()).or_default().insert(test.to_owned());
        }
        skips
    }

    /// How many tests were skipped.
    pub fn tests(&self) -> usize {
        self.0.values().flatten().collect::<BTreeSet<_>>().len()
    }
}

impl Display for Skips {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (n, (why, tests)) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{} ({why})", tests.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_once_for_each_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("skipped");
        assert_eq!(Skips::read(&path).unwrap(), Skips::default());
        for (test, why) in [("a", "no etcd"), ("b", "no etcd"), ("b", "no etcd"), ("b", "no TUN")] {
            add(&path, test, why).unwrap();
        }
        let skips = Skips::read(&path).unwrap();
        assert_eq!((skips.tests(), skips.to_string()), (2, "1 (no TUN), 2 (no etcd)".to_owned()));
        assert!(Skips::read(folder.path()).is_err(), "a folder is no file");
    }
}
