//! What the client writes: lines of JSON, and a summary.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use facefleet_e2e::Ended;
use jsonschema::Validator;
use serde::Deserialize;

/// One line of JSON, which is one frame.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Line {
    pub(crate) index: u64,
    /// Seconds since the start of the file.
    pub(crate) time_s: Option<f64>,
    pub(crate) image: Option<String>,
    pub(crate) worker: Option<String>,
    pub(crate) outcome: String,
    pub(crate) reason: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) faces: Option<Vec<Face>>,
}

/// A face in pixels of the source.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Face {
    /// Left, top, width, height.
    #[serde(rename = "box")]
    pub(crate) place: [f64; 4],
    pub(crate) score: f64,
    pub(crate) landmarks: Option<[[f64; 2]; 5]>,
}

/// The file of `--summary`.
#[derive(Debug, Deserialize)]
pub(crate) struct Summary {
    pub(crate) balanced: bool,
    pub(crate) total: Counts,
    pub(crate) streams: Vec<Counts>,
}

/// What became of the frames of a stream.
#[derive(Debug, Deserialize)]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    pub(crate) ok: u64,
    /// By reason.
    pub(crate) dropped: BTreeMap<String, u64>,
    /// By code.
    pub(crate) failed: BTreeMap<String, u64>,
}

/// The form of every line.
static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../../docs/frames.schema.json")).expect("the schema is JSON");
    jsonschema::validator_for(&schema).expect("the schema is one")
});

impl Line {
    pub(crate) fn count_of_faces(&self) -> usize {
        self.faces.as_ref().map_or(0, Vec::len)
    }
}

/// Every line of JSON among `lines`, each of which must be one, as the schema has it.
pub(crate) fn parse<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Vec<Line> {
    let parse = |line: T| {
        let line = line.as_ref();
        let json = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        if let Err(error) = SCHEMA.validate(&json) {
            panic!("{error} at {}: {line}", error.instance_path());
        }
        serde_json::from_value(json).unwrap_or_else(|e| panic!("{e}: {line}"))
    };
    lines.into_iter().map(parse).collect()
}

/// The lines of a file.
pub(crate) fn read(path: &Path) -> Vec<Line> {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    parse(text.lines())
}

/// The promise of the ledger, seen from outside: every frame from 0 on, once and in order.
#[track_caller]
pub(crate) fn assert_each_once(lines: &[Line], frames: u64) {
    let indices: Vec<u64> = lines.iter().map(|line| line.index).collect();
    assert_eq!(indices, (0..frames).collect::<Vec<_>>());
}

/// Every frame once and in order, and all of them ok.
#[track_caller]
pub(crate) fn assert_all_ok(lines: &[Line], frames: u64) {
    assert_each_once(lines, frames);
    let bad: Vec<&Line> = lines.iter().filter(|line| line.outcome != "ok").collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

/// The client has ended well, and its own ledger says that `frames` frames were sent and all were ok.
#[track_caller]
pub(crate) fn assert_balanced(ended: &Ended, frames: u64) {
    let said = [&ended.stdout[..], &ended.stderr].concat().join("\n");
    assert_eq!(ended.code, Some(0), "{said}");
    let balance = format!("sent {frames} = ok {frames} + dropped 0 + failed 0");
    assert!(said.contains(&balance), "there is no `{balance}` in:\n{said}");
}

/// The names of the workers that answered.
pub(crate) fn workers(lines: &[Line]) -> BTreeSet<&str> {
    lines.iter().filter_map(|line| line.worker.as_deref()).collect()
}
