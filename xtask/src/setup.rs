//! Sets up programs that cargo cannot build: ffmpeg, the one that facefleet needs, and those that some tests need.

use std::env;
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::process;
use crate::wait::Stop;

/// Both come in one package everywhere.
const PROGRAMS: [&str; 2] = ["ffmpeg", "ffprobe"];

/// Makes sure that ffmpeg can be started: installs it where that needs nobody's consent.
///
/// # Errors
/// [`Error::NoFfmpeg`] with the one line that the user has to type, where it may not be installed without asking.
pub(crate) fn ffmpeg(stop: &Stop) -> Result<(), Error> {
    if PROGRAMS.into_iter().all(starts) {
        return Ok(());
    }
    match plan(env::consts::OS, starts, is_root()) {
        Plan::Tell(line) => return Err(Error::NoFfmpeg(format!("type this, then try again: {line}"))),
        Plan::Install { install, refresh } => {
            println!("installing ffmpeg: {}", install.join(" "));
            bring(install, refresh, stop)?;
        }
    }
    if PROGRAMS.into_iter().all(starts) {
        Ok(())
    } else {
        Err(Error::NoFfmpeg("the package manager did not bring it; see https://ffmpeg.org/download.html".to_owned()))
    }
}

/// A program that some tests start. Without it they say that they are skipped.
struct Optional {
    program: &'static str,
    install: &'static [&'static str],
    /// What is skipped.
    tests: &'static str,
}

const OPTIONAL: [Optional; 3] = [
    Optional {
        program: "etcd",
        install: &["apt-get", "install", "-y", "--no-install-recommends", "etcd-server"],
        tests: "the tests of several masters",
    },
    // Its package is the whole of Prometheus, which also starts as a service: the tests need only the checker.
    Optional {
        program: "promtool",
        install: &["apt-get", "install", "-y", "--no-install-recommends", "prometheus"],
        tests: "the checks of metrics",
    },
    // The driver brings the browser. The fonts are for people who look at the pictures of the page.
    Optional {
        program: "chromedriver",
        install: &["apt-get", "install", "-y", "--no-install-recommends", "chromium-driver", "fonts-noto-cjk"],
        tests: "the tests of the page",
    },
];

/// Installs the programs that only some tests need, where that needs nobody's consent. Elsewhere those tests say that they
/// are skipped, and this says how to change that.
///
/// # Errors
/// [`Error::Interrupted`].
pub(crate) fn optional(stop: &Stop) -> Result<(), Error> {
    for Optional { program, install, tests } in OPTIONAL {
        if starts(program) {
            continue;
        }
        if is_root() && starts(install[0]) {
            println!("installing {program}: {}", install.join(" "));
            match bring(install, Some(&["apt-get", "update"]), stop) {
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Ok(()) if starts(program) => continue,
                Ok(()) | Err(_) => {}
            }
        }
        println!("without {program}, {tests} are skipped (Debian: sudo {})", install.join(" "));
    }
    Ok(())
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

/// Installs, after a refresh if it does not work without.
///
/// # Errors
/// [`Error::NoFfmpeg`] with what failed and the line that the user has to type, and [`Error::Interrupted`].
fn bring(install: &[&str], refresh: Option<&[&str]>, stop: &Stop) -> Result<(), Error> {
    let outcome = match (run(install, stop), refresh) {
        (Err(Error::Failed { .. }), Some(refresh)) => run(refresh, stop).and_then(|()| run(install, stop)),
        (outcome, _) => outcome,
    };
    outcome.map_err(|error| match error {
        Error::Interrupted => error,
        error => {
            let line: Vec<String> = refresh.into_iter().chain([install]).map(|words| words.join(" ")).collect();
            Error::NoFfmpeg(format!("{error}; type this, see what it says, then try again: {}", line.join(" && ")))
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
        let text = |install, refresh| bring(install, refresh, &Stop::default()).unwrap_err().to_string();
        assert!(text(&["false", "ffmpeg"], None).ends_with(": false ffmpeg"));
        assert!(text(&["false", "ffmpeg"], Some(&["true"])).ends_with(": true && false ffmpeg"));
        assert!(text(&["/no/such/manager"], None).ends_with(": /no/such/manager"));
        bring(&["true"], None, &Stop::default()).unwrap();
    }
}
