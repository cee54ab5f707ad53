//! Who takes part.

use std::fs;
use std::path::{Path, PathBuf};

use facefleet_e2e::asset;

use crate::error::Error;

/// How often the clip is repeated for a client that is to go on to the end: 10 s each at its own speed, and days of it in
/// a list of a few hundred kilobytes.
const REPEATS: usize = 20_000;

/// What a process is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    Master,
    Worker {
        /// It is never ended.
        steady: bool,
    },
    Client {
        /// It is never ended.
        steady: bool,
        input: Input,
        /// Beside input, master and summary. Files that it names are in the folder that it runs in.
        args: &'static [&'static str],
    },
}

impl Role {
    /// When it ends, as a person would do it: clients, workers, the master.
    pub(crate) fn turn_to_end(&self) -> usize {
        match self {
            Role::Client { .. } => 0,
            Role::Worker { .. } => 1,
            Role::Master => 2,
        }
    }
}

/// What a client looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    /// Ten seconds of video.
    Clip,
    /// The same again and again.
    Endless,
}

/// Everybody, by name; the master first, so that it is there when the others come.
pub(crate) const CAST: [(&str, Role); 11] = [
    ("master", Role::Master),
    ("worker-1", Role::Worker { steady: true }),
    ("worker-2", Role::Worker { steady: false }),
    ("worker-3", Role::Worker { steady: false }),
    ("worker-4", Role::Worker { steady: false }),
    ("file, endless", Role::Client { steady: true, input: Input::Endless, args: &[] }),
    ("live, endless", Role::Client { steady: true, input: Input::Endless, args: &["--live"] }),
    ("file", Role::Client { steady: false, input: Input::Clip, args: &["--json", "file.jsonl"] }),
    ("file, annotated", Role::Client { steady: false, input: Input::Clip, args: &["--annotate", "annotated.mp4"] }),
    ("live", Role::Client { steady: false, input: Input::Clip, args: &["--live"] }),
    (
        "live, first, yunet",
        Role::Client { steady: false, input: Input::Clip, args: &["--live", "--priority", "1", "--detector", "yunet"] },
    ),
];

/// The folder that the clients run in, with their inputs.
#[derive(Debug)]
pub(crate) struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn new() -> Result<Stage, Error> {
        let folder = tempfile::tempdir().map_err(Error::file("the temporary folder".as_ref()))?;
        let stage = Stage { folder };
        let clip = stage.input(Input::Clip);
        fs::copy(asset("demo.mp4"), &clip).map_err(Error::file(&clip))?;
        // ffmpeg's list of files, read one after the other; names are those of its own folder.
        let list = "ffconcat version 1.0\n".to_owned() + &"file clip.mp4\n".repeat(REPEATS);
        let endless = stage.input(Input::Endless);
        fs::write(&endless, list).map_err(Error::file(&endless))?;
        Ok(stage)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The file of an input.
    pub(crate) fn input(&self, input: Input) -> PathBuf {
        self.path().join(match input {
            Input::Clip => "clip.mp4",
            Input::Endless => "endless.ffconcat",
        })
    }
}
