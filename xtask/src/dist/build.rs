//! Builds what is packed: the programs, and what they say of themselves in man pages and completions.

use std::env;
use std::path::{self, Path, PathBuf};
use std::process::Command;

use super::arch::Arch;
use crate::cargo::{PROGRAMS, RELEASE};
use crate::error::Error;
use crate::pi_check;
use crate::wait::Stop;
use crate::{cargo, process};

/// Builds the programs for `arch` and returns where they are, in the order of [`PROGRAMS`]. They are linked statically, and
/// stripped.
///
/// # Errors
/// The errors of cargo; for arm64 also [`Error::NoArmTools`].
pub(super) fn programs(arch: Arch, stop: &Stop) -> Result<[PathBuf; 3], Error> {
    match arch {
        Arch::Amd64 => cargo::build_programs(cargo_for_pcs().args(["build", "--profile", RELEASE]), PROGRAMS, stop),
        Arch::Arm64 => {
            pi_check::tools::install(stop)?;
            pi_check::build::programs(PROGRAMS, stop)
        }
    }
}

/// Writes man pages and completions into `folder`, from the command lines of the programs as they are now.
///
/// # Errors
/// The errors of building and running the program that writes them.
pub(super) fn manuals(folder: &Path, stop: &Stop) -> Result<(), Error> {
    let mut write = cargo::command();
    write.args(["run", "--locked", "--profile", cargo::QUICK, "--package", "xtask"]);
    write.args(["--features", "manuals", "--bin", "manuals", "--"]);
    process::run("the writing of manuals", write.arg(folder), stop)
}

/// The client, to be run here.
///
/// # Errors
/// The errors of cargo.
pub(crate) fn client(stop: &Stop) -> Result<PathBuf, Error> {
    let [client] = cargo::build_quick(["facefleet-client"], stop)?;
    Ok(client)
}

/// The processor of this machine.
///
/// # Errors
/// [`Error::NoPackages`]
pub(super) fn here() -> Result<Arch, Error> {
    let here = Arch::ALL.into_iter().find(|arch| arch.triple().starts_with(env::consts::ARCH));
    here.ok_or(Error::NoPackages(env::consts::ARCH))
}

/// A cargo that builds static programs, in which neither names of functions nor paths of this machine are, for [`Arch::Amd64`].
fn cargo_for_pcs() -> Command {
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    // The last one wins where one path is in another.
    let hidden = [(home, "/cargo"), (env::current_dir().ok(), "/facefleet"), (path::absolute(target).ok(), "/target")];
    // Names of functions take room that only profilers have a use for. On boards it is .cargo/config.toml that says both.
    let mut flags = ["-Ctarget-feature=+crt-static", "-Cstrip=symbols"].map(str::to_owned).to_vec();
    for (path, shown) in hidden {
        flags.extend(path.map(|path| format!("--remap-path-prefix={}={shown}", path.display())));
    }
    let triple = Arch::Amd64.triple();
    let mut cargo = cargo::command();
    // These flags come to what .cargo/config.toml says; RUSTFLAGS would take its place. Rust writes lists like TOML.
    cargo.args(["--config", &format!("build.target={triple:?}")]);
    cargo.args(["--config", &format!("target.{triple}.rustflags={flags:?}")]);
    cargo
}
