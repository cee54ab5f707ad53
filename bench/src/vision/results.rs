//! The figures, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use facefleet_vision::{Kernels, Size};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::codecs::{self, Codecs};
use super::sides::{Costs, RTEN_YUNET, RUSTFACE, SCALAR, SEETA, YUNET, YUNET_SCALAR};
use crate::OPT_LEVEL;

/// The sizes that there are goals for.
const SEETA_AT: Size = Size { width: 500, height: 400 };
const YUNET_AT: [Size; 2] = [Size { width: 320, height: 256 }, Size { width: 512, height: 416 }];

/// What was measured.
pub(super) struct Results {
    pub(super) clip: PathBuf,
    pub(super) frames: usize,
    /// Size of the frames as they were sent.
    pub(super) source: Size,
    pub(super) rounds: u32,
    /// The core that all of it ran on; None: wherever the system liked.
    pub(super) core: Option<u32>,
    pub(super) sizes: Vec<Costs>,
    pub(super) codecs: Vec<Codecs>,
}

impl Serialize for Results {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for costs in &self.sizes {
            map.serialize_entry(&costs.size.to_string(), costs)?;
        }
        let codecs: BTreeMap<_, _> = self.codecs.iter().map(|codecs| (codecs.size.to_string(), codecs)).collect();
        map.serialize_entry("jpeg", &codecs)?;
        map.end()
    }
}

impl Serialize for Costs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for detector in &self.detectors {
            map.serialize_entry(&format!("{}_ms", detector.name), &detector.ms)?;
        }
        for (name, ms) in self.stages() {
            map.serialize_entry(&format!("{name}_ms"), &ms)?;
        }
        map.serialize_entry("boxes_allocations", &self.allocations)?;
        map.end()
    }
}

impl Serialize for Codecs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(codecs::NAMES.iter().zip(&self.ms))
    }
}

impl Costs {
    fn stages(&self) -> [(&'static str, f64); 4] {
        [("decode", self.decode), ("resize", self.resize), ("draw", self.draw), ("encode", self.encode)]
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Results { clip, frames, source, rounds, core, sizes, codecs } = self;
        writeln!(f, "{}: {frames} frames of {source}, {rounds} times, one thread", clip.display())?;
        let tables = Kernels::supported().iter().map(Kernels::name).collect::<Vec<_>>().join(", ");
        writeln!(f, "{SEETA} runs on kernels {}, of {tables}", Kernels::best().name())?;
        writeln!(f, "everything is built with opt-level {OPT_LEVEL}, by cargo's profile `bench`")?;
        match core {
            Some(core) => writeln!(f, "everything on core {core}; medians, ms a frame\n")?,
            None => writeln!(f, "not kept on one core (there is no taskset here); medians, ms a frame\n")?,
        }

        let row = |f: &mut fmt::Formatter<'_>, name: &str, cell: &dyn Fn(&Costs) -> String| {
            let cells: String = sizes.iter().map(|costs| format!("{:>11}", cell(costs))).collect();
            writeln!(f, "{name:32}{cells}")
        };
        row(f, "", &|costs| costs.size.to_string())?;
        for (place, detector) in sizes[0].detectors.iter().enumerate() {
            row(f, detector.name, &|costs| format!("{:.2}", costs.detectors[place].ms))?;
        }
        for (place, (name, _)) in sizes[0].stages().into_iter().enumerate() {
            row(f, name, &|costs| format!("{:.3}", costs.stages()[place].1))?;
        }
        writeln!(f)?;
        row(f, &format!("{RUSTFACE} / {SEETA}"), &|costs| times(costs, RUSTFACE))?;
        row(f, &format!("{SCALAR} / {SEETA}"), &|costs| times(costs, SCALAR))?;
        row(f, &format!("{YUNET} / {RTEN_YUNET}"), &|costs| share(costs, RTEN_YUNET))?;
        row(f, &format!("{YUNET} / {YUNET_SCALAR}"), &|costs| share(costs, YUNET_SCALAR))?;
        row(f, &format!("GFLOP/s, {YUNET}"), &|costs| format!("{:.1}", costs.yunet_gflops()))?;
        row(f, &format!("(decode + resize) / {SEETA}"), &|costs| percent(costs.around()))?;
        row(f, "allocations a frame, boxes only", &|costs| costs.allocations.to_string())?;
        for (place, detector) in sizes[0].detectors.iter().enumerate() {
            row(f, &format!("faces, {}", detector.name), &|costs| {
                costs.detectors[place].faces.map_or("-".to_owned(), |faces| faces.to_string())
            })?;
        }

        let goal = |f: &mut fmt::Formatter<'_>, name: &str, here: &str, goal: &str, proud: &str| {
            writeln!(f, "{name:32}{here:>11}{goal:>11}{proud:>11}")
        };
        for costs in sizes {
            let at = format!("\nat {}", costs.size);
            if costs.size == SEETA_AT {
                goal(f, &format!("{at:33}"), "here", "goal", "proud of")?;
                goal(f, &format!("{RUSTFACE} / {SEETA}"), &times(costs, RUSTFACE), "6x", "10x")?;
                goal(f, "around the detector, boxes only", &percent(costs.around()), "< 25 %", "< 15 %")?;
                goal(f, "allocations a frame, boxes only", &costs.allocations.to_string(), "0", "")?;
            } else if YUNET_AT.contains(&costs.size) {
                goal(f, &format!("{at:33}"), "here", "goal", "proud of")?;
                goal(f, &format!("{YUNET} / {RTEN_YUNET}"), &share(costs, RTEN_YUNET), "0.20", "0.15")?;
            }
        }

        let row = |f: &mut fmt::Formatter<'_>, name: &str, cell: &dyn Fn(&Codecs) -> String| {
            let cells: String = codecs.iter().map(|codecs| format!("{:>11}", cell(codecs))).collect();
            writeln!(f, "{name:32}{cells}")
        };
        writeln!(f)?;
        row(f, "JPEG, medians, ms a picture", &|codecs| codecs.size.to_string())?;
        for (place, name) in codecs::NAMES.iter().enumerate() {
            row(f, name, &|codecs| format!("{:.2}", codecs.ms[place]))?;
        }
        Ok(())
    }
}

/// How many times slower than our engine a detector is.
fn times(costs: &Costs, slower: &str) -> String {
    format!("{:.1}x", costs.of(slower) / costs.of(SEETA))
}

/// The time of our YuNet as a share of another's.
fn share(costs: &Costs, other: &str) -> String {
    format!("{:.3}", costs.of(YUNET) / costs.of(other))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
