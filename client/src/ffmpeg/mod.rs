//! ffmpeg as a child process: finding it, asking for its version, reading its errors, and ending it in every case.

mod log;

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use shared_child::SharedChild;
use tokio::sync::{OnceCell, oneshot};

pub(crate) use log::{Errors, Line};

/// How long a program may take that only answers a question, such as ffprobe.
const ANSWER_TIME: Duration = Duration::from_secs(20);

/// Why ffmpeg or ffprobe failed.
#[derive(Debug, thiserror::Error)]
pub enum FfmpegError {
    /// The program is not installed.
    #[error("`{program}` is not installed, or not in PATH: {hint}")]
    Missing {
        /// `ffmpeg` or `ffprobe`.
        program: &'static str,
        /// How to install it.
        hint: &'static str,
    },
    /// The program could not be run.
    #[error("`{program}` could not be run")]
    Start {
        /// `ffmpeg` or `ffprobe`.
        program: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The program ended with an error.
    #[error("{program} could not {task}: {said}")]
    Failed {
        /// `ffmpeg` or `ffprobe`.
        program: &'static str,
        /// What the program should have done, with the name of the file.
        task: String,
        /// The last lines of its stderr, or its exit status if there were none.
        said: String,
    },
    /// The program did not answer in time.
    #[error("{program} did not {task} within {} s, and was ended", ANSWER_TIME.as_secs())]
    Silent {
        /// `ffmpeg` or `ffprobe`.
        program: &'static str,
        /// What the program should have done, with the name of the file.
        task: String,
    },
}

impl FfmpegError {
    /// Replaces the path of a file in the making by the name that people know it by.
    pub(crate) fn about(self, part: &Path, name: &Path) -> FfmpegError {
        match self {
            FfmpegError::Failed { program, task, said } => {
                let said = said.replace(&*part.to_string_lossy(), &name.to_string_lossy());
                FfmpegError::Failed { program, task, said }
            }
            other => other,
        }
    }
}

/// The properties of the installed ffmpeg that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ffmpeg {
    /// The flag that selects how frame times are kept; version 5.1 renamed it.
    pub(crate) fps_mode: &'static str,
}

impl Ffmpeg {
    /// Runs `ffmpeg -version`, once in a process, and reads the properties from its output.
    ///
    /// # Errors
    /// Fails if ffmpeg is missing or does not run.
    pub(crate) async fn find() -> Result<Ffmpeg, FfmpegError> {
        static FOUND: OnceCell<Ffmpeg> = OnceCell::const_new();
        let find = async || {
            let said = output_of("ffmpeg", ["-version"], "say its version".into()).await?;
            Ok(Ffmpeg::from_version(&said))
        };
        FOUND.get_or_try_init(find).await.copied()
    }

    fn from_version(said: &str) -> Ffmpeg {
        let number = said.strip_prefix("ffmpeg version ").unwrap_or_default();
        let mut numbers = number.trim_start_matches('n').split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
        let old = match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < (5, 1),
            // A build from the repository has no number and is recent.
            _ => false,
        };
        Ffmpeg { fps_mode: if old { "-vsync" } else { "-fps_mode" } }
    }
}

/// Formats a path as an argument of ffmpeg, which takes a plain path with a colon in it for a URL.
pub(crate) fn file(path: &Path) -> OsString {
    let mut name = OsString::from("file:");
    name.push(path);
    name
}

/// Converts words to arguments of a command.
pub(crate) fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// Runs a program to its end and returns its stdout. The program is killed if the returned future is dropped.
pub(crate) async fn output_of<I, S>(program: &'static str, args: I, task: String) -> Result<String, FfmpegError>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let process = Arc::new(start(program, args, task.clone())?);
    let _ended = KillOnDrop(process.clone());
    let (sender, answer) = oneshot::channel();
    // Err: nobody waits for it any more.
    std::thread::spawn(move || sender.send(answer_of(program, &process)));
    match tokio::time::timeout(ANSWER_TIME, answer).await {
        Ok(said) => said.expect("reading a pipe does not panic"),
        Err(_elapsed) => Err(FfmpegError::Silent { program, task }),
    }
}

/// Runs a program to its end and returns its stdout, on a thread that may wait for it.
pub(crate) fn run<I, S>(program: &'static str, args: I, task: String) -> Result<String, FfmpegError>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    answer_of(program, &start(program, args, task)?)
}

fn start<I, S>(program: &'static str, args: I, task: String) -> Result<Process, FfmpegError>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped());
    Process::spawn(program, command, task)
}

fn answer_of(program: &'static str, process: &Process) -> Result<String, FfmpegError> {
    let said = io::read_to_string(process.stdout()).map_err(|source| FfmpegError::Start { program, source });
    process.wait().and(said)
}

/// Kills a process on drop, while another thread may wait for its end.
#[derive(Debug)]
pub(crate) struct KillOnDrop(pub(crate) Arc<Process>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// A child process that is killed on drop. Several threads may use it, so that one can kill what another one reads from.
#[derive(Debug)]
pub(crate) struct Process {
    program: &'static str,
    task: String,
    child: SharedChild,
    log: Mutex<Option<JoinHandle<Errors>>>,
}

impl Process {
    /// Starts the program, which is to log with `-v level+…`. `task` completes the error message "it could not …".
    pub(crate) fn spawn(program: &'static str, command: Command, task: String) -> Result<Process, FfmpegError> {
        Process::spawn_observed(program, command, task, |_| {})
    }

    /// Starts the program as [`Process::spawn`] does, and gives each line of its log to `observe`, on another thread. Returning from
    /// `observe` late holds the program up.
    pub(crate) fn spawn_observed(
        program: &'static str,
        mut command: Command,
        task: String,
        observe: impl FnMut(Line<'_>) + Send + 'static,
    ) -> Result<Process, FfmpegError> {
        command.stderr(Stdio::piped());
        detach_from_terminal(&mut command);
        let child = SharedChild::spawn(&mut command).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => FfmpegError::Missing { program, hint: INSTALL_HINT },
            _ => FfmpegError::Start { program, source },
        })?;
        let stderr = child.take_stderr().expect("stderr is piped just above");
        let log = std::thread::spawn(move || read_log(stderr, observe));
        Ok(Process { program, task, child, log: Mutex::new(Some(log)) })
    }

    /// Takes the pipe to the program's stdin. May be called once.
    pub(crate) fn stdin(&self) -> ChildStdin {
        self.child.take_stdin().expect("stdin is piped, and taken once")
    }

    /// Takes the pipe from the program's stdout. May be called once.
    pub(crate) fn stdout(&self) -> ChildStdout {
        self.child.take_stdout().expect("stdout is piped, and taken once")
    }

    /// Kills the program.
    pub(crate) fn kill(&self) {
        // Err: it has ended already.
        let _ = self.child.kill();
    }

    /// Waits until the program ends, and returns the errors that it reported although it ended well: ffmpeg calls it a success
    /// to have read what was left of a damaged file. May be called once.
    ///
    /// # Errors
    /// Fails if the program ended with an error; the message holds the last lines of its log.
    pub(crate) fn wait(&self) -> Result<Errors, FfmpegError> {
        let Process { program, task, child, log } = self;
        let status = child.wait().map_err(|source| FfmpegError::Start { program, source })?;
        let log = log.lock().unwrap_or_else(PoisonError::into_inner).take();
        let errors = log.map(|log| log.join().expect("reading a pipe does not panic")).unwrap_or_default();
        if status.success() {
            return Ok(errors);
        }
        let said = errors.joined().unwrap_or_else(|| status.to_string());
        Err(FfmpegError::Failed { program, task: task.clone(), said })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        // The process was killed above and must be reaped.
        let _ = self.child.wait();
    }
}

#[cfg(windows)]
const INSTALL_HINT: &str = "type `winget install ffmpeg`";
#[cfg(target_os = "macos")]
const INSTALL_HINT: &str = "type `brew install ffmpeg`";
#[cfg(not(any(windows, target_os = "macos")))]
const INSTALL_HINT: &str = "type `sudo apt-get install ffmpeg`, or your system's like";

/// Puts the program into a process group of its own. Ctrl-C in a terminal goes to the whole group of this process, and
/// ffmpeg must live on until the frames in flight are written.
#[cfg(unix)]
fn detach_from_terminal(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(windows)]
fn detach_from_terminal(command: &mut Command) {
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
    std::os::windows::process::CommandExt::creation_flags(command, CREATE_NEW_PROCESS_GROUP);
}

fn read_log(stderr: impl io::Read, mut observe: impl FnMut(Line<'_>)) -> Errors {
    let mut errors = Errors::default();
    // A program that fails before it has read its options writes lines without a level, and each is an error.
    let mut is_error = true;
    let mut reader = BufReader::new(stderr);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).is_ok_and(|n| n > 0) {
        let text = String::from_utf8_lossy(&bytes);
        let line = Line::parse(text.trim_end());
        is_error = line.is_error.unwrap_or(is_error);
        // The muxer `null` writes nothing, so nothing is wrong with what it wrote.
        if is_error && line.part != "null" && !line.text.trim().is_empty() {
            errors.push(line.text.trim());
        }
        observe(line);
        bytes.clear();
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_follows_the_version() {
        let cases = [
            ("ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright", "-vsync"),
            ("ffmpeg version 5.0.1 Copyright", "-vsync"),
            ("ffmpeg version 5.1.9-0+deb12u1 Copyright", "-fps_mode"),
            ("ffmpeg version n7.1 Copyright", "-fps_mode"),
            ("ffmpeg version 10.0 Copyright", "-fps_mode"),
            ("ffmpeg version N-109741-gbbe95f7353 Copyright", "-fps_mode"),
        ];
        for (said, flag) in cases {
            assert_eq!(Ffmpeg::from_version(said).fps_mode, flag, "{said}");
        }
    }

    #[test]
    fn a_line_without_a_level_goes_on_with_the_one_before() {
        let log = "[info]     comment : one\n                    : two\n[error] a\nb\n";
        let errors = read_log(log.as_bytes(), |_| {});
        assert_eq!(errors.joined().as_deref(), Some("a; b"));
    }

    #[tokio::test]
    async fn a_missing_program_says_what_to_type() {
        let error = output_of("facefleet-no-such-program", ["-version"], "run".into()).await.unwrap_err();
        assert!(error.to_string().contains("is not installed"), "{error}");
        assert!(error.to_string().contains("install ffmpeg"), "{error}");
    }

    #[tokio::test]
    async fn a_failure_holds_the_end_of_stderr() {
        let error = output_of("ffmpeg", ["-no-such-flag"], "run".into()).await.unwrap_err();
        assert!(matches!(&error, FfmpegError::Failed { said, .. } if said.contains("no-such-flag")), "{error}");
    }
}
