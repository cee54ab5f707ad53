//! The programs that tests start.

use std::process::{Command, Stdio};

use crate::lacking;

/// A program that tests start, and the packages of Debian that bring it.
#[derive(Debug)]
pub struct Tool {
    /// The program, as it is found in `PATH`.
    pub program: &'static str,
    /// The flag that makes it say its version and end.
    version: &'static str,
    /// What `apt-get` installs.
    pub packages: &'static [&'static str],
    /// The tests that start it, as a part of a sentence.
    pub tests: &'static str,
}

/// Decodes and encodes video. The programs themselves need it, too.
pub const FFMPEG: Tool =
    Tool { program: "ffmpeg", version: "-version", packages: &["ffmpeg"], tests: "the tests of real video" };
/// Holds the registry that several masters share.
pub const ETCD: Tool =
    Tool { program: "etcd", version: "--version", packages: &["etcd-server"], tests: "the tests of several masters" };
/// Checks metrics and the sample configuration of Prometheus. Debian has it only in the package of the whole server.
pub const PROMTOOL: Tool =
    Tool { program: "promtool", version: "--version", packages: &["prometheus"], tests: "the checks of metrics" };
/// Judges how much of a machine a service can reach. Every Debian that boots has it, and a container has not.
pub const SYSTEMD: Tool = Tool {
    program: "systemd-analyze",
    version: "--version",
    packages: &["systemd"],
    tests: "the checks of what the services can reach",
};
/// Drives Chromium, which its package brings. The fonts are for people who look at the pictures that the tests take.
pub const CHROMEDRIVER: Tool = Tool {
    program: "chromedriver",
    version: "--version",
    packages: &["chromium-driver", "fonts-noto-cjk"],
    tests: "the tests of the page",
};

impl Tool {
    /// Whether the program starts.
    pub fn starts(&self) -> bool {
        let mut command = Command::new(self.program);
        command.arg(self.version).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok()
    }

    /// Whether the program is there for the test that asks. If not, the test is skipped, and has to return.
    ///
    /// # Panics
    /// The program is missing, and [`crate::all_are_required`].
    #[track_caller]
    pub fn is_there(&self) -> bool {
        let starts = self.starts();
        if !starts {
            lacking(&self.missing());
        }
        starts
    }

    /// What to say where the program is missing.
    pub fn missing(&self) -> String {
        format!("{} is not installed (Debian: sudo {})", self.program, self.install().join(" "))
    }

    /// The command that installs it on Debian, word by word.
    pub fn install(&self) -> Vec<&'static str> {
        ["apt-get", "install", "-y", "--no-install-recommends"].iter().chain(self.packages).copied().collect()
    }
}
