//! Tools that cargo installs. They go into a folder of the project's own, so that nothing outside the checkout changes.

use std::env;
use std::path::{self, Path};
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::wait::Stop;
use crate::{cargo, process};

const TOOLS: &str = "target/tools";

/// Makes sure that there is a `cargo <name>`. Building `package`, with its version, takes minutes, once in a checkout.
///
/// # Errors
/// cargo could not install it.
pub(crate) fn install(name: &str, package: &str, stop: &Stop) -> Result<(), Error> {
    let mut version = cargo();
    version.args([name, "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    match process::run(&format!("cargo {name}"), &mut version, stop) {
        Err(Error::Failed { .. }) => {}
        there => return there,
    }
    println!("installing {package} into {TOOLS}, once; this takes a few minutes");
    // Unoptimised: each runs for seconds, and would take minutes longer to build.
    process::run("cargo install", cargo().args(["install", "--locked", "--debug", "--root", TOOLS, package]), stop)
}

/// A cargo that also finds the project's own tools.
pub(crate) fn cargo() -> Command {
    let mut command = cargo::command();
    let ours = path::absolute(Path::new(TOOLS).join("bin"));
    let inherited = env::var_os("PATH").unwrap_or_default();
    // A checkout whose path cannot stand in PATH has to bring its own tools.
    if let Some(path) = ours.ok().and_then(|ours| env::join_paths(env::split_paths(&inherited).chain([ours])).ok()) {
        command.env("PATH", path);
    }
    command
}
