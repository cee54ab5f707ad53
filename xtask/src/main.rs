//! The project's own commands, started as `cargo xtask <command>`. See `cargo xtask --help`.

mod cargo;
mod codegen;
mod demo;
mod demo_video;
mod deploy;
mod dist;
mod error;
mod fuzz;
mod pi_check;
mod process;
mod service;
mod setup;
mod test;
#[cfg(test)]
mod tidy;
mod tools;
mod wait;
mod yunet;

use std::env;
use std::path::{self, Path};
use std::process::ExitCode;
use std::slice;

use clap::Parser;

use crate::deploy::Deploy;
use crate::dist::Arch;
use crate::error::Error;
use crate::wait::Stop;

/// The project's own commands.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Xtask {
    /// Run a master, three workers and the client on a video, all on this machine; results go to demo-out/
    Demo {
        /// A video file, or anything else that ffmpeg can read
        #[arg(default_value = demo::DEFAULT_VIDEO)]
        video: String,
        /// Play the video in a loop, as a camera would, until Ctrl-C, and show the cluster on its page; writes no results
        #[arg(long)]
        watch: bool,
    },
    /// Run every check that a change has to pass
    Test {
        /// Also check the dependencies for known vulnerabilities; needs network access
        #[arg(long)]
        advisories: bool,
    },
    /// Run a benchmark: of the detectors, the stages of a frame and the whole system, or of what is named: `scale` (1 to 16 workers),
    /// `sched` (scheduling policies in simulated clusters), `fleet` (a master with thousands of workers), `page`, `live`, `watched`
    /// (the cost of watching)
    Bench {
        /// Arguments for the benchmark, such as `scale --svg curve.svg --json curve.json`; see `cargo xtask bench -- --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run 4 workers and 6 clients with a fault every few seconds, and check that no frame is lost and nothing leaks
    Soak {
        /// Arguments for the soak, such as `--minutes 20 --seed 7 --json soak.json`; see `cargo xtask soak -- --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Generate the Rust code from proto/*.proto
    Codegen,
    /// Make assets/demo.mp4 from assets/photos
    DemoVideo,
    /// Convert the published ONNX file of YuNet into assets/yunet_2023mar.bin
    YunetWeights {
        /// Write nothing, and fail if the committed file is stale
        #[arg(long)]
        check: bool,
    },
    /// Build the programs for a Raspberry Pi, check their size, memory and dependencies, and run them and the tests of the vision
    /// library in an emulator
    PiCheck,
    /// Build the archives and Debian packages for other machines, in target/dist
    Dist {
        /// Build only for this architecture
        #[arg(long)]
        arch: Option<Arch>,
    },
    /// Install, start, upgrade and remove the packages in minimal Debian systems, and deploy to them; needs root
    DistCheck,
    /// Install or update the worker on other machines over ssh, and start it
    Deploy(Deploy),
    /// Fuzz the parsers of models and frames
    Fuzz {
        /// CPU seconds for each parser; all run at once
        #[arg(long, value_name = "N", default_value = "60", value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
    },
}

fn main() -> ExitCode {
    match run(Xtask::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Xtask) -> Result<(), Error> {
    let stop = Stop::on_signals()?;
    // A path is the user's, from where the user stands; a URL or a device stays as it is.
    let video = |named: String| match path::absolute(&named) {
        Ok(path) if path.exists() => path.to_string_lossy().into_owned(),
        _ => named,
    };
    let command = match command {
        Xtask::Demo { video: named, watch } => Xtask::Demo { video: video(named), watch },
        other => other,
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the checkout");
    env::set_current_dir(root).map_err(Error::file(root))?;
    match command {
        Xtask::Demo { video, watch: false } => demo::run(&video, &stop),
        Xtask::Demo { video, watch: true } => demo::watch(&video, &stop),
        Xtask::Test { advisories } => test::run(advisories, &stop),
        Xtask::Bench { args } => measure("facefleet-bench", "bench", "bench", &args, &stop),
        Xtask::Soak { args } => measure("facefleet-e2e", "soak", cargo::RELEASE, &args, &stop),
        Xtask::Codegen => codegen::run(&stop),
        Xtask::DemoVideo => demo_video::run(&stop),
        Xtask::YunetWeights { check } => yunet::run(check),
        Xtask::PiCheck => pi_check::run(&stop),
        Xtask::Dist { arch } => dist::run(arch.as_ref().map_or(&Arch::ALL[..], slice::from_ref), &stop).map(drop),
        Xtask::DistCheck => dist::check::run(&stop),
        Xtask::Deploy(deploy) => deploy::run(&deploy, &stop),
        Xtask::Fuzz { seconds } => fuzz::run(seconds, &stop),
    }
}

/// Runs a program of the package `package` that starts the real processes, and passes `args` on. Both profiles have their programs in
/// `target/release`, where the harness looks for the processes, so these are always the ones of a release.
fn measure(package: &str, program: &str, profile: &str, args: &[String], stop: &Stop) -> Result<(), Error> {
    let mut command = cargo::command();
    command.args(["run", "--locked", "--profile", profile, "--package", package, "--bin", program, "--"]).args(args);
    process::run(program, &mut command, stop)
}
