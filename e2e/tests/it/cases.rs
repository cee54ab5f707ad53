//! A folder in which a test makes its inputs, and runs the client on them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use facefleet_e2e::{Ended, Process, Program, tool_in};
use tempfile::TempDir;

use crate::report::{self, Line};

/// Two seconds of a moving picture, 25 frames a second, as H.264. There is no sound.
pub(crate) const CLIP: &str = "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -c:v libx264 -preset veryfast -crf 34";
/// The picture of [`CLIP`] with two seconds of a tone.
pub(crate) const CLIP_WITH_SOUND: &str = "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -f lavfi -i sine=r=48000:d=2 -c:v libx264 \
                                          -preset veryfast -crf 34 -c:a aac -b:a 64k";
/// The frames of [`CLIP`].
pub(crate) const FRAMES: u64 = 50;

/// A folder of one test. Names are relative to it, for the tools and for the client.
pub(crate) struct Case(TempDir);

/// A run that answered each of its frames.
pub(crate) struct Done {
    pub(crate) ended: Ended,
    pub(crate) lines: Vec<Line>,
}

impl Case {
    pub(crate) fn new() -> Case {
        Case(tempfile::tempdir().unwrap())
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Has ffmpeg make a file. The arguments are separated by spaces.
    #[track_caller]
    pub(crate) fn make(&self, args: &str, name: &str) -> PathBuf {
        let args: Vec<&str> = ["-nostdin", "-y"].into_iter().chain(args.split_whitespace()).chain([name]).collect();
        tool_in(self.folder(), "ffmpeg", &args).unwrap();
        self.path(name)
    }

    /// The client that runs these arguments on this machine alone, as a command.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Program::Client.command().unwrap();
        command.current_dir(self.folder()).args(["run", "--local"]).args(args);
        command
    }

    /// Another program that starts the client: `program BEFORE… CLIENT ARGS…`.
    pub(crate) fn started_by(&self, program: &str, before: &[&str], args: &[&str]) -> Command {
        let client = self.command(args);
        let mut command = Command::new(program);
        command.current_dir(self.folder()).args(before).arg(client.get_program()).args(client.get_args());
        for (name, value) in client.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Runs the client to its end.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        Process::start("client", self.command(args)).unwrap().end().unwrap()
    }

    /// Runs the client with the lines of JSON on stdout, and has it end well with every frame answered, once and in order.
    #[track_caller]
    pub(crate) fn done(&self, args: &[&str]) -> Done {
        Done::of(self.run(&[args, &["--json", "-"]].concat()))
    }

    /// Writes the annotated video OUT of INPUT, and nothing else: whatever else is in the folder stays as it was.
    #[track_caller]
    pub(crate) fn annotate(&self, input: &str, out: &str) -> Done {
        let before = self.contents();
        let done = self.done(&[input, "--annotate", out]);
        let mut after = self.contents();
        assert!(after.remove(out).is_some(), "{out} was not written: {:#?}", done.ended.stderr);
        assert_same(&before.into_iter().filter(|(name, _)| name != out).collect(), &after);
        done
    }

    /// The names of all that is in the folder.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.folder()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// The bytes of all files in the folder, by name.
    pub(crate) fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let files = self.names().into_iter().filter(|name| self.path(name).is_file());
        files.map(|name| (name.clone(), fs::read(self.path(&name)).unwrap())).collect()
    }
}

impl Done {
    #[track_caller]
    pub(crate) fn of(ended: Ended) -> Done {
        assert_eq!(ended.code, Some(0), "{:#?}", ended.stderr);
        let lines = report::parse(&ended.stdout);
        report::assert_all_ok(&lines, lines.len() as u64);
        Done { ended, lines }
    }

    /// The frames that were answered.
    pub(crate) fn frames(&self) -> u64 {
        self.lines.len() as u64
    }

    /// Whether a line for people has one of these words in it, in whatever case.
    pub(crate) fn says(&self, words: &[&str]) -> bool {
        says(&self.ended, words)
    }
}

/// Whether a line on stderr has one of these words in it, in whatever case.
pub(crate) fn says(ended: &Ended, words: &[&str]) -> bool {
    let has_one = |line: &String| words.iter().any(|word| line.to_lowercase().contains(word));
    ended.stderr.iter().any(has_one)
}

/// Two folders have the same files with the same bytes, which are too many to be shown.
#[track_caller]
pub(crate) fn assert_same(before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) {
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    let changed: Vec<_> = before.iter().filter(|(name, bytes)| after[*name] != **bytes).map(|(name, _)| name).collect();
    assert!(changed.is_empty(), "changed: {changed:?}");
}

/// Two numbers are as near to each other as is asked.
#[track_caller]
pub(crate) fn assert_near(what: &str, found: f64, right: f64, within: f64) {
    assert!((found - right).abs() <= within, "{what} is {found:.3}, and is to be {right:.3} within {within}");
}
