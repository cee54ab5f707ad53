//! `cargo xtask dist`: what is installed on other machines. For each processor an archive with everything, and a Debian package
//! for each program. The same commit makes the same bytes.

mod arch;
mod build;
pub(crate) mod check;
mod common;
mod contents;
mod deb;
mod licences;
mod sandbox;
mod tree;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use arch::Arch;
pub(crate) use build::client;
pub(crate) use deb::file_name;

use crate::error::Error;
use crate::process;
use crate::wait::Stop;
use contents::Parts;

/// Where the packages go. The folder is emptied first, so everything in it is from one run.
const FOLDER: &str = "target/dist";
/// Where man pages and completions are written on the way.
const MANUALS: &str = "target/dist-manuals";
/// The sums of the packages, as `sha256sum --check` reads them.
const SUMS: &str = "SHA256SUMS";
/// The version of all programs: the workspace has one.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Makes the packages for these processors and returns the folder that they are in.
///
/// # Errors
/// The first thing that failed; [`Error::Exposed`] when a service is not shut in as it should be.
pub(crate) fn run(archs: &[Arch], stop: &Stop) -> Result<PathBuf, Error> {
    sandbox::check(Path::new(""), stop)?;
    let folder = PathBuf::from(FOLDER);
    empty(&folder)?;
    let mut names = Vec::new();
    for arch in archs {
        names.extend(write(&parts(*arch, stop)?, &folder)?);
    }
    let mut sums = Command::new("sha256sum");
    let mut sums = process::output("sha256sum", sums.args(&names).current_dir(&folder), stop)?.join("\n");
    sums.push('\n');
    let file = folder.join(SUMS);
    fs::write(&file, &sums).map_err(Error::file(&file))?;
    print!("\n{sums}");
    for name in &names {
        let file = folder.join(name);
        let size = file.metadata().map_err(Error::file(&file))?.len();
        println!("{} {:.1} MB", file.display(), size as f64 / 1e6);
    }
    Ok(folder)
}

/// Builds what the packages of a processor are made of.
fn parts(arch: Arch, stop: &Stop) -> Result<Parts, Error> {
    println!("\n== {}: programs", arch.name());
    let programs = build::programs(arch, stop)?;
    println!("== {}: manuals and licences", arch.name());
    let manuals = PathBuf::from(MANUALS);
    empty(&manuals)?;
    build::manuals(&manuals, stop)?;
    let (licences, time) = (licences::collect(arch, stop)?, time(stop)?);
    let mut date = Command::new("date");
    let date = process::output("date", date.args(["--utc", "--rfc-email", &format!("--date=@{time}")]), stop)?.concat();
    Ok(Parts { arch, version: VERSION.to_owned(), programs, manuals, licences, time, date })
}

/// Writes the files of a release into `folder` and returns their names.
fn write(parts: &Parts, folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for (name, bytes) in parts.pack()? {
        let file = folder.join(&name);
        fs::write(&file, bytes).map_err(Error::file(&file))?;
        names.push(name);
    }
    Ok(names)
}

/// Makes a folder with nothing in it.
fn empty(folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Error::file(folder))?;
    }
    fs::create_dir_all(folder).map_err(Error::file(folder))
}

/// The time that everything in the packages has: `SOURCE_DATE_EPOCH`, or that of the commit.
fn time(stop: &Stop) -> Result<u64, Error> {
    let text = match env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => {
            let mut git = Command::new("git");
            let lines = process::output("git", git.args(["log", "-1", "--format=%ct"]), stop);
            lines.map_err(|_| Error::NoTime)?.concat()
        }
    };
    text.parse().map_err(|_| Error::NoTime)
}
