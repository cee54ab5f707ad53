//! The commands that reach another machine.

use std::path::Path;
use std::process::Command;

/// Nobody is asked for a password, a host that is off costs seconds, and one that goes away is noticed.
const OPTIONS: [&str; 8] =
    ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"];
/// What is run where a package was copied to.
const INSTALL: &str = include_str!("install.sh");

/// Asks `host` for its processor, as Debian calls it.
pub(super) fn architecture(host: &str) -> Command {
    ssh(host, "dpkg --print-architecture")
}

/// Copies a package into the home folder of `host`.
pub(super) fn copy(host: &str, package: &Path) -> Command {
    let mut scp = Command::new("scp");
    scp.args(OPTIONS).args(["-q", "--"]).arg(package).arg(format!("{host}:"));
    scp
}

/// Installs a package that was copied, and starts its worker, with another `master` if one is named. Prints the number that
/// the master gives it.
pub(super) fn install(host: &str, package: &str, master: Option<&str>) -> Command {
    let master = master.unwrap_or_default();
    ssh(host, &format!("package='{package}'\nmaster='{master}'\n{INSTALL}"))
}

fn ssh(host: &str, script: &str) -> Command {
    let mut ssh = Command::new("ssh");
    ssh.args(OPTIONS).args(["--", host, script]);
    ssh
}

/// A value of the command line that is one word in any shell: an address, or several behind commas.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn address(text: &str) -> Result<String, String> {
    let of_an_address = |letter: char| letter.is_ascii_alphanumeric() || "-._:,[]".contains(letter);
    let (_, port) = text.rsplit_once(':').ok_or("write HOST:PORT")?;
    if !text.chars().all(of_an_address) || port.parse::<u16>().is_err() {
        return Err("write HOST:PORT".to_owned());
    }
    Ok(text.to_owned())
}

/// A value of the command line that ssh takes for a host, and not for a flag.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn host(text: &str) -> Result<String, String> {
    if text.is_empty() || text.starts_with('-') || text.contains(char::is_whitespace) {
        return Err("write HOST or USER@HOST".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_an_address_or_a_host_means_something_to_a_shell_or_to_ssh() {
        for good in ["laptop.local:50051", "10.0.0.1:1", "[fe80::1]:50051", "a:1,b:2"] {
            assert_eq!(address(good).as_deref(), Ok(good));
        }
        for bad in ["laptop", "laptop:", "laptop:http", "a';reboot;':1", "a b:1", "$HOME:1"] {
            assert!(address(bad).is_err(), "{bad}");
        }
        assert!(host("pi@pi-1.local").is_ok());
        for bad in ["", "-oProxyCommand=reboot", "pi @host"] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_package_goes_home_and_is_installed_from_there() {
        let copy = copy("pi@a", Path::new("target/dist/x.deb"));
        assert!(copy.get_args().map(|arg| arg.to_str().unwrap()).collect::<Vec<_>>().ends_with(&[
            "--",
            "target/dist/x.deb",
            "pi@a:"
        ]));
        let install = install("pi@a", "x.deb", Some("m:1"));
        let script = install.get_args().last().unwrap().to_str().unwrap();
        assert!(script.starts_with("package='x.deb'\nmaster='m:1'\n"), "{script}");
    }
}
