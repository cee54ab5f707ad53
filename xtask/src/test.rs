//! `cargo xtask test`: every check that a change has to pass, the cheap ones first.

use std::fs;
use std::io;
use std::path::{self, Path};

use prerequisites::{SKIPPED, Skips};

use crate::cargo::FEATURES;
use crate::error::Error;
use crate::wait::{Stop, now};
use crate::{process, setup, tools};

/// The cargo-deny that is installed where there is none.
const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// Where each test that is skipped adds a line.
const SKIPPED_TESTS: &str = "target/skipped-tests";
/// Tells the tests of whole processes that cargo has built the programs with the tests (`e2e/src/program.rs`). By themselves they
/// would have the programs built alone, which gives some libraries other features and compiles most of them once more.
const PROGRAMS_ARE_BUILT: &str = "FACEFLEET_PROGRAMS_ARE_BUILT";

/// A check.
struct Step {
    /// For people.
    name: &'static str,
    /// A variable of the environment that it needs.
    env: Option<(&'static str, &'static str)>,
    /// What it passes to cargo, separated by spaces.
    args: String,
}

/// The checks of the code. All of them take the whole workspace, and all but one the same features, so that nothing is built twice.
fn checks() -> [Step; 5] {
    let all = format!("--locked --workspace --features {FEATURES}");
    [
        Step::new("format", "fmt --all --check"),
        Step::new("clippy", format!("clippy {all} --all-targets -- -D warnings")),
        // An item that only a feature has a use for is a warning in the programs that ship without.
        Step::new("clippy of what ships", "clippy --locked --workspace --lib --bins -- -D warnings"),
        Step::new("docs", format!("doc {all} --no-deps")).with("RUSTDOCFLAGS", "-D warnings"),
        Step::new("tests", format!("test {all}")).with(PROGRAMS_ARE_BUILT, "1"),
    ]
}

/// The checks of the dependencies. The one of advisories fetches the database of known vulnerabilities, which needs a network.
fn checks_of_dependencies(advisories: bool) -> Vec<Step> {
    let mut checks = vec![Step::new("dependencies", "deny --locked check licenses bans sources")];
    if advisories {
        checks.push(Step::new("advisories", "deny --locked check advisories"));
    }
    checks
}

/// Runs every check and stops at the first that fails.
///
/// # Errors
/// [`Error::Step`] names the check that failed and the command that runs it alone.
pub(crate) fn run(advisories: bool, stop: &Stop) -> Result<(), Error> {
    setup::ffmpeg(stop)?;
    setup::test_tools(stop)?;
    let skipped = Path::new(SKIPPED_TESTS);
    match fs::remove_file(skipped) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::file(skipped)(error)),
        _ => {}
    }
    let (checks, of_dependencies) = (checks(), checks_of_dependencies(advisories));
    checks.iter().try_for_each(|check| check.run(stop))?;
    tools::install("deny", CARGO_DENY, stop)?;
    of_dependencies.iter().try_for_each(|check| check.run(stop))?;
    let skips = Skips::read(skipped).map_err(Error::file(skipped))?;
    println!("\nchecks: {} passed, 0 failed; {}", checks.len() + of_dependencies.len(), told(&skips));
    Ok(())
}

/// What the closing line says of skipped tests.
fn told(skips: &Skips) -> String {
    match skips.tests() {
        0 => "no test was skipped".to_owned(),
        tests => format!("tests skipped: {tests}, by reason: {skips}"),
    }
}

impl Step {
    fn new(name: &'static str, args: impl Into<String>) -> Step {
        Step { name, env: None, args: args.into() }
    }

    fn with(self, variable: &'static str, value: &'static str) -> Step {
        Step { env: Some((variable, value)), ..self }
    }

    fn run(&self, stop: &Stop) -> Result<(), Error> {
        println!("\n== {}: {}", self.name, self.command_line());
        let start = now();
        let skipped = path::absolute(SKIPPED_TESTS).map_err(Error::file(Path::new(SKIPPED_TESTS)))?;
        let mut command = tools::cargo();
        command.args(self.args.split(' ')).envs(self.env).env(SKIPPED, skipped);
        process::run(self.name, &mut command, stop).map_err(|error| match error {
            Error::Failed { .. } => Error::Step { step: self.name, command: self.command_line() },
            other => other,
        })?;
        println!("== {}: passed in {:.1} s", self.name, start.elapsed().as_secs_f64());
        Ok(())
    }

    /// What a person types to run this check alone.
    fn command_line(&self) -> String {
        let env = self.env.map(|(name, value)| format!("{name}='{value}' ")).unwrap_or_default();
        format!("{env}cargo {}", self.args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_says_how_to_run_it_alone() {
        let docs = Step::new("docs", "doc --no-deps").with("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(docs.command_line(), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
        assert_eq!(Step::new("format", "fmt").command_line(), "cargo fmt");
    }
}
