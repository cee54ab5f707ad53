//! Sets up a compiler and an emulator for arm64, from Debian's packages.

use std::process::{Command, Stdio};

use crate::error::Error;
use crate::process;
use crate::setup;
use crate::wait::Stop;

/// The compiler that comes with a standard library for arm64, in [`PACKAGES`]. The one that runs us has none, as rustup
/// brings it, and the versions of compiler and library have to be the same.
pub(super) const RUSTC: &str = "/usr/bin/rustc";
/// The `rustdoc` of [`RUSTC`]: examples in documentation are tests, too.
pub(super) const RUSTDOC: &str = "/usr/bin/rustdoc";
/// Links programs for arm64.
pub(super) const LINKER: &str = "aarch64-linux-gnu-gcc";
/// Runs programs for arm64. The emulator of the package `qemu-user-static` cannot load plugins.
pub(super) const EMULATOR: &str = "qemu-aarch64";

/// The packages that bring compiler, linker and emulator.
const PACKAGES: [&str; 5] =
    ["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "libstd-rust-web-dev:arm64", "qemu-user", "rustc-web"];

/// Installs what is missing, and says which versions are there.
///
/// # Errors
/// [`Error::NoArmTools`] with the lines to type, where we may not install or where it did not work.
pub(crate) fn install(stop: &Stop) -> Result<(), Error> {
    if show_versions(stop)? {
        return Ok(());
    }
    let steps = steps();
    let lines: Vec<_> = steps.iter().map(|words| words.join(" ")).collect();
    let by_hand = format!("on Debian 12, as root: {}", lines.join(" && "));
    if !setup::is_root() {
        return Err(Error::NoArmTools(by_hand));
    }
    println!("installing a compiler and an emulator for arm64: 250 MB to fetch, 1.2 GB on disk");
    for (words, line) in steps.iter().zip(&lines) {
        println!("{line}");
        setup::run(words, stop).map_err(|error| match error {
            Error::Interrupted => error,
            error => Error::NoArmTools(format!("{error}; {by_hand}")),
        })?;
    }
    if show_versions(stop)? { Ok(()) } else { Err(Error::NoArmTools(by_hand)) }
}

/// The commands that install.
fn steps() -> [Vec<&'static str>; 3] {
    let mut install = vec!["apt-get", "install", "--yes", "--no-install-recommends"];
    install.extend(PACKAGES);
    [vec!["dpkg", "--add-architecture", "arm64"], vec!["apt-get", "update"], install]
}

/// Whether every package is installed; prints their versions if so.
fn show_versions(stop: &Stop) -> Result<bool, Error> {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status} ${Package} ${Version}\n"]).args(PACKAGES);
    let lines = match process::output("dpkg-query", query.stderr(Stdio::null()), stop) {
        Ok(lines) => lines,
        // A package it has never heard of, or no dpkg at all.
        Err(Error::Failed { .. } | Error::Start { .. }) => return Ok(false),
        Err(error) => return Err(error),
    };
    let there: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("installed ")).collect();
    if there.len() < PACKAGES.len() {
        return Ok(false);
    }
    println!("for arm64: {}", there.join(", "));
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_can_be_typed() {
        let [architecture, refresh, install] = steps().map(|words| words.join(" "));
        assert_eq!(architecture, "dpkg --add-architecture arm64");
        assert_eq!(refresh, "apt-get update");
        assert!(install.starts_with("apt-get install --yes --no-install-recommends gcc-aarch64-linux-gnu "));
        assert!(install.ends_with(" rustc-web"));
    }
}
