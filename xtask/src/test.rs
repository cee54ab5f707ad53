//! `cargo xtask test`: every check that a change has to pass, the cheap ones first.

use std::env;
use std::path::{self, Path};
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::wait::{Stop, now};
use crate::{cargo, process, setup};

/// The cargo-deny that is installed where there is none.
const CARGO_DENY: &str = "cargo-deny@0.20.2";
/// Where tools of the project's own go, so that nothing outside the checkout changes.
const TOOLS: &str = "target/tools";

/// A check.
struct Step {
    /// For people.
    name: &'static str,
    /// A variable of the environment that it needs.
    env: Option<(&'static str, &'static str)>,
    /// What it passes to cargo, separated by spaces.
    args: &'static str,
}

const STEPS: [Step; 6] = [
    Step { name: "format", env: None, args: "fmt --all --check" },
    Step {
        name: "clippy",
        env: None,
        // With the code generator, which nothing else here builds.
        args: "clippy --locked --workspace --all-targets --features xtask/codegen -- -D warnings",
    },
    Step { name: "generated code", env: None, args: "xtask codegen --check" },
    Step { name: "docs", env: Some(("RUSTDOCFLAGS", "-D warnings")), args: "doc --locked --workspace --no-deps" },
    // The tests of whole processes start these.
    Step { name: "programs", env: None, args: "build --locked --workspace --bins" },
    Step { name: "tests", env: None, args: "test --locked --workspace" },
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
    for step in &STEPS {
        step.run(stop)?;
    }
    cargo_deny(stop)?;
    let deny = if advisories { &DENY[..] } else { &DENY[..1] };
    for step in deny {
        step.run(stop)?;
    }
    println!("\nchecks: {} passed, 0 failed", STEPS.len() + deny.len());
    Ok(())
}

/// Makes sure that there is a `cargo deny`. Building it takes about five minutes, once in a checkout.
fn cargo_deny(stop: &Stop) -> Result<(), Error> {
    let mut version = cargo();
    version.args(["deny", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    match process::run("cargo deny", &mut version, stop) {
        Err(Error::Failed { .. }) => {}
        there => return there,
    }
    println!("installing {CARGO_DENY} into {TOOLS}, once; this takes a few minutes");
    process::run("cargo install", cargo().args(["install", "--locked", "--root", TOOLS, CARGO_DENY]), stop)
}

/// A cargo that also finds the project's own tools.
fn cargo() -> Command {
    let mut command = cargo::command();
    let ours = path::absolute(Path::new(TOOLS).join("bin"));
    let inherited = env::var_os("PATH").unwrap_or_default();
    // A checkout whose path cannot stand in PATH has to bring its own cargo-deny.
    if let Some(path) = ours.ok().and_then(|ours| env::join_paths(env::split_paths(&inherited).chain([ours])).ok()) {
        command.env("PATH", path);
    }
    command
}

impl Step {
    fn run(&self, stop: &Stop) -> Result<(), Error> {
        println!("\n== {}: {}", self.name, self.command_line());
        let start = now();
        process::run(self.name, cargo().args(self.args.split(' ')).envs(self.env), stop).map_err(
            |error| match error {
                Error::Failed { .. } => Error::Step { step: self.name, command: self.command_line() },
                other => other,
            },
        )?;
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
