//! `cargo xtask pi-check`: what can be known of facefleet on a Raspberry Pi without one, on any machine with Debian. Builds the
//! programs for arm64, looks at what they ask of a board, and lets an emulator run them, and the tests of `vision`.

pub(crate) mod build;
mod count;
mod elf;
mod faces;
mod fleet;
mod steps;
pub(crate) mod tools;

use std::process::Command;

use crate::cargo::PROGRAMS;
use crate::error::Error;
use crate::wait::Stop;
use crate::{cargo, process, setup};
use steps::Steps;

/// What runs on a 64-bit Raspberry Pi.
pub(crate) const TARGET: &str = "aarch64-unknown-linux-gnu";
/// The processor of the oldest of them, the Pi 3 and the Zero 2. The emulator refuses whatever came after ARMv8.0, but for
/// CRC and cryptography. That these are used only where a processor has them, a test of [`PACKAGE`] sees by how it was compiled.
const PROCESSOR: &str = "cortex-a53";
/// The library whose kernels are checked.
const PACKAGE: &str = "facefleet-vision";
/// Where everything is built. Another compiler does it, so it has a folder of its own.
const BUILD: &str = "target/pi-check";
/// The kernels that every arm64 processor can run.
const NEON: &str = "aarch64-neon";
/// The kernels that [`NEON`] is measured against.
const SCALAR: &str = "scalar";

/// Tests of whole pictures that say nothing of single kernels and take an emulator minutes.
const LEFT_OUT: [&str; 2] = ["the_clips_have_the_faces_that_opencv_finds", "a_picture_of_eight_megapixels"];

/// The detectors that are our own.
const DETECTORS: [&str; 2] = ["seeta", "yunet"];

/// The promises: a worker's file, with the detectors' models in it, and its memory while it works, in bytes.
const LARGEST_WORKER: u64 = 6_000_000;
const MOST_RESIDENT: u64 = 60_000_000;

/// Runs the whole check.
///
/// # Errors
/// The first thing that failed: tools that cannot be installed, a build, a test, kernels that are not there, a promise.
pub(crate) fn run(stop: &Stop) -> Result<(), Error> {
    let mut steps = Steps::new();
    steps.step("tools", || setup::ffmpeg(stop).and_then(|()| tools::install(stop)))?;
    let programs = steps.step("programs", || build::programs(PROGRAMS, stop))?;
    let mut sizes = [0; PROGRAMS.len()];
    for (size, path) in sizes.iter_mut().zip(&programs) {
        *size = elf::check(path)?;
    }
    let [_, worker, _] = sizes;
    within("the worker's file", worker, LARGEST_WORKER)?;
    let [_, worker, _] = &programs;
    let fleet = steps.step("a cluster", || fleet::run(worker, stop))?;
    within("the worker's memory", fleet.resident, MOST_RESIDENT)?;
    steps.step("tests", || {
        let left_out = LEFT_OUT.iter().flat_map(|test| ["--skip", test]);
        process::run("the tests on arm64", test().arg("--").args(left_out), stop)
    })?;
    let counts = steps.step("instructions", || {
        // Fails when the library does not offer these kernels: then the tests did not run on them either.
        let of = |kernels| DETECTORS.map(|detector| count::per_frame(detector, kernels, stop));
        let [scalar, neon] = [of(SCALAR), of(NEON)].map(|all| all.into_iter().collect::<Result<Vec<_>, _>>());
        Ok((scalar?, neon?))
    })?;

    steps.print();
    for (name, size) in PROGRAMS.iter().zip(sizes) {
        println!("{name}: {:.2} MB, statically linked, stripped, for any arm64", megas(size));
    }
    println!(
        "the worker's memory: {:.1} MB at most, with {} threads, {}x{} frames and every detector (this machine's own worker, as \
         it is built for tests, which takes more than one for a board; the emulator's memory is mostly the emulator's)",
        megas(fleet.resident),
        fleet::THREADS,
        fleet::SIZE.0,
        fleet::SIZE.1,
    );
    for (detector, faces) in fleet.faces {
        println!(
            "{detector}: {faces} faces in {} frames, found by an emulated worker as by a native one",
            fleet::FRAMES
        );
    }
    println!("the tests of {PACKAGE} passed on arm64, with {NEON} among the kernels");
    println!("millions of instructions to find the faces of one 500x400 picture:");
    let (scalar, neon) = counts;
    for ((detector, scalar), neon) in DETECTORS.iter().zip(scalar).zip(neon) {
        println!("{detector}, {SCALAR:>14} {:8.1}", megas(scalar));
        println!("{detector}, {NEON:>14} {:8.1}, {:.1} times fewer", megas(neon), scalar as f64 / neon as f64);
    }
    Ok(())
}

/// # Errors
/// [`Error::TooMuch`].
fn within(what: &'static str, bytes: u64, limit: u64) -> Result<(), Error> {
    if bytes < limit { Ok(()) } else { Err(Error::TooMuch { what, bytes, limit }) }
}

fn megas(number: u64) -> f64 {
    number as f64 / 1e6
}

/// Optimised like the programs that go onto a board: that code is what has to be right, and an emulator is slow enough.
fn test() -> Command {
    let mut command = cargo();
    command.args(["test", "--locked", "--profile", cargo::QUICK, "--package", PACKAGE, "--target", TARGET]);
    command
}

/// The command that runs an arm64 program on this machine.
fn emulator() -> Command {
    let mut command = Command::new(tools::EMULATOR);
    command.args(["-cpu", PROCESSOR]);
    command
}

/// A cargo that builds with Debian's compiler, and starts arm64 programs in the emulator.
fn cargo() -> Command {
    // As cargo calls the settings of a target.
    let setting = |name: &str| format!("CARGO_TARGET_{}_{name}", TARGET.replace('-', "_").to_uppercase());
    let mut command = cargo::command();
    command.env("RUSTC", tools::RUSTC).env("RUSTDOC", tools::RUSTDOC).env("CARGO_TARGET_DIR", BUILD);
    command.env(setting("LINKER"), tools::LINKER).env(setting("RUNNER"), tools::EMULATOR).env("QEMU_CPU", PROCESSOR);
    command
}
