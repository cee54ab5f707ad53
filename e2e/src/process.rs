//! One child process.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use facefleet_service::clock;
use shared_child::SharedChild;

use crate::Error;

/// How long anything is awaited. Far more than it takes on a slow and busy machine: only what hangs comes near it.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

/// A child process that prints lines. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: SharedChild,
    stdout: Lines,
    stderr: Lines,
}

/// How a process ended, and all that it printed.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; None where a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    #[cfg(unix)]
    pub signal: Option<i32>,
    /// The lines of its stdout.
    pub stdout: Vec<String>,
    /// The lines of its stderr.
    pub stderr: Vec<String>,
}

/// The lines of a pipe, which a thread of its own reads, so that the process never waits for us.
#[derive(Debug)]
struct Lines {
    coming: Receiver<String>,
    seen: Vec<String>,
}

impl Process {
    /// Starts `command` with nothing on its stdin. `name` is for messages.
    ///
    /// # Errors
    /// The system cannot start it.
    pub fn start(name: &str, mut command: Command) -> Result<Process, Error> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = command.get_program().to_string_lossy().into_owned();
        let child = SharedChild::spawn(&mut command).map_err(|source| Error::Start { program, source })?;
        let stdout = Lines::of(child.take_stdout().expect("stdout is piped just above"));
        let stderr = Lines::of(child.take_stderr().expect("stderr is piped just above"));
        Ok(Process { name: name.to_owned(), child, stdout, stderr })
    }

    /// The number that the system gave it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the next line on stdout in which `find` finds something. `awaited` completes the sentence "it did
    /// not …".
    ///
    /// # Errors
    /// The process ended, or took too long.
    pub fn wait_for<T>(&mut self, awaited: &str, find: impl FnMut(&str) -> Option<T>) -> Result<T, Error> {
        let found = self.stdout.find(find);
        found.map_err(|error| self.gave_up(error, awaited))
    }

    /// Waits for the next line on stderr in which `find` finds something, like [`Process::wait_for`] on stdout.
    ///
    /// # Errors
    /// The process ended, or took too long.
    pub fn wait_for_stderr<T>(&mut self, awaited: &str, find: impl FnMut(&str) -> Option<T>) -> Result<T, Error> {
        let found = self.stderr.find(find);
        found.map_err(|error| self.gave_up(error, awaited))
    }

    /// Waits until the process ends.
    ///
    /// # Errors
    /// The process took too long.
    pub fn end(mut self) -> Result<Ended, Error> {
        match self.child.wait_timeout(LIMIT) {
            Ok(Some(status)) => Ok(self.ended(status)),
            Ok(None) => Err(self.gave_up(RecvTimeoutError::Timeout, "end")),
            Err(source) => Err(Error::Start { program: self.name.clone(), source }),
        }
    }

    /// Ends it without a word (`SIGKILL`), and waits until it is gone.
    pub fn kill(&mut self) {
        // Err in either: it has ended and been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends it a signal.
    #[cfg(unix)]
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let id = nix::unistd::Pid::from_raw(self.id().cast_signed());
        nix::sys::signal::kill(id, signal).expect("a child that was not waited for can get signals");
    }

    fn ended(&mut self, status: ExitStatus) -> Ended {
        self.stdout.read_to_end();
        self.stderr.read_to_end();
        Ended {
            code: status.code(),
            #[cfg(unix)]
            signal: std::os::unix::process::ExitStatusExt::signal(&status),
            stdout: std::mem::take(&mut self.stdout.seen),
            stderr: std::mem::take(&mut self.stderr.seen),
        }
    }

    fn gave_up(&mut self, error: RecvTimeoutError, awaited: &str) -> Error {
        let (name, awaited) = (self.name.clone(), awaited.to_owned());
        // Whatever else it has to say is said when it is gone.
        self.kill();
        self.stdout.read_to_end();
        self.stderr.read_to_end();
        let said = [&self.stdout.seen[..], &self.stderr.seen].concat().join("\n");
        match error {
            RecvTimeoutError::Timeout => Error::TooSlow { name, awaited, limit: LIMIT, said },
            RecvTimeoutError::Disconnected => Error::Ended { name, awaited, said },
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Lines {
        let (sender, coming) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                // Err: nobody listens any more. Reading goes on, so that the process does not block.
                let _ = sender.send(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned());
            }
        });
        Lines { coming, seen: Vec::new() }
    }

    fn find<T>(&mut self, mut find: impl FnMut(&str) -> Option<T>) -> Result<T, RecvTimeoutError> {
        let start = clock::now();
        loop {
            let left = LIMIT.saturating_sub(clock::now().saturating_duration_since(start));
            let line = self.coming.recv_timeout(left)?;
            let found = find(&line);
            self.seen.push(line);
            if let Some(found) = found {
                return Ok(found);
            }
        }
    }

    /// Takes what is left. A grandchild that lives on may hold the pipe: it is not waited for.
    fn read_to_end(&mut self) {
        // Err: no line comes any more, or none in time.
        let _ = self.find(|_| None::<()>);
    }
}
