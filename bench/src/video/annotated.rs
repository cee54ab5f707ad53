//! An annotated video, beside the same video encoded by ffmpeg alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use facefleet_e2e::{client, tool};
use facefleet_service::clock;

use crate::{Error, cpu};

/// The encoder of annotated videos.
const ENCODER: [&str; 6] = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20"];

/// One video, and what was measured of it.
pub(super) struct Annotated {
    source: String,
    out: PathBuf,
    master: String,
    pub(super) frames: u32,
    /// ffmpeg alone.
    pub(super) encoded: Vec<Cost>,
    /// A client with its own workers.
    pub(super) local: Vec<Cost>,
    /// A client whose workers take no processor time, as if they were other machines.
    pub(super) elsewhere: Vec<Cost>,
}

/// What it takes to write a video, with the start of the programs.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    pub(super) wall: Duration,
    /// Processor time of all programs.
    pub(super) cpu: Duration,
}

impl Annotated {
    pub(super) fn new(source: String, frames: u32, folder: &Path, master: &str) -> Annotated {
        let out = folder.join("annotated.mp4");
        let (encoded, local, elsewhere) = Default::default();
        Annotated { source, out, master: master.to_owned(), frames, encoded, local, elsewhere }
    }

    /// Writes the video in each way.
    pub(super) fn measure(&mut self) -> Result<(), Error> {
        let (source, master, out) = (&*self.source, &*self.master, self.out.to_string_lossy());
        let alone = || {
            tool("ffmpeg", &[&["-i", source], &ENCODER[..], &[&out]].concat())?;
            Ok(())
        };
        self.encoded.push(cost(alone, &self.out)?);
        let annotate = |cluster: &[&str]| {
            let ended = client(&[&["run", source, "--annotate", &out], cluster].concat())?.end()?;
            if ended.code == Some(0) { Ok(()) } else { Err(Error::Client(ended.stderr.join("\n"))) }
        };
        self.local.push(cost(|| annotate(&["--local"]), &self.out)?);
        self.elsewhere.push(cost(|| annotate(&["--master", master]), &self.out)?);
        Ok(())
    }
}

/// Measures what it takes to write `out`, which is removed.
fn cost(write: impl FnOnce() -> Result<(), Error>, out: &Path) -> Result<Cost, Error> {
    let start = clock::now();
    let ((), cpu) = cpu::of_children_in(write)?;
    let wall = clock::now() - start;
    std::fs::remove_file(out).map_err(Error::file(out))?;
    Ok(Cost { wall, cpu })
}
