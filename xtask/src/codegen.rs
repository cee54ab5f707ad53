//! `cargo xtask codegen`: what is made of `proto/*.proto` and committed.

use std::fs;
use std::path::Path;

use crate::error::Error;
use crate::wait::Stop;
use crate::{cargo, process};

/// Where the generator writes.
const FRESH: &str = "target/codegen";
/// Where what it writes is committed.
const COMMITTED: &str = "proto/src/gen";
/// The Rust code, and the descriptors of each file for reflection.
const FILES: [&str; 3] = ["wire.rs", "master.bin", "stream_video.bin"];

/// Writes what is generated, or with `check` only says whether it is what the proto files say.
///
/// # Errors
/// Those of the generator, and [`Error::Stale`] when `check` finds a difference.
pub(crate) fn run(check: bool, stop: &Stop) -> Result<(), Error> {
    let mut generator = cargo::command();
    generator.args(["run", "--locked", "--quiet", "--package", "xtask", "--features", "codegen", "--bin", "codegen"]);
    // The generator runs for a moment and takes minutes to optimise.
    generator.args(["--config", r#"profile.dev.package."*".opt-level=0"#, "--", FRESH]);
    process::run("the code generator", &mut generator, stop)?;
    for file in FILES {
        let fresh = Path::new(FRESH).join(file);
        let code = fs::read(&fresh).map_err(Error::file(&fresh))?;
        apply(&code, &Path::new(COMMITTED).join(file), check)?;
    }
    Ok(())
}

/// Brings `file` up to date with `code`. A file that is up to date is not touched, so that nothing is built again.
fn apply(code: &[u8], file: &Path, check: bool) -> Result<(), Error> {
    let committed = fs::read(file).unwrap_or_default();
    if as_committed(&committed) == as_committed(code) {
        println!("{} is up to date", file.display());
        return Ok(());
    }
    if check {
        return Err(Error::Stale { path: file.to_owned(), command: "codegen" });
    }
    fs::write(file, code).map_err(Error::file(file))?;
    println!("wrote {}", file.display());
    Ok(())
}

/// Text with the line ends that it was committed with: a checkout on Windows may have turned them. Else the bytes.
fn as_committed(bytes: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.replace("\r\n", "\n").into_bytes(),
        Err(_) => bytes.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    #[test]
    fn a_stale_file_fails_the_check_and_is_written_without_it() {
        let file = env::temp_dir().join(format!("facefleet-codegen-{}.rs", std::process::id()));
        assert!(matches!(apply(b"new\n", &file, true), Err(Error::Stale { .. })), "a missing file is stale");
        apply(b"new\n", &file, false).unwrap();
        apply(b"new\n", &file, true).unwrap();
        fs::write(&file, "old\n").unwrap();
        assert!(matches!(apply(b"new\n", &file, true), Err(Error::Stale { .. })));
        fs::write(&file, "new\r\n").unwrap();
        apply(b"new\n", &file, true).unwrap();
        fs::remove_file(&file).unwrap();
    }
}
