//! A master or a worker as a child process: its log, and the lines on its stdout that say how far it is.

use std::fs::{self, File};
use std::iter;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use crate::error::Error;
use crate::process::Running;
use crate::wait::{Stop, poll};

/// How long a service may take until it says that it is ready. A slow board loads its model in a few seconds.
const READY: Duration = Duration::from_secs(60);
/// How long the last lines of a dead service may take to arrive.
const LAST_LINES: Duration = Duration::from_secs(5);
/// Lines of a log that are shown when its service failed.
const TAIL: usize = 20;

/// A running service; dropping it stops it.
pub(crate) struct Service {
    name: String,
    process: Running,
    lines: Receiver<String>,
    /// Everything that it writes, stdout and stderr.
    log: PathBuf,
}

impl Service {
    /// Starts `command`; what it writes goes to `<logs>/<name>.log`.
    pub(crate) fn start(name: &str, command: &mut Command, logs: &Path) -> Result<Service, Error> {
        let log = logs.join(format!("{name}.log"));
        File::create(&log).map_err(Error::file(&log))?;
        // Two writers share the file: each appends.
        let append = || File::options().append(true).open(&log).map_err(Error::file(&log));
        let mut process = Running::start(name, command.stdout(Stdio::piped()).stderr(append()?))?;
        let lines = process.lines(Some(append()?));
        Ok(Service { name: name.to_owned(), process, lines, log })
    }

    /// Waits for a line in which `find` finds something, and returns that.
    ///
    /// # Errors
    /// [`Error::Died`] when the service ends before, [`Error::TooSlow`] when it takes longer than [`READY`]; the end
    /// of its log is on stderr then.
    pub(crate) fn wait_for<T>(&mut self, find: impl Fn(&str) -> Option<T>, stop: &Stop) -> Result<T, Error> {
        let found = poll(READY, || {
            stop.check()?;
            let died = self.died()?;
            // A dead service's last lines may still be on their way from its pipe.
            let patience = if died.is_some() { LAST_LINES } else { Duration::ZERO };
            let mut lines = iter::from_fn(|| self.lines.recv_timeout(patience).ok());
            match lines.find_map(|line| find(&line)) {
                Some(found) => Ok(Some(found)),
                None => died.map_or(Ok(None), Err),
            }
        });
        let found = found.and_then(|found| found.ok_or(Error::TooSlow { name: self.name.clone(), limit: READY }));
        if let Err(Error::Died { .. } | Error::TooSlow { .. }) = &found {
            self.show_log();
        }
        found
    }

    /// The number that the system gave the process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What the process has written so far.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) fn log(&self) -> Result<String, Error> {
        fs::read_to_string(&self.log).map_err(Error::file(&self.log))
    }

    /// The error that says how it ended; nothing while it runs.
    pub(crate) fn died(&mut self) -> Result<Option<Error>, Error> {
        let died = |status| Error::Died { name: self.name.clone(), status, log: self.log.clone() };
        Ok(self.process.ended()?.map(died))
    }

    /// Asks it to stop, without waiting.
    pub(crate) fn ask_to_stop(&self) {
        self.process.ask_to_stop();
    }

    /// Shows the end of its log on stderr.
    pub(crate) fn show_log(&self) {
        let log = fs::read(&self.log).unwrap_or_default();
        eprintln!("the last lines of {}:\n{}", self.log.display(), tail(&String::from_utf8_lossy(&log)));
    }
}

/// The address in a service's first line, `listening on ADDR:PORT`.
pub(crate) fn listening_on(line: &str) -> Option<SocketAddr> {
    line.strip_prefix("listening on ")?.trim().parse().ok()
}

/// Where the page is, in the line of a master that has one, `page on URL`.
pub(crate) fn page_on(line: &str) -> Option<String> {
    line.strip_prefix("page on ").map(|url| url.trim().to_owned())
}

/// Whether the line is a worker's `joined MASTER as worker ID`.
pub(crate) fn joined(line: &str) -> Option<()> {
    let (_master, id) = line.strip_prefix("joined ")?.split_once(" as worker ")?;
    id.trim().parse::<i32>().ok().map(|_| ())
}

/// The last [`TAIL`] lines.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_services_are_understood() {
        assert_eq!(listening_on("listening on 127.0.0.1:50051"), Some(([127, 0, 0, 1], 50051).into()));
        assert_eq!(listening_on("listening on [::1]:7"), "[::1]:7".parse().ok());
        assert_eq!(listening_on("listening on nowhere"), None);
        assert_eq!(page_on("page on http://127.0.0.1:8080/\n").as_deref(), Some("http://127.0.0.1:8080/"));
        assert_eq!(page_on("listening on 127.0.0.1:8080"), None);
        assert_eq!(listening_on("not listening on 127.0.0.1:1"), None);
        assert_eq!(joined("joined 127.0.0.1:50051 as worker 2"), Some(()));
        assert_eq!(joined("joined 127.0.0.1:50051 as worker"), None);
        assert_eq!(joined("listening on 127.0.0.1:50051"), None);
    }

    #[test]
    fn tail_is_the_end_of_a_text() {
        assert_eq!(tail(""), "");
        assert_eq!(tail("a\nb\n"), "a\nb");
        let long: Vec<String> = (0..TAIL + 2).map(|line| line.to_string()).collect();
        assert_eq!(tail(&long.join("\n")), long[2..].join("\n"));
    }

    #[cfg(unix)]
    #[test]
    fn a_service_is_ready_when_it_says_so_and_dead_when_it_ends() {
        let logs = std::env::temp_dir();
        let name = format!("facefleet-service-{}", std::process::id());
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo starting; echo >&2 trouble; echo ready: yes; exit 1"]);
        let mut service = Service::start(&name, &mut shell, &logs).unwrap();
        let stop = Stop::default();
        let ready = |line: &str| line.strip_prefix("ready: ").map(str::to_owned);
        assert_eq!(service.wait_for(ready, &stop).unwrap(), "yes");
        assert!(matches!(service.wait_for(ready, &stop), Err(Error::Died { .. })));
        let log = fs::read_to_string(logs.join(format!("{name}.log"))).unwrap();
        assert!(log.contains("trouble") && log.contains("starting"), "{log}");
        fs::remove_file(logs.join(format!("{name}.log"))).unwrap();
    }
}
