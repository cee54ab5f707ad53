//! What Linux tells of processes, in `/proc`. Elsewhere there is nothing to read.

use std::fs;
use std::path::Path;

/// `/proc/ID/status` of a process, as it was at one moment.
#[derive(Clone, Debug)]
pub struct Status(String);

impl Status {
    /// None: there is no such process, or the system does not tell.
    pub fn of(id: u32) -> Option<Status> {
        fs::read_to_string(format!("/proc/{id}/status")).ok().map(Status)
    }

    /// What stands behind a name.
    pub fn value(&self, name: &str) -> Option<&str> {
        let value = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(value.trim())
    }

    /// The number behind a name; where it has a unit, that is kB.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.value(name)?.split_whitespace().next()?.parse().ok()
    }

    /// The letter of its state: T is stopped, Z has ended and nobody has asked how.
    pub fn state(&self) -> Option<char> {
        self.value("State")?.chars().next()
    }
}

/// A field of a `stat` file, counted from 1. The second is a name that may hold anything but ends with the last `)`.
pub fn stat_field(stat: &Path, number: usize) -> Option<String> {
    let stat = fs::read_to_string(stat).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(number - 3).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_and_units_are_left_out() {
        let status = Status("Name:\tcargo test\nState:\tT (stopped)\nVmHWM:\t   52 kB\nVmHWMs:\t9\n".into());
        assert_eq!((status.value("Name"), status.state()), (Some("cargo test"), Some('T')));
        assert_eq!((status.number("VmHWM"), status.number("VmH")), (Some(52), None));
    }
}
