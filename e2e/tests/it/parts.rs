//! A video that comes in parts, when the test says so.
//!
//! A test may get no processor for a while, and the programs all of it. So what is to happen in the middle of a video must
//! not depend on how soon the test comes to do it: the rest of the video waits for the test.
#![cfg(unix)]

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use facefleet_e2e::{Process, Program};
use tempfile::TempDir;

/// Parts of a video. Those of `demo.mp4` end with the frames 54, 125, 172, 212 and 249, give or take a few: which they are
/// is up to the encoder of the ffmpeg that is installed.
const PARTS: u32 = 5;

/// Holds back all but the first part. Dropping it lets all of them go, and is not to be done before frames have come.
pub(crate) struct VideoInParts {
    folder: TempDir,
    next: u32,
}

impl VideoInParts {
    /// Starts a client that reads its video so.
    pub(crate) fn client(args: &[&str]) -> (Process, VideoInParts) {
        let video = VideoInParts { folder: tempfile::tempdir().unwrap(), next: 2 };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ffmpeg-in-parts.sh");
        symlink(script, video.folder.path().join("ffmpeg")).unwrap();
        (2..=PARTS).for_each(|part| fs::write(video.held(part), "").unwrap());

        let folders = env::var_os("PATH").expect("ffmpeg is found through it");
        let path: OsString = [video.folder.path().as_os_str(), ":".as_ref(), &folders].into_iter().collect();
        let mut command = Program::Client.command().unwrap();
        command.args(args).env("PATH", path).env("PARTS", PARTS.to_string());
        (Process::start("client", command).unwrap(), video)
    }

    /// Lets the next part come.
    pub(crate) fn go_on(&mut self) {
        fs::remove_file(self.held(self.next)).expect("there is one more part");
        self.next += 1;
    }

    fn held(&self, part: u32) -> PathBuf {
        self.folder.path().join(format!("held-{part}"))
    }
}
