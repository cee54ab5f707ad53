//! Calling cargo from a program that cargo runs.

use std::collections::HashMap;
use std::env;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::error::Error;
use crate::process;
use crate::wait::Stop;

/// The cargo that started xtask.
pub(crate) fn command() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The programs of facefleet; each comes from the package of the same name.
pub(crate) const PROGRAMS: [&str; 3] = ["facefleet-master", "facefleet-worker", "facefleet-client"];

/// The profile of what is copied to other machines.
pub(crate) const RELEASE: &str = "release";

/// The profile of what runs here and is copied nowhere: optimised as for a release, but for what takes minutes and saves space.
pub(crate) const QUICK: &str = "quick";

/// Features of the workspace with which every check builds it: all that is off by default. With any other selection of packages
/// or features cargo would give some libraries other features, and compile them and whatever is above them once more.
pub(crate) const FEATURES: &str = "xtask/codegen,xtask/manuals,facefleet-client/otlp,facefleet-worker/otlp";

/// Builds programs to be run here, each from the package of the same name, and returns where cargo put them.
///
/// # Errors
/// The build failed, or [`Error::NoProgram`] when a package holds no such program.
pub(crate) fn build_quick<const N: usize>(programs: [&str; N], stop: &Stop) -> Result<[PathBuf; N], Error> {
    build_programs(command().args(["build", "--profile", QUICK]), programs, stop)
}

/// Builds programs as `cargo xtask test` builds them, after which nothing is left to do here, and returns where cargo put them.
/// `kind` is cargo's flag before the name of each: `--bin` or `--example`.
///
/// # Errors
/// The build failed, or [`Error::NoProgram`] when the workspace holds no such program.
pub(crate) fn build_as_tested<const N: usize>(
    kind: &str,
    programs: [&str; N],
    stop: &Stop,
) -> Result<[PathBuf; N], Error> {
    let mut cargo = command();
    cargo.args(["build", "--workspace", "--features", FEATURES]).args(programs.iter().flat_map(|name| [kind, name]));
    build(&mut cargo, programs, stop)
}

/// Builds programs, each from the package of the same name, and returns where cargo put them. `cargo` is a build by a cargo of
/// the caller's, which may have flags of its own.
///
/// # Errors
/// The build failed, or [`Error::NoProgram`] when a package holds no such program.
pub(crate) fn build_programs<const N: usize>(
    cargo: &mut Command,
    programs: [&str; N],
    stop: &Stop,
) -> Result<[PathBuf; N], Error> {
    cargo.args(programs.into_iter().flat_map(|program| ["--package", program]));
    build(cargo.arg("--bins"), programs, stop)
}

fn build<const N: usize>(cargo: &mut Command, programs: [&str; N], stop: &Stop) -> Result<[PathBuf; N], Error> {
    let build = cargo.args(["--locked", "--message-format=json-render-diagnostics"]);
    let mut built = executables(&process::output("cargo build", build, stop)?);
    let mut paths = [const { PathBuf::new() }; N];
    for (path, program) in paths.iter_mut().zip(programs) {
        *path = built.remove(program).ok_or_else(|| Error::NoProgram(program.to_owned()))?;
    }
    Ok(paths)
}

/// The programs in cargo's messages, by name. Lines that are no message are left alone.
fn executables(messages: &[String]) -> HashMap<String, PathBuf> {
    let executable = |line: &String| {
        let message: Value = serde_json::from_str(line).ok()?;
        let name = message["target"]["name"].as_str()?;
        let path = message["executable"].as_str()?;
        Some((name.to_owned(), path.into()))
    };
    messages.iter().filter_map(executable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_cargos_messages() {
        let messages = [
            r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"alpha"},"executable":null}"#,
            r#"{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"beta"},"executable":"C:\\t\\beta.exe"}"#,
            "not a message",
            r#"{"reason":"build-finished","success":true}"#,
        ];
        let found = executables(&messages.map(str::to_owned));
        assert_eq!(found, HashMap::from([("beta".to_owned(), PathBuf::from(r"C:\t\beta.exe"))]));
    }
}
