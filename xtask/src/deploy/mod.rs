//! `cargo xtask deploy pi@host…`: brings a worker onto other machines over ssh, and waits until their master has it.

mod remote;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::dist::{self, Arch};
use crate::error::Error;
use crate::process;
use crate::wait::{Stop, now, poll};

/// The program that is brought.
const WORKER: &str = "facefleet-worker";
/// How long the master may take to list a worker that has joined.
const LISTED: Duration = Duration::from_secs(10);

/// Where to, and how.
#[derive(Args)]
pub(crate) struct Deploy {
    /// Machines with Debian or Raspberry Pi OS, as ssh knows them; ssh must log in with a key, as root or as a user who may use sudo
    /// without a password
    #[arg(required = true, value_name = "[USER@]HOST", value_parser = remote::host)]
    hosts: Vec<String>,
    /// The masters that the workers join, as these machines reach them [default: those in their configuration, or the one that
    /// announces itself on their network]
    #[arg(long, value_name = "HOST:PORT[,...]", env = "FACEFLEET_MASTER", value_parser = remote::address)]
    master: Option<String>,
    /// Install the packages from this folder instead of building them
    #[arg(long, value_name = "FOLDER")]
    packages: Option<PathBuf>,
    /// Print what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// Brings the worker onto every host, one after the other, and prints the cluster.
///
/// # Errors
/// [`Error::Hosts`] names the hosts where it did not work; the others have their worker then.
pub(crate) fn run(deploy: &Deploy, stop: &Stop) -> Result<(), Error> {
    if deploy.dry_run {
        deploy.print();
        return Ok(());
    }
    let mut archs = Vec::new();
    for host in &deploy.hosts {
        archs.push(per_host(architecture(host, stop))?);
    }
    let mut needed: Vec<Arch> = Vec::new();
    for arch in archs.iter().flatten() {
        if !needed.contains(arch) {
            needed.push(*arch);
        }
    }
    let folder = match &deploy.packages {
        Some(folder) => folder.clone(),
        // Every host has failed already; none gets a package.
        None if needed.is_empty() => PathBuf::new(),
        None => dist::run(&needed, stop)?,
    };
    let client = dist::client(stop)?;

    let mut failed = Vec::new();
    for (host, arch) in deploy.hosts.iter().zip(archs) {
        println!("\n== {host}");
        let start = now();
        let outcome = match arch {
            Ok(arch) => per_host(deploy.install(host, arch, &folder, &client, stop))?,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(id) => println!("{host}: worker {id}, {:.1} s", start.elapsed().as_secs_f64()),
            Err(error) => {
                eprintln!("{host}: {error}");
                failed.push(format!("{host}: {error}"));
            }
        }
    }
    println!();
    process::run("facefleet-client nodes", &mut deploy.nodes(&client), stop)?;
    if failed.is_empty() { Ok(()) } else { Err(Error::Hosts(failed)) }
}

/// What goes wrong with one host is that host's; a user who wants to stop stops all.
fn per_host<T>(outcome: Result<T, Error>) -> Result<Result<T, Error>, Error> {
    match outcome {
        Err(Error::Interrupted) => Err(Error::Interrupted),
        outcome => Ok(outcome),
    }
}

fn architecture(host: &str, stop: &Stop) -> Result<Arch, Error> {
    let name = process::output("ssh", &mut remote::architecture(host), stop)?.concat();
    Arch::named(&name).ok_or(Error::NoArch(name))
}

impl Deploy {
    /// Installs, starts and waits. Returns the worker's number.
    fn install(&self, host: &str, arch: Arch, folder: &Path, client: &Path, stop: &Stop) -> Result<u64, Error> {
        let package = dist::file_name(WORKER, dist::VERSION, arch);
        process::run("scp", &mut remote::copy(host, &folder.join(&package)), stop)?;
        let said =
            process::output("the installation", &mut remote::install(host, &package, self.master.as_deref()), stop)?;
        let id = said.last().and_then(|line| line.parse().ok()).ok_or(Error::NotJoined)?;
        let listed = poll(LISTED, || {
            let list = process::output("facefleet-client nodes", self.nodes(client).arg("--json"), stop)?;
            Ok(is_listed(&list.concat(), id).then_some(id))
        })?;
        listed.ok_or(Error::NotListed(id))
    }

    /// Lists the cluster.
    fn nodes(&self, client: &Path) -> Command {
        let mut nodes = Command::new(client);
        nodes.arg("nodes").args(self.master.iter().flat_map(|master| ["--master", master]));
        nodes
    }

    /// Says what would be done.
    fn print(&self) {
        let folder = self.packages.as_deref().unwrap_or(Path::new("target/dist"));
        for host in &self.hosts {
            let package = dist::file_name(WORKER, dist::VERSION, Arch::Arm64);
            println!("== {host}, if it says that it is {}:", Arch::Arm64.name());
            print(&remote::architecture(host));
            print(&remote::copy(host, &folder.join(&package)));
            print(&remote::install(host, &package, self.master.as_deref()));
        }
        println!("== here:");
        print(&self.nodes(Path::new("facefleet-client")));
    }
}

/// One line, and below it the script that it is about, if there is one.
fn print(command: &Command) {
    let words = [command.get_program()].into_iter().chain(command.get_args()).map(|word| word.to_string_lossy());
    let (scripts, words): (Vec<_>, Vec<_>) = words.partition(|word| word.contains('\n'));
    println!("{}", words.join(" "));
    for line in scripts.iter().flat_map(|script| script.lines()) {
        println!("    {line}");
    }
}

/// Whether the worker is in the list, as the client prints it for programs, and well.
fn is_listed(list: &str, id: u64) -> bool {
    let list: Value = serde_json::from_str(list).unwrap_or_default();
    let nodes = list["nodes"].as_array().into_iter().flatten();
    nodes.into_iter().any(|node| node["id"] == id && node["state"] == "healthy")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_counts_when_its_master_takes_it_for_healthy() {
        let list = r#"{"nodes": [{"id": 3, "state": "healthy"}, {"id": 4, "state": "lost"}]}"#;
        assert!(is_listed(list, 3));
        assert!(!is_listed(list, 4) && !is_listed(list, 5) && !is_listed("", 3));
    }
}
