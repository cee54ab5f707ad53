//! `cargo xtask fuzz`: bytes that nobody would think of, for what reads bytes of strangers. The targets are in `fuzz/`.

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::error::Error;
use crate::process::Running;
use crate::wait::Stop;
use crate::{cargo, process, setup, tools};

/// The cargo-fuzz that is installed where there is none.
const CARGO_FUZZ: &str = "cargo-fuzz@0.13.2";
/// The programs of `fuzz/`.
const TARGETS: [&str; 3] = ["model", "weights", "frame"];
/// Programs, seeds, what was found to lead somewhere new, and crashes.
const FOLDER: &str = "target/fuzz";
/// libFuzzer is C++; this is what its build looks for.
const COMPILER: &str = "c++";
/// How Debian installs it.
const INSTALL: [&[&str]; 2] = [&["apt-get", "update"], &["apt-get", "install", "-y", "--no-install-recommends", "g++"]];
/// One input may take so many seconds. All are small, and the machine may be busy.
const SLOWEST: u32 = 20;

/// Runs all targets at once, until each has had so many seconds of a core.
///
/// # Errors
/// [`Error::Crash`] with the input that a target failed on, and those of what has to be built first.
pub(crate) fn run(seconds: u32, stop: &Stop) -> Result<(), Error> {
    compiler(stop)?;
    tools::install("fuzz", CARGO_FUZZ, stop)?;
    let programs = build(stop)?;
    seeds(stop)?;
    let limit = duration(seconds, thread::available_parallelism().map_or(1, NonZeroUsize::get));
    println!("\n== {}: {limit} s", TARGETS.join(", "));
    let mut running = Vec::new();
    for target in TARGETS {
        running.push(Fuzzing::start(target, programs.join(target), limit)?);
    }
    let results = running.into_iter().map(|fuzzing| fuzzing.end(stop)).collect::<Result<Vec<_>, _>>()?;
    println!("\nno crash in {seconds} s each");
    for (target, Reached { runs, places }) in TARGETS.iter().zip(results) {
        println!("{target:>8}: {runs} inputs, which reached {places} places in the code");
    }
    Ok(())
}

/// How long it takes, in seconds, until each of [`TARGETS`] has had `seconds` of one of so many cores.
fn duration(seconds: u32, cores: usize) -> u32 {
    let targets = TARGETS.len().max(cores);
    (f64::from(seconds) * targets as f64 / cores as f64).ceil() as u32
}

/// Makes sure that there is a compiler for C++.
fn compiler(stop: &Stop) -> Result<(), Error> {
    if setup::starts(COMPILER) {
        return Ok(());
    }
    let lines = INSTALL.map(|words| words.join(" ")).join(" && ");
    if !setup::is_root() || !setup::starts(INSTALL[0][0]) {
        return Err(Error::NoCompiler(lines));
    }
    println!("installing a compiler for C++: {lines}");
    INSTALL.into_iter().try_for_each(|words| setup::run(words, stop))
}

/// Builds the targets with the sanitizers and returns the folder of the programs.
fn build(stop: &Stop) -> Result<PathBuf, Error> {
    // cargo-fuzz would write another Cargo.lock without a word.
    let mut locked = cargo::command();
    locked.args(["fetch", "--quiet", "--locked", "--manifest-path", "fuzz/Cargo.toml"]);
    process::run("the check of fuzz/Cargo.lock", &mut locked, stop)?;

    let folder = Path::new(FOLDER).join("build");
    let mut build = tools::cargo();
    build.args(["fuzz", "build", "--fuzz-dir", "fuzz", "--target-dir"]).arg(&folder);
    // The sanitizers are there in every compiler, and only a nightly one lets itself be asked for them.
    build.env("RUSTC_BOOTSTRAP", "1");
    process::run("cargo fuzz build", &mut build, stop)?;

    let version = process::output("cargo", cargo::command().arg("-vV"), stop)?;
    let host = version.iter().find_map(|line| line.strip_prefix("host: ")).expect("cargo says what it runs on");
    Ok(folder.join(host).join("release"))
}

/// Writes what the targets start from.
fn seeds(stop: &Stop) -> Result<(), Error> {
    let [seeds] = cargo::build_as_tested("--example", ["fuzz_seeds"], stop)?;
    process::run("the writing of seeds", Command::new(seeds).arg(Path::new(FOLDER).join("seeds")), stop)
}

/// A target that runs.
struct Fuzzing {
    target: &'static str,
    program: PathBuf,
    log: PathBuf,
    running: Running,
}

impl Fuzzing {
    /// Starts a target for so many seconds. What it finds is kept, and the next run starts from there.
    fn start(target: &'static str, program: PathBuf, seconds: u32) -> Result<Fuzzing, Error> {
        let [seeds, corpus, crashes] =
            ["seeds", "corpus", "crashes"].map(|kind| Path::new(FOLDER).join(kind).join(target));
        for folder in [&corpus, &crashes] {
            fs::create_dir_all(folder).map_err(Error::file(folder))?;
        }
        let log = Path::new(FOLDER).join(format!("{target}.log"));
        let mut command = Command::new(&program);
        command.args([corpus, seeds]);
        command.arg(format!("-artifact_prefix={}/", crashes.display()));
        // An input that comes closer to a value that is compared with is worth keeping: counts and sizes are met by chance alone.
        command.arg("-use_value_profile=1");
        // A library's threads that are about to end look like leaks when they are asked at the wrong moment.
        command.arg("-detect_leaks=0").env("ASAN_OPTIONS", "detect_leaks=0");
        command.args([format!("-max_total_time={seconds}"), format!("-timeout={SLOWEST}")]);
        command.stderr(File::create(&log).map_err(Error::file(&log))?);
        Ok(Fuzzing { target, program, log, running: Running::start(target, &mut command)? })
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`Error::Crash`], or [`Error::Died`] without a word of an input that does it; [`Error::NoFuzzing`].
    fn end(self, stop: &Stop) -> Result<Reached, Error> {
        let Fuzzing { target, program, log, mut running } = self;
        let outcome = running.wait(|| stop.check());
        let said = fs::read(&log).map_err(Error::file(&log))?;
        let said = String::from_utf8_lossy(&said);
        match (outcome, reached(&said), crash(&said)) {
            (Ok(()), Some(reached), _) => Ok(reached),
            (Err(Error::Failed { .. }), _, Some(input)) => {
                let command = format!("{} {input}", program.display());
                Err(Error::Crash { target: target.to_owned(), input: input.into(), command, log })
            }
            (Err(Error::Failed { name, status }), ..) => Err(Error::Died { name, status, log }),
            (Err(error), ..) => Err(error),
            (Ok(()), None, _) => Err(Error::NoFuzzing { log }),
        }
    }
}

/// How far a target has come.
#[derive(Debug, PartialEq)]
struct Reached {
    /// Inputs tried.
    runs: u64,
    /// Places in the code that some input reached, as libFuzzer counts them.
    places: u64,
}

/// From libFuzzer's last line.
fn reached(log: &str) -> Option<Reached> {
    let mut words = log.lines().rev().find(|line| line.contains("DONE"))?.split_whitespace();
    let runs = words.next()?.strip_prefix('#')?.parse().ok()?;
    let places = words.skip_while(|word| *word != "cov:").nth(1)?.parse().ok()?;
    Some(Reached { runs, places })
}

/// The file of the input that failed.
fn crash(log: &str) -> Option<&str> {
    log.lines().find_map(|line| Some(line.split_once("Test unit written to ")?.1.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_share_the_cores_that_there_are() {
        assert_eq!([1, 2, 3, 16].map(|cores| duration(60, cores)), [180, 90, 60, 60]);
    }

    #[test]
    fn what_libfuzzer_says_is_understood() {
        let good = "#2\tINITED cov: 9 ft: 9 corp: 1/1b exec/s: 0 rss: 41Mb\n\
            #14514\tDONE   cov: 1690 ft: 2577 corp: 109/801Kb lim: 10748 exec/s: 558 rss: 381Mb\n\
            Done 14514 runs in 26 second(s)\n";
        assert_eq!(reached(good), Some(Reached { runs: 14_514, places: 1690 }));
        assert_eq!(crash(good), None);
        let bad =
            "SUMMARY: libFuzzer: deadly signal\nartifact_prefix='c/'; Test unit written to c/crash-0a\nBase64: YQ==\n";
        assert_eq!(reached(bad), None);
        assert_eq!(crash(bad), Some("c/crash-0a"));
    }
}
