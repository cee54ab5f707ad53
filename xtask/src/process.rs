//! Child processes that cannot outlive us.
//!
//! On unix each child leads a process group of its own. A Ctrl-C in the terminal then reaches xtask alone, which
//! stops its children in an order of its choice, and what a child started itself (ffmpeg, rustc) can be ended with it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::error::Error;
use crate::wait::{Stop, poll};

/// How long a child that was asked to stop has to end by itself before it is killed. A worker drains within it.
const GRACE: Duration = Duration::from_secs(10);
/// How long a killed child may take to be gone.
const KILLED: Duration = Duration::from_secs(5);
/// Longest run of any tool: a build on a slow board, a film through the demo.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A child process; dropping it ends it and everything in its process group.
pub(crate) struct Running {
    name: String,
    child: Child,
    /// How it ended, once that is known.
    status: Option<ExitStatus>,
}

impl Running {
    /// Starts `command` with nothing on its stdin. `name` is for messages.
    pub(crate) fn start(name: &str, command: &mut Command) -> Result<Running, Error> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .map_err(|source| Error::Start { program: command.get_program().to_string_lossy().into_owned(), source })?;
        Ok(Running { name: name.to_owned(), child, status: None })
    }

    /// Each line of its stdout, which must be piped; a copy of each goes to `log`.
    pub(crate) fn lines(&mut self, log: Option<File>) -> Receiver<String> {
        let stdout = self.child.stdout.take().expect("the caller pipes stdout and takes it once");
        read_lines(stdout, log)
    }

    /// How it ended, or nothing while it runs. When it has ended, what it left behind in its group is ended too: now,
    /// because its number may be another process's at any later time.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        if self.status.is_none() {
            self.status = self.child.try_wait().map_err(|source| Error::Watch { name: self.name.clone(), source })?;
            if self.status.is_some() {
                group::kill(self.child.id());
            }
        }
        Ok(self.status)
    }

    /// Waits for its end, [`LONGEST`] at most. `go_on` is asked all the time and ends the waiting with an error.
    ///
    /// # Errors
    /// [`Error::Failed`] unless it ended with success, and those of `go_on`.
    pub(crate) fn wait(&mut self, mut go_on: impl FnMut() -> Result<(), Error>) -> Result<(), Error> {
        let status = poll(LONGEST, || {
            go_on()?;
            self.ended()
        })?;
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(Error::Failed { name: self.name.clone(), status }),
            None => Err(Error::TooSlow { name: self.name.clone(), limit: LONGEST }),
        }
    }

    /// The number that the system gave it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, without waiting.
    pub(crate) fn ask_to_stop(&self) {
        if self.status.is_none() {
            group::ask_to_stop(self.child.id());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ask_to_stop();
        // An error means that it is not our child any more; its number may be another's, and nothing is left to do.
        let Ok(None) = poll(GRACE, || self.ended()) else { return };
        group::kill(self.child.id());
        if let Ok(None) = poll(KILLED, || self.ended()) {
            eprintln!("{} (process {}) does not end even when killed", self.name, self.child.id());
        }
    }
}

/// Runs `command` to its end; it writes where xtask writes.
pub(crate) fn run(name: &str, command: &mut Command, stop: &Stop) -> Result<(), Error> {
    Running::start(name, command)?.wait(|| stop.check())
}

/// Runs `command` to its end and returns the lines of its stdout.
pub(crate) fn output(name: &str, command: &mut Command, stop: &Stop) -> Result<Vec<String>, Error> {
    let mut running = Running::start(name, command.stdout(Stdio::piped()))?;
    let lines = running.lines(None);
    running.wait(|| stop.check())?;
    let mut all = Vec::new();
    // A daemon that left the child's group may hold the pipe open for ever: what is there is there after the grace time.
    while let Ok(line) = lines.recv_timeout(GRACE) {
        all.push(line);
    }
    Ok(all)
}

/// A thread that reads lines until the end of `from`. It goes on when nobody listens, so that the writer never blocks.
fn read_lines(from: impl Read + Send + 'static, mut log: Option<File>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            if let Some(log) = &mut log {
                // A full disk must not stop the reading.
                let _ = writeln!(log, "{line}");
            }
            let _ = sender.send(line);
        }
    });
    receiver
}

#[cfg(unix)]
mod group {
    use nix::sys::signal::{Signal, killpg};
    use nix::unistd::Pid;

    pub(super) fn ask_to_stop(leader: u32) {
        // The only failure is that nobody is left in the group.
        let _ = killpg(Pid::from_raw(leader.cast_signed()), Signal::SIGTERM);
    }

    pub(super) fn kill(leader: u32) {
        let _ = killpg(Pid::from_raw(leader.cast_signed()), Signal::SIGKILL);
    }
}

#[cfg(not(unix))]
mod group {
    use std::process::{Command, Stdio};

    /// Windows has no polite way to stop a process without a window.
    pub(super) fn ask_to_stop(leader: u32) {
        kill(leader);
    }

    pub(super) fn kill(leader: u32) {
        let pid = leader.to_string();
        let mut taskkill = Command::new("taskkill");
        // A failure means that it is gone already.
        let _ = taskkill.args(["/T", "/F", "/PID", &pid]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_is_split_into_lines_and_failure_is_an_error() {
        let stop = Stop::default();
        assert_eq!(output("sh", &mut shell("printf 'a\\r\\nb'"), &stop).unwrap(), ["a", "b"]);
        assert!(matches!(run("sh", &mut shell("exit 3"), &stop), Err(Error::Failed { .. })));
        assert!(matches!(run("none", &mut Command::new("/no/such/program"), &stop), Err(Error::Start { .. })));
    }

    #[test]
    fn dropping_a_child_ends_its_grandchild_that_ignores_the_request() {
        // The shell obeys SIGTERM; the grandchild does not, and keeps the pipe open as long as it lives.
        let script = "sh -c 'trap \"\" TERM; echo ready; sleep 30' & echo parent; wait";
        let mut running = Running::start("sh", shell(script).stdout(Stdio::piped())).unwrap();
        let lines = running.lines(None);
        let mut first = [lines.recv_timeout(GRACE).unwrap(), lines.recv_timeout(GRACE).unwrap()];
        first.sort();
        assert_eq!(first, ["parent", "ready"]);
        drop(running);
        // Ends only when the last holder of the pipe is gone.
        assert_eq!(lines.recv_timeout(GRACE), Err(mpsc::RecvTimeoutError::Disconnected));
    }

    #[test]
    fn what_a_child_leaves_behind_ends_with_it() {
        let mut running = Running::start("sh", shell("sleep 30 & echo parent").stdout(Stdio::piped())).unwrap();
        let lines = running.lines(None);
        running.wait(|| Ok(())).unwrap();
        assert_eq!(lines.recv_timeout(GRACE).unwrap(), "parent");
        // Not when `running` is dropped, which is later.
        assert_eq!(lines.recv_timeout(GRACE), Err(mpsc::RecvTimeoutError::Disconnected));
    }
}
