//! `cargo xtask codegen`: what is made of `proto/*.proto` and committed.

use crate::error::Error;
use crate::wait::Stop;
use crate::{cargo, process};

/// Runs the generator, `src/bin/codegen.rs`. A test in it says whether what is committed is up to date.
///
/// # Errors
/// The generator could not be built, or failed.
pub(crate) fn run(stop: &Stop) -> Result<(), Error> {
    let mut generator = cargo::command();
    generator.args(["run", "--locked", "--quiet", "--package", "xtask", "--features", "codegen", "--bin", "codegen"]);
    process::run("the code generator", &mut generator, stop)
}
