//! The programs as they go onto a board.

use std::path::PathBuf;

use super::{TARGET, cargo};
use crate::cargo::{RELEASE, build_programs};
use crate::error::Error;
use crate::wait::Stop;

/// What compiles C and C++ and packs objects, as build scripts find it for a target: by these names, before the target's
/// own after `_` or after `TARGET_` themselves.
const C_TOOLS: [&str; 3] = ["CC", "CXX", "AR"];
/// A program that fails whatever it is asked for.
const FAILS: &str = "false";
/// The protobuf compiler that is not there.
const NO_PROTOC: &str = "/nonexistent/protoc";

/// Builds programs for arm64 as they are released, and returns where they are. All that it takes beside Rust is a linker and the
/// C library that is linked: whatever else a dependency might call for the target fails.
///
/// # Errors
/// [`Error::NotRustAlone`] when the build failed.
pub(crate) fn programs<const N: usize>(programs: [&str; N], stop: &Stop) -> Result<[PathBuf; N], Error> {
    let mut cargo = cargo();
    for tool in C_TOOLS {
        cargo.env(format!("{tool}_{}", TARGET.replace('-', "_")), FAILS).env(format!("TARGET_{tool}"), FAILS);
    }
    cargo.env("PROTOC", NO_PROTOC);
    let build = cargo.args(["build", "--target", TARGET, "--profile", RELEASE]);
    build_programs(build, programs, stop).map_err(|error| match error {
        Error::Failed { .. } => Error::NotRustAlone { c_compiler: FAILS, protoc: NO_PROTOC },
        other => other,
    })
}
