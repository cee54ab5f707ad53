//! `cargo xtask pi-check`: what only an arm64 processor can show, on any machine with Debian: the tests of `vision` with the
//! NEON kernels, and how many instructions these save. An emulator runs the programs; no board is needed.

mod count;
mod tools;

use std::process::Command;

use crate::error::Error;
use crate::wait::{Stop, now};
use crate::{cargo, process};

/// What runs on a 64-bit Raspberry Pi.
const TARGET: &str = "aarch64-unknown-linux-gnu";
/// The library whose kernels are checked.
const PACKAGE: &str = "facefleet-vision";
/// Where everything is built. Another compiler does it, so it has a folder of its own.
const BUILD: &str = "target/pi-check";
/// The kernels that every arm64 processor can run.
const NEON: &str = "aarch64-neon";
/// The kernels that they are measured against.
const SCALAR: &str = "scalar";

/// Tests of whole pictures that say nothing of single kernels and take an emulator minutes.
const LEFT_OUT: [&str; 2] = ["the_clips_have_the_faces_that_opencv_finds", "a_picture_of_eight_megapixels"];

/// The detectors that are our own.
const DETECTORS: [&str; 2] = ["seeta", "yunet"];

/// Runs the whole check.
///
/// # Errors
/// The first thing that failed: tools that cannot be installed, a build, a test, kernels that are not there.
pub(crate) fn run(stop: &Stop) -> Result<(), Error> {
    let start = now();
    let step = |name: &str| println!("\n== {:.0} s: {name}", start.elapsed().as_secs_f64());
    step("tools");
    tools::install(stop)?;
    step("build");
    process::run("the arm64 build", test().arg("--no-run"), stop)?;
    step("tests");
    let left_out = LEFT_OUT.iter().flat_map(|test| ["--skip", test]);
    process::run("the tests on arm64", test().arg("--").args(left_out), stop)?;
    step("instructions");
    let mut counts = Vec::new();
    for detector in DETECTORS {
        // Fails when the library does not offer these kernels: then the tests did not run on them either.
        counts.push((detector, count::per_frame(detector, SCALAR, stop)?, count::per_frame(detector, NEON, stop)?));
    }
    step("done");
    println!("the tests of {PACKAGE} passed on arm64, with {NEON} among the kernels");
    println!("millions of instructions to find the faces of one 500x400 picture:");
    for (detector, scalar, neon) in counts {
        println!("{detector}, {SCALAR:>14} {:8.1}", millions(scalar));
        println!("{detector}, {NEON:>14} {:8.1}, {:.1} times fewer", millions(neon), scalar as f64 / neon as f64);
    }
    Ok(())
}

fn millions(instructions: u64) -> f64 {
    instructions as f64 / 1e6
}

/// Optimised like the programs that go onto a board: they are what has to be right, and an emulator is slow enough.
fn test() -> Command {
    let mut command = cargo();
    command.args(["test", "--locked", "--release", "--package", PACKAGE, "--target", TARGET]);
    command
}

/// A cargo that builds with Debian's compiler, and starts arm64 programs in the emulator.
fn cargo() -> Command {
    // As cargo calls the settings of a target.
    let setting = |name: &str| format!("CARGO_TARGET_{}_{name}", TARGET.replace('-', "_").to_uppercase());
    let mut command = cargo::command();
    command.env("RUSTC", tools::RUSTC).env("RUSTDOC", tools::RUSTDOC).env("CARGO_TARGET_DIR", BUILD);
    command.env(setting("LINKER"), tools::LINKER).env(setting("RUNNER"), tools::EMULATOR);
    command
}
