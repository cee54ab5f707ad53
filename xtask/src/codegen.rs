//! `cargo xtask codegen`: the committed Rust code of `proto/*.proto`.

use std::fs;
use std::path::Path;

use crate::error::Error;
use crate::wait::Stop;
use crate::{cargo, process};

/// Where the generated code is committed.
const GENERATED: &str = "proto/src/gen/wire.rs";

/// Writes the generated code, or with `check` only says whether it is what the proto files say.
///
/// # Errors
/// Those of the generator, and [`Error::Stale`] when `check` finds a difference.
pub(crate) fn run(check: bool, stop: &Stop) -> Result<(), Error> {
    let mut generator = cargo::command();
    generator.args(["run", "--locked", "--quiet", "--package", "xtask", "--features", "codegen", "--bin", "codegen"]);
    // The generator runs for a moment and takes minutes to optimise.
    generator.args(["--config", r#"profile.dev.package."*".opt-level=0"#]);
    let mut code = process::output("the code generator", &mut generator, stop)?.join("\n");
    code.push('\n');
    apply(&code, Path::new(GENERATED), check)
}

/// Brings `file` up to date with `code`. A file that is up to date is not touched, so that nothing is built again.
fn apply(code: &str, file: &Path, check: bool) -> Result<(), Error> {
    // A checkout on Windows may have turned the line ends.
    let committed = fs::read_to_string(file).unwrap_or_default().replace("\r\n", "\n");
    if committed == code {
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

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    #[test]
    fn a_stale_file_fails_the_check_and_is_written_without_it() {
        let file = env::temp_dir().join(format!("facefleet-codegen-{}.rs", std::process::id()));
        assert!(matches!(apply("new\n", &file, true), Err(Error::Stale { .. })), "a missing file is stale");
        apply("new\n", &file, false).unwrap();
        apply("new\n", &file, true).unwrap();
        fs::write(&file, "old\n").unwrap();
        assert!(matches!(apply("new\n", &file, true), Err(Error::Stale { .. })));
        fs::write(&file, "new\r\n").unwrap();
        apply("new\n", &file, true).unwrap();
        fs::remove_file(&file).unwrap();
    }
}
