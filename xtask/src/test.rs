//! `cargo xtask test`: every check that a change has to pass, the cheap ones first.

use std::fs;
use std::io;
use std::path::{self, Path};

use prerequisites::{SKIPPED, Skips};

use crate::error::Error;
use crate::wait::{Stop, now};
use crate::{process, setup, tools};

/// The cargo-deny that is installed where there is none.
const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// Where each test that is skipped adds a line.
const SKIPPED_TESTS: &str = "target/skipped-tests";

/// A check.
struct Step {
    /// For people.
    name: &'static str,
    /// A variable of the environment that it needs.
    env: Option<(&'static str, &'static str)>,
    /// What it passes to cargo, separated by spaces.
    args: &'static str,
}

const STEPS: [Step; 8] = [
    Step { name: "format", env: None, args: "fmt --all --check" },
    Step {
        name: "clippy",
        env: None,
        // With the code generator and the writer of manuals, which nothing else here builds.
        args: "clippy --locked --workspace --all-targets --features xtask/codegen,xtask/manuals -- -D warnings",
    },
    Step {
        name: "clippy of traces",
        env: None,
        args: "clippy --locked --workspace --all-targets --features facefleet-client/otlp,facefleet-worker/otlp -- -D warnings",
    },
    Step { name: "generated code", env: None, args: "xtask codegen --check" },
    Step { name: "docs", env: Some(("RUSTDOCFLAGS", "-D warnings")), args: "doc --locked --workspace --no-deps" },
    // The tests of whole processes start these.
    Step { name: "programs", env: None, args: "build --locked --workspace --bins" },
    Step { name: "tests", env: None, args: "test --locked --workspace" },
    // Of the whole workspace: with fewer packages libraries have fewer features, and would be built once more.
    Step {
        name: "tests of traces",
        env: None,
        args: "test --locked --workspace --features facefleet-client/otlp,facefleet-worker/otlp --test otlp",
    },
];

/// The checks of cargo-deny. The second one fetches the database of known vulnerabilities, which needs a network.
const DENY: [Step; 2] = [
    Step { name: "dependencies", env: None, args: "deny --locked check licenses bans sources" },
    Step { name: "advisories", env: None, args: "deny --locked check advisories" },
];

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
    for step in &STEPS {
        step.run(stop)?;
    }
    tools::install("deny", CARGO_DENY, stop)?;
    let deny = if advisories { &DENY[..] } else { &DENY[..1] };
    for step in deny {
        step.run(stop)?;
    }
    let skips = Skips::read(skipped).map_err(Error::file(skipped))?;
    println!("\nchecks: {} passed, 0 failed; {}", STEPS.len() + deny.len(), told(&skips));
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
        let docs = STEPS.iter().find(|step| step.name == "docs").unwrap();
        assert_eq!(docs.command_line(), "RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps");
    }
}
