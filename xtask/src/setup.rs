//! Sets up programs that cargo cannot build: ffmpeg, the one that facefleet needs, and those that some tests need.

use std::env;
use std::process::{Command, Stdio};

use prerequisites::{CHROMEDRIVER, ETCD, PROMTOOL, SYSTEMD, Tool};

use crate::error::Error;
use crate::process;
use crate::wait::Stop;

/// The two programs of ffmpeg, which come in one package everywhere.
const PROGRAMS: [&str; 2] = ["ffmpeg", "ffprobe"];

/// Makes sure that ffmpeg can be started: installs it where that needs nobody's consent.
///
/// # Errors
/// [`Error::Missing`] with the one line that the user has to type, where it may not be installed without asking.
pub(crate) fn ffmpeg(stop: &Stop) -> Result<(), Error> {
    if PROGRAMS.into_iter().all(starts) {
        return Ok(());
    }
    match plan(env::consts::OS, starts, is_root()) {
        Plan::Tell(line) => return Err(no_ffmpeg(format!("type this, then try again: {line}"))),
        Plan::Install { install, refresh } => {
            println!("installing ffmpeg: {}", install.join(" "));
            bring(PROGRAMS[0], install, refresh, stop)?;
        }
    }
    if PROGRAMS.into_iter().all(starts) {
        Ok(())
    } else {
        Err(no_ffmpeg("the package manager did not bring it; see https://ffmpeg.org/download.html".to_owned()))
    }
}

fn no_ffmpeg(how: String) -> Error {
    Error::Missing { program: PROGRAMS[0], how }
}

/// Installs the programs that only tests start, where that needs nobody's consent. Where one is missing after that, this says
/// which tests are skipped and what to type.
///
/// # Errors
/// [`Error::Missing`] in place of skipped tests where [`prerequisites::all_are_required`], and [`Error::Interrupted`].
pub(crate) fn test_tools(stop: &Stop) -> Result<(), Error> {
    let required = prerequisites::all_are_required();
    for tool in [ETCD, PROMTOOL, CHROMEDRIVER, SYSTEMD] {
        match test_tool(&tool, stop) {
            Err(error @ Error::Missing { .. }) if !required => {
                println!("{error}; until then {} are skipped", tool.tests);
            }
            other => other?,
        }
    }
    Ok(())
}

/// Makes sure that a program which tests start is there.
fn test_tool(tool: &Tool, stop: &Stop) -> Result<(), Error> {
    if tool.starts() {
        return Ok(());
    }
    let install = tool.install();
    let line = install.join(" ");
    let missing = |how| Err(Error::Missing { program: tool.program, how });
    if !is_root() || !starts(install[0]) {
        return missing(format!("type this on Debian: sudo {line}"));
    }
    println!("installing {}: {line}", tool.program);
    bring(tool.program, &install, Some(&["apt-get", "update"]), stop)?;
    if tool.starts() { Ok(()) } else { missing(format!("this did not bring it: {line}")) }
}

/// How ffmpeg gets onto a machine.
#[derive(Debug, PartialEq)]
enum Plan {
    /// Run `install`; when it fails, fetch the list of packages with `refresh` and try once more.
    Install { install: &'static [&'static str], refresh: Option<&'static [&'static str]> },
    /// The user has to type this.
    Tell(String),
}

/// A package manager that installs for the whole machine, and so asks for root.
struct Manager {
    program: &'static str,
    install: &'static [&'static str],
    refresh: Option<&'static [&'static str]>,
}

const LINUX: [Manager; 4] = [
    Manager {
        program: "apt-get",
        install: &["apt-get", "install", "-y", "--no-install-recommends", "ffmpeg"],
        refresh: Some(&["apt-get", "update"]),
    },
    // Fedora's own package; the one called ffmpeg needs a repository that is not set up by default.
    Manager { program: "dnf", install: &["dnf", "install", "-y", "ffmpeg-free"], refresh: None },
    Manager {
        program: "pacman",
        install: &["pacman", "-S", "--noconfirm", "--needed", "ffmpeg"],
        refresh: Some(&["pacman", "-Sy"]),
    },
    Manager { program: "apk", install: &["apk", "add", "--no-cache", "ffmpeg"], refresh: None },
];
const BREW: &[&str] = &["brew", "install", "ffmpeg"];

/// Decides from the operating system (as `std::env::consts::OS` names it), the programs there are, and who we are.
fn plan(os: &str, has: impl Fn(&str) -> bool, root: bool) -> Plan {
    match os {
        // Homebrew refuses to run as root.
        "macos" if !root && has("brew") => Plan::Install { install: BREW, refresh: None },
        "macos" => Plan::Tell(format!("{} (as yourself; brew itself: https://brew.sh)", BREW.join(" "))),
        "windows" => Plan::Tell("winget install ffmpeg".to_owned()),
        _ => match LINUX.iter().find(|manager| has(manager.program)) {
            Some(&Manager { install, refresh, .. }) if root => Plan::Install { install, refresh },
            Some(manager) => Plan::Tell(format!("sudo {}", manager.install.join(" "))),
            None => Plan::Tell("install ffmpeg from https://ffmpeg.org/download.html".to_owned()),
        },
    }
}

/// Installs `program`, after a refresh if it does not work without.
///
/// # Errors
/// [`Error::Missing`] with what failed and the line that the user has to type, and [`Error::Interrupted`].
fn bring(program: &'static str, install: &[&str], refresh: Option<&[&str]>, stop: &Stop) -> Result<(), Error> {
    let outcome = match (run(install, stop), refresh) {
        (Err(Error::Failed { .. }), Some(refresh)) => run(refresh, stop).and_then(|()| run(install, stop)),
        (outcome, _) => outcome,
    };
    outcome.map_err(|error| match error {
        Error::Interrupted => error,
        error => {
            let line: Vec<String> = refresh.into_iter().chain([install]).map(|words| words.join(" ")).collect();
            let how = format!("{error}; type this, see what it says, then try again: {}", line.join(" && "));
            Error::Missing { program, how }
        }
    })
}

/// Runs a package manager.
pub(crate) fn run(words: &[&str], stop: &Stop) -> Result<(), Error> {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env("DEBIAN_FRONTEND", "noninteractive");
    process::run(words[0], &mut command, stop)
}

/// Whether `program` is on the PATH. Every program asked about here ends at once when asked for its version.
pub(crate) fn starts(program: &str) -> bool {
    let flag = if PROGRAMS.contains(&program) { "-version" } else { "--version" };
    Command::new(program).arg(flag).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Whether we may install for the whole machine.
#[cfg(unix)]
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Whether we may install for the whole machine.
#[cfg(not(unix))]
pub(crate) fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(there: &'static str) -> impl Fn(&str) -> bool {
        move |program| program == there
    }

    fn tell(line: &str) -> Plan {
        Plan::Tell(line.to_owned())
    }

    #[test]
    fn root_installs_and_knows_how_to_refresh() {
        let Plan::Install { install, refresh } = plan("linux", only("apt-get"), true) else { panic!("must install") };
        assert_eq!(install.join(" "), "apt-get install -y --no-install-recommends ffmpeg");
        assert_eq!(refresh.unwrap().join(" "), "apt-get update");
        for program in ["dnf", "pacman", "apk"] {
            let Plan::Install { install, .. } = plan("linux", only(program), true) else { panic!("must install") };
            assert_eq!(install[0], program);
        }
        assert_eq!(plan("macos", only("brew"), false), Plan::Install { install: BREW, refresh: None });
    }

    #[test]
    fn everybody_else_is_told_what_to_type() {
        let sudo = "sudo apt-get install -y --no-install-recommends ffmpeg";
        assert_eq!(plan("linux", only("apt-get"), false), tell(sudo));
        assert_eq!(plan("windows", only("winget"), false), tell("winget install ffmpeg"));
        assert!(
            matches!(plan("macos", only("brew"), true), Plan::Tell(line) if line.starts_with("brew install ffmpeg"))
        );
        assert!(matches!(plan("linux", only(""), true), Plan::Tell(line) if line.contains("ffmpeg.org")));
    }

    #[test]
    #[cfg(unix)]
    fn a_package_manager_that_fails_leaves_a_line_to_type() {
        let text = |install, refresh| bring("ffmpeg", install, refresh, &Stop::default()).unwrap_err().to_string();
        assert!(text(&["false", "ffmpeg"], None).ends_with(": false ffmpeg"));
        assert!(text(&["false", "ffmpeg"], Some(&["true"])).ends_with(": true && false ffmpeg"));
        assert!(text(&["/no/such/manager"], None).ends_with(": /no/such/manager"));
        bring("ffmpeg", &["true"], None, &Stop::default()).unwrap();
    }
}
