//! `cargo xtask dist-check`: the packages of this machine's processor in a small Debian of its own. What happens there is in the
//! scripts of `packaging/check`.
//!
//! The Debian is made once, by debootstrap, and never written to: each run has a layer in memory on top of it. It is started
//! twice, by systemd-nspawn: without a systemd of its own, as when an image for a board is made, and with one, as on a board.

use std::env;
use std::fs::{self, File};
use std::path::{self, Path, PathBuf};
use std::process::Command;

use super::contents::Parts;
use super::{VERSION, build, empty, parts, write};
use crate::error::Error;
use crate::wait::{Stop, now};
use crate::{process, setup};

/// Everything of the check.
const FOLDER: &str = "target/dist-check";
/// The release of Debian, which is that of Raspberry Pi OS, and what is in the smallest variant of it and what else a board has.
const DEBIAN: [&str; 3] = ["--variant=minbase", "--include=openssh-server,sudo,systemd,systemd-sysv", "bookworm"];
/// The programs that the check takes, and the packages of Debian that bring them.
const TOOLS: [(&str, &str); 5] = [
    ("debootstrap", "debootstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("ip", "iproute2"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
];
/// What a script leaves behind when the system that is to run it has started.
const BEGUN: &str = "begun";

/// Runs the whole check.
///
/// # Errors
/// [`Error::Check`] with the script that failed, and those of building the packages and the Debian.
pub(crate) fn run(stop: &Stop) -> Result<(), Error> {
    let start = now();
    let step = |name: &str| println!("\n== {:.0} s: {name}", start.elapsed().as_secs_f64());
    let folder = path::absolute(FOLDER).map_err(Error::file(Path::new(FOLDER)))?;
    step("tools");
    tools(stop)?;
    step("a Debian");
    let debian = debian(&folder, stop)?;
    step("packages");
    let packages = folder.join("packages");
    let parts = parts(build::here()?, stop)?;
    let later = Parts { version: format!("{VERSION}+later"), ..parts.clone() };
    for (parts, folder) in [(&parts, "this"), (&later, "later")] {
        let folder = packages.join(folder);
        empty(&folder)?;
        write(parts, &folder)?;
    }
    let check = Check { folder, debian, packages, stop };
    step("without systemd");
    check.run("offline.sh", Start::Script)?;
    step("with systemd");
    if check.run("booted.sh", Start::Systemd)? {
        step("deploy");
        check.deploy(&parts.programs)?;
    } else {
        println!("SKIPPED: deploy, which needs a systemd that can be started, too");
    }
    step("done");
    Ok(())
}

/// Installs what is missing.
///
/// # Errors
/// [`Error::NotRoot`], and those of installing.
fn tools(stop: &Stop) -> Result<(), Error> {
    if !setup::is_root() {
        return Err(Error::NotRoot);
    }
    let missing: Vec<_> = TOOLS.into_iter().filter(|(program, _)| !setup::starts(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut install = vec!["apt-get", "install", "--yes", "--no-install-recommends"];
    install.extend(missing.iter().map(|(_, package)| package));
    setup::run(&install, stop)
}

/// The folder of a fresh Debian, which is made when there is none.
fn debian(folder: &Path, stop: &Stop) -> Result<PathBuf, Error> {
    let debian = folder.join("debian");
    if debian.exists() {
        return Ok(debian);
    }
    // One that was interrupted must not be taken for a whole one.
    let begun = folder.join("debian-begun");
    empty(&begun)?;
    let log = folder.join("debootstrap.log");
    let mut make = Command::new("debootstrap");
    make.args(DEBIAN).arg(&begun).stdout(File::create(&log).map_err(Error::file(&log))?);
    println!("making one, once: 100 MB to fetch, 300 MB on disk; how far it is: {}", log.display());
    process::run("debootstrap", &mut make, stop)?;
    fs::rename(&begun, &debian).map_err(Error::file(&debian))?;
    Ok(debian)
}

/// What is started first in the Debian.
#[derive(Clone, Copy)]
enum Start {
    /// The script, and nothing else.
    Script,
    /// A systemd, which starts the script.
    Systemd,
}

/// What the scripts run with.
struct Check<'a> {
    folder: PathBuf,
    debian: PathBuf,
    packages: PathBuf,
    stop: &'a Stop,
}

impl Check<'_> {
    /// Runs a script inside of the Debian, which sees the packages and pictures, and prints what it did. False: nothing can be
    /// started so here.
    fn run(&self, script: &'static str, start: Start) -> Result<bool, Error> {
        let result = self.folder.join("result");
        empty(&result)?;
        let console = self.folder.join("console.log");
        let mut inside = Command::new("systemd-nspawn");
        inside.args(["--quiet", "--register=no", "--keep-unit", "--private-network", "--volatile=overlay"]);
        inside.arg("--directory").arg(&self.debian);
        inside.arg(bind("--bind", &result, "/result"));
        inside.arg(bind("--bind-ro", &self.packages, "/packages"));
        for (ours, theirs) in [("packaging/check", "/check"), ("assets/photos", "/photos")] {
            inside.arg(bind("--bind-ro", &path::absolute(ours).map_err(Error::file(Path::new(ours)))?, theirs));
        }
        inside.stdout(File::create(&console).map_err(Error::file(&console))?);
        match start {
            Start::Script => inside.arg(format!("/check/{script}")),
            // Ends when the script does, and with its outcome.
            Start::Systemd => inside.args(["--boot", &format!("systemd.run=/check/{script}")]),
        };
        let outcome = process::run(script, &mut inside, self.stop);
        let log = result.join("log");
        print!("{}", fs::read_to_string(&log).unwrap_or_default());
        match outcome {
            Err(Error::Failed { .. }) if result.join(BEGUN).exists() => Err(Error::Check { script, log }),
            Err(Error::Failed { status, .. }) => {
                println!("SKIPPED: {script}: no Debian could be started here ({status}); see {}", console.display());
                Ok(false)
            }
            outcome => outcome.map(|()| true),
        }
    }

    /// Deploys to the Debian, from outside of it, in a network of their own.
    fn deploy(&self, programs: &[PathBuf; 3]) -> Result<(), Error> {
        let [master, _, client] = programs;
        let work = self.folder.join("deploy");
        empty(&work)?;
        let mut run = Command::new("unshare");
        run.args(["--net", "sh", "packaging/check/deploy.sh"]);
        run.env("XTASK", env::current_exe().map_err(Error::file(Path::new("xtask")))?);
        run.env("MASTER", master).env("CLIENT", client);
        run.env("DEBIAN", &self.debian).env("PACKAGES", self.packages.join("this")).env("WORK", &work);
        process::run("deploy.sh", &mut run, self.stop)
    }
}

fn bind(how: &str, ours: &Path, theirs: &str) -> String {
    format!("{how}={}:{theirs}", ours.display())
}
