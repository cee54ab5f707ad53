//! The figures, for people and for programs.

use std::fmt;

use serde::Serialize;

use super::DETECTORS;
use super::tally::Tally;

/// What was found in all clips.
#[derive(Default, Serialize)]
pub(super) struct Results {
    pub(super) clips: Vec<Clip>,
}

/// One clip.
#[derive(Serialize)]
pub(super) struct Clip {
    pub(super) name: String,
    pub(super) frames: usize,
    /// Faces that are there to be found, for each detector.
    pub(super) reference: Vec<usize>,
    /// A row for each way, in the same order for every clip.
    pub(super) rows: Vec<Row>,
}

/// One way to send frames.
#[derive(Clone, Serialize)]
pub(super) struct Row {
    pub(super) way: String,
    /// Bytes of all frames together.
    pub(super) bytes: usize,
    /// What each detector found.
    pub(super) detectors: Vec<Tally>,
}

impl Row {
    fn merge(&mut self, other: &Row) {
        self.bytes += other.bytes;
        self.detectors.iter_mut().zip(&other.detectors).for_each(|(tally, other)| tally.merge(*other));
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, others)) = self.clips.split_first() else { return writeln!(f, "there is no clip") };
        let mut rows = first.rows.clone();
        for clip in others {
            rows.iter_mut().zip(&clip.rows).for_each(|(row, other)| row.merge(other));
        }
        let frames: usize = self.clips.iter().map(|clip| clip.frames).sum();
        let names: Vec<&str> = self.clips.iter().map(|clip| &*clip.name).collect();
        writeln!(f, "{frames} frames of {}", names.join(", "))?;
        writeln!(f, "faces lost and new: against frames of full size, nearly without loss, in which there are")?;
        for (place, kind) in DETECTORS.iter().enumerate() {
            let faces: usize = self.clips.iter().map(|clip| clip.reference[place]).sum();
            writeln!(f, "  {faces} faces for {kind}")?;
        }
        write!(f, "\n{:16}{:>9}", "", "kB/frame")?;
        for kind in DETECTORS {
            write!(f, "{:>9}{:>7}{:>7}{:>9}", kind.to_string(), "lost", "new", "IoU")?;
        }
        writeln!(f)?;
        for Row { way, bytes, detectors } in &rows {
            write!(f, "{way:16}{:9.1}", *bytes as f64 / 1e3 / frames as f64)?;
            for tally in detectors {
                write!(f, "{:9}{:7}{:7}{:9.4}", tally.faces, tally.lost, tally.new, tally.mean_overlap())?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
