//! `cargo xtask dist-check`: the packages of this machine's processor in small Debians of its own. What happens there is in the
//! scripts of `packaging/check`.
//!
//! A Debian is made once, by debootstrap, and never written to: each run has a layer in memory on top of it. It is started
//! twice, by systemd-nspawn: without a systemd of its own, as when an image for a board is made, and with one, as on a board.
//! However the check ends, no process and no mount of it is left.

use std::env;
use std::fs::{self, File};
use std::path::{self, Path, PathBuf};
use std::process::Command;

use prerequisites::skip;

use super::contents::Parts;
use super::{VERSION, build, empty, parts, write};
use crate::error::Error;
use crate::wait::{Stop, now};
use crate::{process, setup};

/// Everything of the check.
const FOLDER: &str = "target/dist-check";
/// The releases of Debian that Raspberry Pi OS has been made of, 12 and 13.
const RELEASES: [&str; 2] = ["bookworm", "trixie"];
/// The smallest variant of it, and what else a board has.
const DEBIAN: [&str; 2] = ["--variant=minbase", "--include=openssh-server,sudo,systemd,systemd-sysv"];
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
/// [`Error::Check`] with the script that failed, [`Error::CannotRun`] where a Debian cannot be started and everything is required, and
/// those of building the packages and the Debian.
pub(crate) fn run(stop: &Stop) -> Result<(), Error> {
    let start = now();
    let step = |name: &str| println!("\n== {:.0} s: {name}", start.elapsed().as_secs_f64());
    let folder = path::absolute(FOLDER).map_err(Error::file(Path::new(FOLDER)))?;
    step("tools");
    tools(stop)?;
    step("Debians");
    for release in RELEASES {
        make(release, &folder, stop)?;
    }
    step("packages");
    let packages = folder.join("packages");
    let parts = parts(build::here()?, stop)?;
    let later = Parts { version: format!("{VERSION}+later"), ..parts.clone() };
    for (parts, folder) in [(&parts, "this"), (&later, "later")] {
        let folder = packages.join(folder);
        empty(&folder)?;
        write(parts, &folder)?;
    }
    // Deploying takes it, and what that takes is measured.
    let client = build::client(stop)?;
    let check = Check { folder, packages, stop };
    for release in RELEASES {
        step(&format!("{release}, without systemd"));
        check.run("offline.sh", release, Start::Script)?;
        step(&format!("{release}, with systemd"));
        if check.run("booted.sh", release, Start::Systemd)? {
            step(&format!("{release}, deploy"));
            check.deploy(release, &parts.programs[0], &client)?;
        } else {
            skip(&format!("deploy to {release}"), "no systemd can be started here")?;
        }
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

/// Makes a Debian in `folder`, where there is none.
fn make(release: &str, folder: &Path, stop: &Stop) -> Result<(), Error> {
    let debian = folder.join(release);
    if debian.exists() {
        return Ok(());
    }
    // One that was interrupted must not be taken for a whole one.
    let begun = folder.join("begun");
    empty(&begun)?;
    let log = folder.join("debootstrap.log");
    let mut make = enclosed("debootstrap");
    make.args(DEBIAN).arg(release).arg(&begun).stdout(File::create(&log).map_err(Error::file(&log))?);
    println!("making {release}, once: 100 MB to fetch, 300 MB on disk; how far it is: {}", log.display());
    process::run("debootstrap", &mut make, stop)?;
    fs::rename(&begun, &debian).map_err(Error::file(&debian))
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
    packages: PathBuf,
    stop: &'a Stop,
}

impl Check<'_> {
    /// Runs a script inside of the Debian, which sees the packages and pictures, and prints what it did. False: nothing can be
    /// started so here, and the script was skipped.
    fn run(&self, script: &'static str, release: &str, start: Start) -> Result<bool, Error> {
        let result = self.folder.join("result");
        empty(&result)?;
        let console = self.folder.join("console.log");
        let mut inside = enclosed("systemd-nspawn");
        inside.args(["--quiet", "--register=no", "--keep-unit", "--private-network", "--volatile=overlay"]);
        inside.arg("--directory").arg(self.folder.join(release));
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
                let why = format!("no Debian can be started here ({status}; see {})", console.display());
                skip(&format!("{script} in {release}"), &why)?;
                Ok(false)
            }
            outcome => outcome.map(|()| true),
        }
    }

    /// Deploys to the Debian, from outside of it, in a network of their own.
    fn deploy(&self, release: &str, master: &Path, client: &Path) -> Result<(), Error> {
        let work = self.folder.join("deploy");
        empty(&work)?;
        let mut run = enclosed("unshare");
        run.args(["--net", "sh", "packaging/check/deploy.sh"]);
        run.env("XTASK", env::current_exe().map_err(Error::file(Path::new("xtask")))?);
        run.env("MASTER", master).env("CLIENT", client);
        run.env("DEBIAN", self.folder.join(release)).env("PACKAGES", self.packages.join("this")).env("WORK", &work);
        process::run("deploy.sh", &mut run, self.stop)
    }
}

/// A command that leaves nothing behind, even if it is killed: its processes are in a namespace that ends with the first of them,
/// those of a container too, and what it mounts is mounted for them alone.
fn enclosed(program: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--pid", "--mount-proc", "--fork", "--kill-child", program]);
    command
}

fn bind(how: &str, ours: &Path, theirs: &str) -> String {
    format!("{how}={}:{theirs}", ours.display())
}
