//! What it does to the faces that are found when frames are sent small: every filter and JPEG quality beside frames that are sent as
//! large as they are.

mod results;
mod tally;
mod ways;

use std::path::{Path, PathBuf};

use facefleet_e2e::{asset, tool};
use facefleet_vision::{Analyzer, DetectorKind, Job, Limits};

use crate::{Error, write_json};
use results::{Clip, Results, Row};
use tally::{Place, Tally};
use ways::Way;

/// The detectors that people use; `rustface` finds the same faces as the first.
const DETECTORS: [DetectorKind; 2] = [DetectorKind::Seeta, DetectorKind::Yunet];

/// The clips, which are beside a checkout where somebody has put them, and the distance of the frames that are used.
const CLIPS: [(&str, u32); 4] = [(HAMILTON, 1), ("signer.mkv", 1), ("two-people.gif", 1), ("few-faces.mp4", 4)];
/// The clip that is used at the size of a camera, too.
const HAMILTON: &str = "short_hamilton_clip.mp4";
const ENLARGED: &str = "scale=1920:1080:flags=lanczos";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder of the clips [default: ../shared/data beside this checkout].
    #[arg(value_name = "FOLDER")]
    clips: Option<PathBuf>,

    /// Also write the figures of each clip to this file, as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let shared = args.clips.clone().unwrap_or_else(|| asset("../../shared/data"));
    let folder = tempfile::tempdir().map_err(Error::Folder)?;
    let mut results = Results::default();
    for (clip, step) in clips(&shared, folder.path())? {
        eprintln!("{}", clip.display());
        results.clips.push(measure(&clip, step)?);
    }
    print!("{results}");
    write_json(args.json.as_deref(), &results)
}

/// Returns the clips that are there. Each that is not is named.
fn clips(shared: &Path, folder: &Path) -> Result<Vec<(PathBuf, u32)>, Error> {
    let is_there = |(path, _): &(PathBuf, u32)| {
        let is_there = path.exists();
        if !is_there {
            eprintln!("WARNING: there is no {}, so these are NOT the usual figures", path.display());
        }
        is_there
    };
    let mut clips: Vec<(PathBuf, u32)> =
        CLIPS.map(|(name, step)| (shared.join(name), step)).into_iter().filter(is_there).collect();
    if let Some((hamilton, _)) = clips.iter().find(|(path, _)| path.ends_with(HAMILTON)) {
        let enlarged = folder.join("hamilton-1080p.mp4");
        let (from, to) = (hamilton.to_string_lossy(), enlarged.to_string_lossy());
        let encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "12"];
        tool("ffmpeg", &[&["-i", &from, "-map", "0:V:0", "-vf", ENLARGED], &encoder[..], &[&to]].concat())?;
        clips.push((enlarged, 2));
    }
    Ok(clips)
}

fn measure(clip: &Path, step: u32) -> Result<Clip, Error> {
    let detector = |&kind: &DetectorKind| Analyzer::new(kind, Limits::default());
    let mut detectors = DETECTORS.iter().map(detector).collect::<Result<Vec<_>, _>>()?;
    let reference = find(&mut detectors, &Way::REFERENCE.make(clip, step)?)?;
    let mut row = |way: Way| {
        let jpegs = way.make(clip, step)?;
        let found = find(&mut detectors, &jpegs)?;
        let tally = |(reference, found): (&Found, &Found)| Tally::of(reference, found);
        Ok(Row {
            way: way.to_string(),
            bytes: jpegs.iter().map(Vec::len).sum(),
            detectors: reference.iter().zip(&found).map(tally).collect(),
        })
    };
    Ok(Clip {
        name: clip.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        frames: reference[0].len(),
        reference: reference.iter().map(|found| found.iter().map(Vec::len).sum()).collect(),
        rows: Way::all().map(&mut row).collect::<Result<_, Error>>()?,
    })
}

/// The places of all faces that one detector found, a frame each.
type Found = Vec<Vec<Place>>;

/// Looks for faces with each of the detectors.
fn find(detectors: &mut [Analyzer], jpegs: &[Vec<u8>]) -> Result<Vec<Found>, Error> {
    let places = |detector: &mut Analyzer, jpeg| Ok(Place::all(&detector.analyze(jpeg, &Job::default())?));
    let one = |detector: &mut Analyzer| jpegs.iter().map(|jpeg| places(detector, jpeg)).collect();
    detectors.iter_mut().map(one).collect()
}
